"""The simulated plant behind `simulator`: what each sensor reads over a day, and the faults injected into it.

Every series draws from generators keyed by (seed, device, sensor), so that more devices or sensors never change the
others; those of a day by its start as well, so that days differ and follow on from each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

KINDS = ("spike", "level shift", "stuck", "noise burst", "drift")
PERIOD = 30.0
"""Seconds from one reading of a series to its next."""

# Name, usual level and noise (standard deviation of one reading) of a sensor, in its unit: °C, bar, mm/s, m³/h, A.
_SENSORS = (
    ("temperature", 65.0, 0.40),
    ("pressure", 4.2, 0.03),
    ("vibration", 2.8, 0.12),
    ("flow", 120.0, 1.10),
    ("current", 31.0, 0.35),
)
# Minutes that a fault lasts and its size in standard deviations of a reading. A spike is one or two readings; a stuck
# sensor has no size.
_MINUTES = {
    "spike": (0.5, 1.0),
    "level shift": (40, 180),
    "stuck": (40, 150),
    "noise burst": (20, 90),
    "drift": (90, 240),
}
_SIZE = {"spike": (8, 15), "level shift": (4, 8), "stuck": (0, 0), "noise burst": (4, 8), "drift": (10, 16)}
_TWICE = 0.25  # share of days on which a series has a second fault
_SOUND = 0.2  # share of days on which it has none; the first device has faults every day, one of each kind


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One injected fault: the readings `first` to `last` of a series (both included) and its size in its unit."""

    kind: str
    first: int
    last: int
    size: float


@dataclass(frozen=True, kw_only=True)
class Series:
    """What one sensor of one device reads: `seconds` after the start, `values` in its unit, and its faults."""

    device: str
    sensor: str
    seconds: FloatArray
    values: FloatArray
    faults: tuple[Fault, ...]


def device_name(index: int) -> str:
    return f"pump-{index + 1:03d}"


def sensor_name(index: int) -> str:
    """`temperature` … `current`, then `temperature-2` and so on."""
    lap, kind = divmod(index, len(_SENSORS))
    return _SENSORS[kind][0] + (f"-{lap + 1}" if lap else "")


def generator(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def series(start: datetime, seconds: float, *, seed: int, device: int, sensor: int, faults: bool) -> Series:
    """The readings of one sensor in (start, start + seconds], with at most two faults when `faults`."""
    _, level, noise = _SENSORS[sensor % len(_SENSORS)]
    fixed = generator(seed, 0, device, sensor)
    of_day = generator(seed, 1, device, sensor, int(start.timestamp()))
    # In (0, 1] of a period: the readings of the plant spread over it. To the millisecond, as events carry it.
    phase = 1.0 - round(fixed.uniform(0, 1), 4)
    offsets: FloatArray = (np.arange(int(seconds / PERIOD), dtype=np.float64) + phase) * PERIOD
    noise *= fixed.uniform(0.8, 1.25)
    level *= fixed.uniform(0.9, 1.1)
    values = level + noise * (_rhythm(start.timestamp() + offsets, fixed) + _unrest(len(offsets), of_day))
    turn = device + sensor + int(start.timestamp()) // 86400
    of_faults = generator(seed, 2, device, sensor, int(start.timestamp()))
    sound = of_faults.uniform() < _SOUND and device > 0
    chosen = _draw_faults(of_faults, turn, len(offsets), noise) if faults and not sound else ()
    for fault in chosen:
        _inject(values, fault, generator(seed, 3, device, sensor, int(start.timestamp()), fault.first))
    return Series(
        device=device_name(device),
        sensor=sensor_name(sensor),
        seconds=offsets.round(3),
        values=values.round(3),
        faults=chosen,
    )


def _rhythm(at: FloatArray, fixed: np.random.Generator) -> FloatArray:
    """The day's rhythm and the slow wander of weeks at `at` seconds since 1970, in standard deviations of a reading."""
    days = at / 86400.0
    turns = 2 * np.pi * days
    amplitude, phases = fixed.uniform(3, 8), fixed.uniform(0, 2 * np.pi, 5)
    total = amplitude * (np.sin(turns + phases[0]) + 0.35 * np.sin(2 * turns + phases[1]))
    for period, phase in zip((2.3, 5.9, 17.0), phases[2:], strict=True):
        total = total + fixed.uniform(0.1, 0.4) * np.sin(turns / (period * fixed.uniform(0.9, 1.1)) + phase)
    return total


def _unrest(count: int, of_day: np.random.Generator) -> FloatArray:
    """White noise of one standard deviation, and a slower one of 0.4 with a memory of about ten minutes."""
    memory = np.exp(-np.arange(120) / 20.0)
    slow = np.convolve(of_day.standard_normal(count + 119), memory / np.linalg.norm(memory), mode="valid")
    return of_day.standard_normal(count) + 0.4 * slow


def _draw_faults(draw: np.random.Generator, turn: int, count: int, noise: float) -> tuple[Fault, ...]:
    """One fault, sometimes one in each half of the readings; kinds take turns over sensors, devices and days."""
    kinds = [KINDS[turn % len(KINDS)]]
    if draw.uniform() < _TWICE:
        kinds.append(KINDS[int(draw.integers(len(KINDS)))])
    half = count // 2
    halves = draw.permutation(2)
    found = []
    for kind, which in zip(kinds, halves, strict=False):
        length = max(1, round(draw.uniform(*_MINUTES[kind]) * 60 / PERIOD))
        length = min(length, max(half - 2, 1))
        first = int(which) * half + 1 + int(draw.integers(max(half - length - 1, 1)))
        size = noise * draw.uniform(*_SIZE[kind]) * draw.choice((-1.0, 1.0))
        found.append(Fault(kind=kind, first=first, last=first + length - 1, size=float(size)))
    return tuple(sorted(found, key=lambda fault: fault.first))


def _inject(values: FloatArray, fault: Fault, draw: np.random.Generator) -> None:
    part = slice(fault.first, fault.last + 1)
    length = fault.last - fault.first + 1
    match fault.kind:
        case "spike" | "level shift":
            values[part] += fault.size
        case "stuck":
            values[part] = values[fault.first - 1]
        case "noise burst":
            values[part] += fault.size * draw.standard_normal(length)
        case "drift":
            values[part] += fault.size * np.arange(1, length + 1) / length
