"""Sliding, session and several windows at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from stream_engine import QueryError
from stream_engine.testing import run

midnight = datetime(2026, 1, 1, tzinfo=UTC)


def events(*seconds: float, **fields: object) -> list[dict[str, object]]:
    return [{"t": (midnight + timedelta(seconds=second)).isoformat(), **fields} for second in seconds]


def rows(window: str, data: list[dict[str, object]], keys: str = "", more: str = "") -> list[tuple[object, ...]]:
    """(end in seconds, count, keys …) of each row."""
    query = f"""SELECT System.Timestamp() AS ends, COUNT(*) AS n {keys and f", {keys}"} {more}
                FROM i TIMESTAMP BY t GROUP BY {keys and f"{keys},"} {window}"""
    found = run(query, {"i": data})["output"]
    return [((row["ends"] - midnight).total_seconds(), *list(row.values())[1:]) for row in found]


@pytest.mark.parametrize("form", ["SlidingWindow(second, 5)", "Sliding(Duration(ss, 5))"])
def test_a_sliding_window_gives_a_row_when_an_event_enters_or_leaves(form: str) -> None:
    assert rows(form, events(34, 38, 42)) == [(34, 1), (38, 2), (39, 1), (42, 2), (43, 1)]


def test_sliding_windows_of_different_groups_change_on_their_own() -> None:
    data = events(1, 3, d="a") + events(2, d="b")
    assert rows("SlidingWindow(second, 5)", data, "d") == [(1, 1, "a"), (2, 1, "b"), (3, 2, "a"), (6, 1, "a")]


def test_events_of_one_moment_change_a_sliding_window_once() -> None:
    assert rows("SlidingWindow(second, 5)", events(1, 1, 6)) == [(1, 2), (6, 1)]


@pytest.mark.parametrize("form", ["SessionWindow(second, 5, 60)", "Session(Timeout(s, 5), MaxDuration(mi, 1))"])
def test_a_session_ends_a_timeout_after_its_last_event(form: str) -> None:
    assert rows(form, events(1, 4, 9, 15)) == [(14, 3), (20, 1)]


def test_a_session_is_cut_on_the_grid_of_its_maximum_duration() -> None:
    assert rows("SessionWindow(second, 5, 10)", events(*range(1, 30, 2))) == [(20, 10), (34, 5)]
    assert rows("SessionWindow(second, 5, 10)", events(*range(0, 30, 2))) == [(10, 6), (30, 9)]


def test_sessions_are_kept_apart_by_their_partition_only() -> None:
    data = events(1, 5, d="a") + events(3, 20, d="b")
    apart = rows("SessionWindow(second, 5, 60) OVER (PARTITION BY d)", data, "d")
    assert apart == [(8, 1, "b"), (10, 2, "a"), (25, 1, "b")]
    assert rows("SessionWindow(second, 5, 60)", data, "d") == [(10, 2, "a"), (10, 1, "b"), (25, 1, "b")]


def test_each_session_ends_on_its_own_whichever_ended_before() -> None:
    data = [{**event, "d": d} for event, d in zip(events(0, 3, 4, 6, 8.5), "abccb", strict=True)]
    apart = rows("SessionWindow(second, 5, 60) OVER (PARTITION BY d)", data, "d")
    assert apart == [(5, 1, "a"), (8, 1, "b"), (11, 2, "c"), (13.5, 1, "b")]


def test_several_windows_run_at_once_and_tell_their_ids() -> None:
    windows = """Windows(Window('five', TumblingWindow(second, 5)), Window('hop', HoppingWindow(second, 10, 5)),
                         Window('quiet', SessionWindow(second, 3, 60)))"""
    found = rows(windows, events(1, 2, 7), more=", System.Window().Id AS id")
    assert found == [
        (5, 2, "five"),
        (5, 2, "hop"),
        (5, 2, "quiet"),
        (10, 1, "five"),
        (10, 3, "hop"),
        (10, 1, "quiet"),
        (15, 1, "hop"),
    ]


def test_windows_are_aligned_to_midnight() -> None:
    assert rows("TumblingWindow(hour, 1)", events(1))[0][0] == 3600
    assert rows("TumblingWindow(day, 1)", events(1))[0][0] == 86400


@pytest.mark.parametrize("window", ["HoppingWindow(day, 7, 7)", "SlidingWindow(day, 7)", "TumblingWindow(day, 7)"])
def test_a_window_of_seven_days_is_the_longest(window: str) -> None:
    assert rows(window, events(1))[0][1] == 1
    with pytest.raises(QueryError, match="at most 7 days"):
        rows(window.replace("7", "8"), events(1))
