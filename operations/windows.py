"""Hours of features: which folders of the lake a range of time means, and what the range is called."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from operations.errors import OperationError

HOUR = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Window:
    """Whole hours from `start` (inclusive) to `end` (exclusive), in UTC.

    Stream Analytics files a row under the hour of its System.Timestamp, the end of its window: folder 13 holds the
    windows that end from 13:00 to 13:55.
    """

    start: datetime
    end: datetime

    @property
    def name(self) -> str:
        return f"{self.start:%Y%m%dT%H}-{self.end:%Y%m%dT%H}"

    @property
    def hours(self) -> list[datetime]:
        return [self.start + index * HOUR for index in range(int((self.end - self.start) / HOUR))]


def folder(hour: datetime) -> str:
    """The lake folder of an hour, as the outputs' path pattern {date}/{time} writes it."""
    return f"{hour:%Y/%m/%d/%H}"


def moment(text: str, option: str) -> datetime:
    """A time given by the user; without an offset it is UTC. Raises OperationError naming the option."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise OperationError(f"{option} {text}: not a time; expected ISO 8601, as 2026-01-05T13:00Z.") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def window(start: str, end: str) -> Window:
    """The hours from `start` to `end`. Raises OperationError unless both are whole hours in that order."""
    first, last = moment(start, "--from"), moment(end, "--to")
    for found, option, text in ((first, "--from", start), (last, "--to", end)):
        if found != found.replace(minute=0, second=0, microsecond=0):
            raise OperationError(f"{option} {text}: not a whole hour; features lie in folders of an hour.")
    if first >= last:
        raise OperationError(
            f"--from {start} --to {end}: nothing lies between them; --to is the hour after the last one."
        )
    return Window(start=first, end=last)


def named(name: str) -> Window:
    """A window by its name. Raises OperationError that shows what a name looks like."""
    try:
        first, last = (datetime.strptime(part, "%Y%m%dT%H").replace(tzinfo=UTC) for part in name.split("-"))
    except ValueError:
        raise OperationError(f"window {name!r}: expected a name as 20260105T00-20260106T00.") from None
    if first >= last:
        raise OperationError(f"window {name!r}: ends before it begins.")
    return Window(start=first, end=last)
