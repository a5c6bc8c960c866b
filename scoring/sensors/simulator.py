"""A simulated plant that sends its readings as a real one does: late, twice, broken at times; the truth is known.

    simulation = day(datetime(2026, 3, 2, tzinfo=UTC))
    for send_time, partition_key, body in simulation.deliveries(): ...

Every delivery belongs to exactly one class of `counts`, so that what comes out at the other end can be counted against
what went in: sent = in windows (regular) + duplicates + malformed + late + early + undeserialisable.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scoring.sensors import plant

if TYPE_CHECKING:
    import pandas as pd

SEED = 7
DAY = timedelta(days=1)
WINDOW = 300  # seconds; as TumblingWindow in query.asaql
TOLERANCE = 300  # seconds that a reading may arrive late, or stand ahead of its arrival

CLASSES = ("regular", "duplicates", "malformed", "late", "early", "undeserialisable")
# Share of readings of each kind. A delayed reading is late within the tolerance, out of order, and counts as regular.
_SHARES = {
    "duplicates": 0.01,
    "malformed": 0.003,
    "late": 0.004,
    "early": 0.002,
    "undeserialisable": 0.002,
    "delayed": 0.02,
}
_KINDS = ("regular", *_SHARES)
# Whole minutes from the end of the minute in which a reading was taken to its sending: with the minute itself, a
# delayed one stays within TOLERANCE and a late one exceeds it. A copy follows its original.
_MINUTES = {"duplicates": (0, 2), "late": (6, 40), "delayed": (1, 3)}

Delivery = tuple[datetime, str, bytes]


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """What the plant sends from `start` to `end`; all deliveries are sent in that time."""

    start: datetime
    end: datetime
    series: tuple[plant.Series, ...]
    _kinds: tuple[NDArray[np.int8], ...]
    _minutes: tuple[NDArray[np.int64], ...]
    _details: tuple[NDArray[np.float64], ...]

    @property
    def counts(self) -> dict[str, int]:
        """Deliveries of each class; their sum is all deliveries. A duplicate is the copy, not the original."""
        totals = dict.fromkeys(_KINDS, 0)
        for kinds in self._kinds:
            for kind, count in zip(_KINDS, np.bincount(kinds, minlength=len(_KINDS)), strict=True):
                totals[kind] += int(count)
        totals["regular"] += totals["delayed"] + totals["duplicates"]
        return {name: totals[name] for name in CLASSES}

    @property
    def delayed(self) -> int:
        """How many of the regular deliveries are late within the tolerance, and so out of order."""
        return sum(int((kinds == _KINDS.index("delayed")).sum()) for kinds in self._kinds)

    @property
    def truth(self) -> pd.DataFrame:
        """Windows with at least one faulty reading: WindowEnd (UTC), DeviceId, SensorId, Kind; sorted, each once."""
        import pandas as pd

        rows = [
            (self._moment(end), *row)
            for *row, first, last in self._fault_seconds()
            for end in _window_ends(first, last)
        ]
        key = ["WindowEnd", "DeviceId", "SensorId"]
        table = pd.DataFrame(rows, columns=[*key, "Kind"])
        return table.sort_values([*key, "Kind"]).drop_duplicates(key).reset_index(drop=True)

    @property
    def faults(self) -> pd.DataFrame:
        """The injected faults: Start and End (first and last faulty reading, UTC), DeviceId, SensorId, Kind."""
        import pandas as pd

        rows = [(self._moment(first), self._moment(last), *row) for *row, first, last in self._fault_seconds()]
        table = pd.DataFrame(rows, columns=["Start", "End", "DeviceId", "SensorId", "Kind"])
        return table.sort_values(["Start", "DeviceId", "SensorId"]).reset_index(drop=True)

    def deliveries(self) -> Iterator[Delivery]:
        """(send time, partition key, body) in order of sending, then of event time: readings taken in (m-1, m] are sent
        at minute m, delayed and late ones some minutes after that."""
        sent = [entry for index in range(len(self.series)) for entry in self._sent(index)]
        sent.sort(key=lambda entry: entry[:3])
        for minute, _, _, key, body in sent:
            yield self.start + timedelta(minutes=minute), key, body.encode()

    def _sent(self, index: int) -> Iterator[tuple[int, float, int, str, str]]:
        series = self.series[index]
        kinds, details = self._kinds[index], self._details[index]
        taken = np.ceil(series.seconds / 60).astype(np.int64)
        sending = taken + self._minutes[index]
        ahead = np.where(kinds == _KINDS.index("early"), TOLERANCE + 120 + 3000 * details, 0.0)
        times = _iso(self.start, series.seconds + ahead)
        prefix = f'{{"EventId":"{series.device}/{series.sensor}/'
        middle = f'","DeviceId":"{series.device}","SensorId":"{series.sensor}","Value":'
        numbers = int(self.start.timestamp()) // int(plant.PERIOD) + np.arange(len(taken))
        columns = (kinds, numbers, times, series.values, series.seconds, taken, sending, details)
        for kind, number, time, value, second, minute, send, detail in zip(*(c.tolist() for c in columns), strict=True):
            name = _KINDS[kind]
            body = f'{prefix}{number}","EventTime":"{time}Z{middle}{value}}}'
            if name == "duplicates":
                yield minute, second, index, series.device, body
            elif name == "malformed":
                body = _malformed(f'{prefix}{number}","EventTime":"', f"{time}Z", middle, repr(value), detail)
            elif name == "undeserialisable":
                body = body[: int(len(body) * (0.3 + 0.6 * detail))]
            yield send, second, index, series.device, body

    def _fault_seconds(self) -> Iterator[tuple[str, str, str, float, float]]:
        for series in self.series:
            for fault in series.faults:
                first, last = series.seconds[fault.first], series.seconds[fault.last]
                yield series.device, series.sensor, fault.kind, float(first), float(last)

    def _moment(self, seconds: float) -> datetime:
        return self.start + timedelta(milliseconds=round(seconds * 1000))


def day(
    start: datetime,
    *,
    devices: int = 3,
    sensors: int = 5,
    seed: int = SEED,
    faults: bool = True,
    imperfections: bool = True,
    length: timedelta = DAY,
) -> Simulation:
    """What `devices` with `sensors` each send in (start, start + length], a reading each 30 s per sensor.

    The same arguments give the same bytes. `start` is aware and on a five-minute boundary, `length` whole windows;
    ValueError otherwise.
    """
    _check(start, devices, sensors, length)
    start = start.astimezone(UTC)
    seconds = length.total_seconds()
    pairs = [(device, sensor) for device in range(devices) for sensor in range(sensors)]
    series = tuple(plant.series(start, seconds, seed=seed, device=d, sensor=s, faults=faults) for d, s in pairs)
    drawn = []
    for (device, sensor), one in zip(pairs, series, strict=True):
        draw = plant.generator(seed, 4, device, sensor, int(start.timestamp()))
        drawn.append(_imperfections(draw, one.seconds, int(seconds) // 60, imperfections))
    kinds, minutes, details = zip(*drawn, strict=True)
    return Simulation(start=start, end=start + length, series=series, _kinds=kinds, _minutes=minutes, _details=details)


def history(end: datetime, *, days: int = 7, **options: Any) -> list[Simulation]:
    """The `days` before `end`, oldest first, each as `day` gives it with the same options."""
    return [day(end - DAY * before, **options) for before in range(days, 0, -1)]


def write_json_lines(simulation: Simulation, path: Path) -> int:
    """Write the bodies as they are sent, one a line, in order of sending, and return how many.

    What is JSON also carries EventEnqueuedUtcTime, the arrival time that Stream Analytics adds to events of a hub.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    count = 0
    with temporary.open("wb") as file:
        for send_time, _, body in simulation.deliveries():
            if body.endswith(b"}"):
                body = body[:-1] + f',"EventEnqueuedUtcTime":"{send_time:%Y-%m-%dT%H:%M:%SZ}"}}'.encode()
            file.write(body + b"\n")
            count += 1
    os.replace(temporary, path)
    return count


def _check(start: datetime, devices: int, sensors: int, length: timedelta) -> None:
    if start.tzinfo is None:
        raise ValueError(f"start {start} has no time zone: say UTC")
    if start.timestamp() % WINDOW:
        raise ValueError(f"start {start} is not on a five-minute boundary")
    if length <= timedelta(0) or length.total_seconds() % WINDOW:
        raise ValueError(f"length {length} is not a number of five-minute windows")
    if devices < 1 or sensors < 1:
        raise ValueError(f"{devices} devices with {sensors} sensors: at least one of each is needed")


def _imperfections(
    draw: np.random.Generator, seconds: NDArray[np.float64], last_minute: int, wanted: bool
) -> tuple[NDArray[np.int8], NDArray[np.int64], NDArray[np.float64]]:
    """Kind of each reading, minutes that it (or its copy) is held back, and a number in [0, 1) for details."""
    lot, details, wait = draw.uniform(size=(3, len(seconds)))
    edges = np.cumsum([0.0, *_SHARES.values()])
    # Above the last edge lies the rest, which is regular: index 0.
    kinds = (np.searchsorted(edges, lot, side="right") % len(edges) * wanted).astype(np.int8)
    minutes = np.zeros(len(seconds), np.int64)
    for name, (low, high) in _MINUTES.items():
        of_kind = kinds == _KINDS.index(name)
        minutes[of_kind] = low + (wait[of_kind] * (high - low + 1)).astype(np.int64)
    # All is sent by the end: what would come after it is a regular reading instead.
    beyond = np.ceil(seconds / 60).astype(np.int64) + minutes > last_minute
    kinds[beyond], minutes[beyond] = 0, 0
    return kinds, minutes, details


def _malformed(prefix: str, time: str, middle: str, value: str, detail: float) -> str:
    """JSON of which one field cannot be cast: the value or the time."""
    values = ("null", '"n/a"', '"---"', f'"{value} ?"')
    times = ("", "yesterday", "2026-02-30T25:61:00Z")
    choice = int(detail * 10)
    if choice < 6:
        return f"{prefix}{time}{middle}{values[choice % len(values)]}}}"
    return f"{prefix}{times[choice % len(times)]}{middle}{value}}}"


def _iso(start: datetime, seconds: NDArray[np.float64]) -> NDArray[np.str_]:
    milliseconds = np.round(seconds * 1000).astype("timedelta64[ms]")
    return np.datetime_as_string(np.datetime64(start.replace(tzinfo=None), "ms") + milliseconds, unit="ms")


def _window_ends(first: float, last: float) -> range:
    """Ends, in seconds after the start, of the windows that hold readings from `first` to `last`."""
    return range(int(np.ceil(first / WINDOW)) * WINDOW, int(np.ceil(last / WINDOW)) * WINDOW + 1, WINDOW)
