"""Training on this machine: the history is what the query makes of the plant, and nothing is done twice."""

import io
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from operations import training
from operations.errors import OperationError
from operations.history import History, day_features
from operations.training import inputs_digest
from scoring.contract import arrow_schema
from scoring.sensors import simulator
from scoring.sensors.contract import FEATURE

HISTORY = History(until=datetime(2026, 1, 5, tzinfo=UTC), days=2, devices=1, sensors=1, seed=7)


def test_a_day_of_history_holds_every_regular_reading_and_every_copy_of_the_plant():
    name, data, rows = day_features("sensors", HISTORY, 1)
    table = pq.read_table(io.BytesIO(data))
    sent = simulator.day(datetime(2026, 1, 4, tzinfo=UTC), devices=1, sensors=1, seed=7).counts
    assert (name, rows, table.num_rows) == ("2026-01-04", 288, 288)
    assert table.schema.remove_metadata() == arrow_schema(FEATURE)
    assert sum(table["Events"].to_pylist()) == sent["regular"]
    assert sum(table["Duplicates"].to_pylist()) == sent["duplicates"]


@pytest.mark.parametrize(
    "change", [{"days": 3}, {"seed": 8}, {"sensors": 2}, {"until": datetime(2026, 1, 6, tzinfo=UTC)}]
)
def test_another_history_is_another_input_and_the_same_is_not(change):
    for simulation in (True, False):
        same = inputs_digest("sensors", HISTORY, simulation=simulation)
        assert same == inputs_digest("sensors", replace(HISTORY), simulation=simulation)
        assert same != inputs_digest("sensors", replace(HISTORY, **change), simulation=simulation)


def test_without_the_scoring_environment_the_command_that_makes_it_is_named(tmp_path, monkeypatch):
    missing = tmp_path / "scoring" / ".venv" / "bin" / "python"
    monkeypatch.setattr(training, "scoring_python", lambda: missing)
    with pytest.raises(
        OperationError, match="no such interpreter; make the scoring environment: uv sync --project scoring"
    ):
        training.train("sensors", HISTORY, print)


def test_what_is_not_filled_to_the_end_leaves_the_old_folder_alone(tmp_path: Path):
    folder = tmp_path / "history"
    training._replace(folder, lambda new: (new / "a").write_text("old"), {"digest": "1"})

    def breaks(new: Path) -> None:
        (new / "a").write_text("half")
        raise OperationError("broken")

    with pytest.raises(OperationError, match="broken"):
        training._replace(folder, breaks, {"digest": "2"})
    assert (folder / "a").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["history"]
