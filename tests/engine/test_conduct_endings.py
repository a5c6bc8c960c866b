"""How a window's run ends that cannot be whole: with its cause, and without a row that anybody sees."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .windows import Windows

HOUR = 3600
# What is wrong → attributes of the world, and the end of the run's message.
ENDINGS = {
    "the job drops a row of each of two files": ({"loses": 1}, ": 50 rows in, 46 scored and 2 rejected"),
    "the job fails": ({"failure": "rows.py: no such tag"}, "job batchjob-1 is Failed: rows.py: no such tag"),
    "the stream is behind": ({"delay": 5 * HOUR}, "its stream is 18000 seconds behind after 2 hours of waiting"),
    "the stream is stopped": ({"delay": None}, "its stream is stopped after 2 hours of waiting"),
}


@pytest.fixture
def windows(tmp_path: Path) -> Iterator[Windows]:
    made = Windows(tmp_path)
    yield made
    made.server.close()


@pytest.mark.parametrize("wrong", sorted(ENDINGS))
def test_a_run_that_cannot_be_whole_says_why_and_shows_nothing(windows: Windows, wrong: str) -> None:
    attributes, told = ENDINGS[wrong]
    for name, value in attributes.items():
        setattr(windows, name, value)
    run = windows.run()
    assert run["status"] == "Failed"
    assert "20260101T00-20260102T00: " in run["message"]
    assert told in run["message"]
    assert not any(windows.seen().values())
    assert ("Invoke" in windows.effects) == ("stream" not in wrong)  # a partial window is not scored


def test_a_stream_that_catches_up_in_time_lets_the_window_pass(windows: Windows) -> None:
    windows.delay = HOUR + 30 * 60  # at one o'clock it is at half past eleven: half an hour to wait
    run = windows.run()
    assert run["status"] == "Succeeded", run["message"]
    assert windows.effects.count("Watermark") == 36  # minutes, with the five of the interval that is asked for


def test_a_window_whose_rows_are_all_rejected_shows_their_reasons(tmp_path: Path) -> None:
    windows = Windows(tmp_path, rows=0, bad=3)
    run = windows.run()
    assert run["status"] == "Succeeded", run["message"]
    seen = windows.seen()
    (shown,) = seen["runs_with_counts"]
    assert (shown["Prepared"], shown["Scored"], shown["Rejected"], shown["RejectedRows"]) == (3, 0, 3, 3)
    assert len(seen["rejected"]) == 3
    assert seen["scores"] == seen["lake"] == []
    windows.server.close()


def test_a_window_without_rows_says_so(tmp_path: Path) -> None:
    windows = Windows(tmp_path, rows=0, bad=0)
    run = windows.run()
    assert run["status"] == "Failed"
    assert "20260101T00-20260102T00: features: no rows of this window; nothing to score" in run["message"]
    windows.server.close()
