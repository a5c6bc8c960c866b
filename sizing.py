"""Sizes that follow from a load, where Microsoft gives a rule. Pure."""

import math

# Up to so many events a second: partitions of the hub, streaming units of the job. The last three are Microsoft's
# streaming-at-scale measurements; below them thirds of a node. Units are those of API version 2020-03-01, which
# knows 1, 3 and multiples of 6.
LOADS = ((150, 2, 1), (500, 2, 3), (1_000, 2, 6), (5_000, 6, 12), (10_000, 12, 18), (20_000, 24, 36))
MAXIMUM_EVENTS = LOADS[-1][0]
MAXIMUM_UNITS = 40  # throughput units of a Standard namespace
_UNIT_EVENTS, _UNIT_BYTES = 1_000, 1_000_000  # what a throughput unit takes in a second, whichever comes first


def partitions(events_per_second: int) -> int:
    """Partitions that take the load, each read by one part of the stream job."""
    return _load(events_per_second)[1]


def streaming_units(events_per_second: int) -> int:
    """Streaming units that read the load as it comes."""
    return _load(events_per_second)[2]


def throughput_units(events_per_second: int, event_bytes: int) -> int:
    """Throughput units that take the load in: 1,000 events or 1 MB a second each."""
    return math.ceil(max(events_per_second / _UNIT_EVENTS, events_per_second * event_bytes / _UNIT_BYTES))


def _load(events_per_second: int) -> tuple[int, int, int]:
    return next((load for load in LOADS if events_per_second <= load[0]), LOADS[-1])
