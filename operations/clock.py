"""The time by which events are sent: this machine's, or the clock of an Azure that runs faster than ours."""

import os
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

from operations.errors import OperationError

CLOCK_VARIABLE = "AZURE_SANDBOX_CLOCK"


class Clock(Protocol):
    """`lockstep` tells that time stands still until `reach` moves it: any day can be played."""

    lockstep: bool

    def now(self) -> datetime: ...

    def reach(self, moment: datetime) -> None:
        """Returns once the clock shows `moment`; at once when it is past."""
        ...


class SystemClock:
    lockstep = False

    def now(self) -> datetime:
        return datetime.now(UTC)

    def reach(self, moment: datetime) -> None:
        while (left := (moment - self.now()).total_seconds()) > 0:
            time.sleep(min(left, 60))


class SharedClock:
    """A clock behind a URL: GET tells {"now", "speed"}; POST {"to": …} returns when all up to then has happened."""

    def __init__(self, url: str) -> None:
        import requests

        self.url = url
        self.lockstep = True
        self._session = requests.Session()
        self._session.trust_env = False  # loopback: neither a proxy nor its certificates

    def now(self) -> datetime:
        return datetime.fromisoformat(self._call("GET", None)["now"].replace("Z", "+00:00"))

    def reach(self, moment: datetime) -> None:
        self._call("POST", {"to": moment.astimezone(UTC).isoformat()})

    def _call(self, method: str, body: dict[str, str] | None) -> dict:
        import requests

        try:
            answer = self._session.request(method, self.url, json=body, timeout=600)
        except requests.RequestException as error:
            raise OperationError(f"{CLOCK_VARIABLE}={self.url}: the clock does not answer: {error}") from error
        if not answer.ok:
            raise OperationError(f"{CLOCK_VARIABLE}={self.url}: {method} {body}: {answer.status_code} {answer.text}")
        return answer.json()


def clock() -> Clock:
    url = os.environ.get(CLOCK_VARIABLE)
    return SharedClock(url) if url else SystemClock()


def next_midnight(now: datetime) -> datetime:
    """The first midnight (UTC) that is not before `now`."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight if midnight == now else midnight + timedelta(days=1)
