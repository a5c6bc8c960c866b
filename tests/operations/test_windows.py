"""Hours of features: --from and --to as the lake's folders."""

import pytest

from operations.errors import OperationError
from operations.windows import folder, window


def test_a_window_is_the_hours_from_the_first_to_before_the_last():
    found = window("2026-01-05T22:00Z", "2026-01-06T01:00Z")
    assert [folder(hour) for hour in found.hours] == ["2026/01/05/22", "2026/01/05/23", "2026/01/06/00"]
    assert found.name == "20260105T22-20260106T01"


def test_a_time_without_offset_is_utc_and_any_offset_is_turned_into_it():
    assert window("2026-01-05T01:00", "2026-01-05T02:00") == window("2026-01-05T02:00+01:00", "2026-01-05T03:00+01:00")


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        ("yesterday", "2026-01-05", "--from yesterday: not a time"),
        ("2026-01-05", "soon", "--to soon: not a time"),
        ("2026-01-05T00:30Z", "2026-01-05T02:00Z", "--from 2026-01-05T00:30Z: not a whole hour"),
        ("2026-01-05", "2026-01-05", "nothing lies between"),
        ("2026-01-06", "2026-01-05", "nothing lies between"),
    ],
)
def test_times_that_are_not_hours_in_order_are_refused_by_their_option(start, end, found):
    with pytest.raises(OperationError, match=found):
        window(start, end)
