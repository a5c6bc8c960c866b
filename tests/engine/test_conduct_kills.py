"""A window's run that dies or is cancelled anywhere changes nothing that readers see, and the next run mends it.

Every activity that touches the world, in turn, at each of its effects: a file, a statement, a request. The factory ends
just after it; to end before it, or in a condition or a wait, is to end after the one before.
"""

from collections.abc import Iterator

import pytest

from .window_world import Moment
from .windows import Windows

# Of an undisturbed run with a rejected row, as the test below finds them.
ACTIVITIES = (
    *("Commit", "Divert", "Invoke", "Job", "Manifest", "Outputs", "Prepare", "Publish", "Record"),
    *("Rows in features", "Tidy", "Upsert", "Watermark"),
)
LAST = ("Commit", "Record", "Tidy")
Effects = dict[str, int]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Windows, Effects]]:
    """A window that was scored once, and how often each activity touched the world."""
    windows = Windows(tmp_path_factory.mktemp("undisturbed"))
    run = windows.run()
    assert run["status"] == "Succeeded", run["message"]
    effects = {name: windows.effects.count(name) for name in windows.effects}
    yield windows, effects
    windows.server.close()


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Windows]:
    """A window that nobody has scored yet."""
    made = Windows(tmp_path_factory.mktemp("windows"))
    yield made
    made.server.close()


def test_every_activity_that_touches_the_world_is_tried(undisturbed: tuple[Windows, Effects]) -> None:
    assert sorted(undisturbed[1]) == sorted(ACTIVITIES)


def test_an_undisturbed_run_shows_every_row_once(undisturbed: tuple[Windows, Effects]) -> None:
    seen = undisturbed[0].seen()
    (run,) = seen["runs_with_counts"]
    assert (run["Prepared"], run["Scored"], run["Rejected"]) == (50, 48, 2)
    assert len(seen["scores"]) == len(seen["lake"]) == len(seen["lineage"]) == 48
    assert [row["Reason"] for row in seen["rejected"]] == ["DeviceId is null"] * 2
    assert len(seen["current_scores"]) == 4
    assert sum(row["ScoredRows"] for row in seen["anomalies_per_day"]) == 48


@pytest.mark.parametrize("activity", sorted(set(ACTIVITIES) - set(LAST)))
def test_a_first_run_that_is_cancelled_shows_nothing(
    windows: Windows, undisturbed: tuple[Windows, Effects], activity: str
) -> None:
    nothing = windows.seen()
    assert not any(nothing.values())
    for effect in range(undisturbed[1][activity]):
        run = windows.cancelled(Moment(activity=activity, effect=effect, after=True))
        assert run["status"] == "Cancelled"
        assert windows.seen() == nothing


@pytest.mark.parametrize("activity", ACTIVITIES)
def test_a_run_that_dies_leaves_what_is_seen_and_the_next_one_is_as_if_undisturbed(
    windows: Windows, undisturbed: tuple[Windows, Effects], activity: str
) -> None:
    expected = undisturbed[0].whole()
    before = windows.seen()
    if not before["scores"]:
        assert windows.run()["status"] == "Succeeded"
        before = windows.seen()
    for effect in range(undisturbed[1][activity]):
        assert windows.killed(Moment(activity=activity, effect=effect, after=True))["status"] == "InProgress"
        if activity in LAST:
            assert windows.whole() == expected  # it had committed: readers see the new run, whole
        else:
            assert windows.seen() == before
    assert windows.run()["status"] == "Succeeded"
    assert windows.whole() == expected


@pytest.mark.parametrize("activity", ACTIVITIES)
def test_two_runs_at_once_show_one(windows: Windows, undisturbed: tuple[Windows, Effects], activity: str) -> None:
    """The second one passes the first, whole, before the last effect of the activity."""
    at = Moment(activity=activity, effect=undisturbed[1][activity] - 1, after=False)
    assert windows.overtaken(at)["status"] == "Succeeded"
    assert windows.whole() == undisturbed[0].whole()


def test_what_a_dead_run_left_in_the_tables_belongs_to_no_run(windows: Windows) -> None:
    """It stays there: nobody can tell a dead run from one that is still at work."""
    shown = {run["Job"] for run in windows.seen()["runs_with_counts"]}
    kept = {row["Job"] for row in windows.read("SELECT DISTINCT Job FROM dbo.predictions")}
    known = {row["Job"] for row in windows.read("SELECT Job FROM dbo.runs")}
    assert shown <= kept
    assert not (kept - shown) & known
