"""Feature and prediction rows of the problem `sensors`, for tests."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from operations.prepare import parquet
from scoring.contract import arrow_schema
from scoring.sensors.contract import FEATURE, PREDICTION

DAY = datetime(2026, 1, 5, tzinfo=UTC)


def feature(
    minutes: int, *, device: str = "pump-001", sensor: str = "flow", events: int = 10, mean: float = 1.0
) -> dict:
    return {
        "WindowEnd": DAY + timedelta(minutes=minutes),
        "DeviceId": device,
        "SensorId": sensor,
        "Events": events,
        "Duplicates": 0,
        "Mean": mean,
        "Minimum": mean,
        "Maximum": mean,
        "Deviation": 0.0,
    }


def prediction(minutes: int, *, anomaly: int = 0, score: float = 0.5, **changes: Any) -> dict:
    row = {
        "WindowEnd": DAY + timedelta(minutes=minutes),
        "DeviceId": "pump-001",
        "SensorId": "flow",
        "Mean": 10.0 + score,
        "Expected": 10.0,
        "Score": score,
        "Anomaly": anomaly,
        "ModelDigest": "m" * 16,
        "CodeDigest": "c" * 16,
        "Job": "job-1",
    }
    return row | changes


def features(*rows: dict) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=arrow_schema(FEATURE))


def feature_file(*rows: dict) -> bytes:
    return parquet(features(*rows))


def predictions(*rows: dict) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=arrow_schema(PREDICTION))
