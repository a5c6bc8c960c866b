"""Takes role assignments of a deployed stack away through Resource Manager, gives them back, and reads refusals."""

import json
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from azure_sandbox import lifecycle

from components.access import Grant

from .cloud import SPEED, Cloud

API = "2022-04-01"
PROPAGATION = timedelta(minutes=5)  # more than the sandbox's, less than Azure's longest
REASON = re.compile(r"no role assignment of (?P<who>\S+) grants (?P<action>\S+) at (?P<scope>/\S*[^\s;.\"])")
REFUSED = re.compile(
    r"The client '\S+' with object id '(?P<who>\S+)' does not have authorization to perform action "
    r"'(?P<action>\S+)' over scope '(?P<scope>\S+)'"
)
RESOURCE_MANAGER, EVENT_HUBS = "https://management.azure.com", "https://eventhubs.azure.net"


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """What Azure answered, and to whom, for what, at which scope."""

    code: str
    who: str
    action: str
    scope: str


class Access:
    """The deployer's hand on the assignments, and the sandbox's clock and log."""

    def __init__(self, cloud: Cloud, stack: str):
        self._state = cloud.state
        server = lifecycle.running(cloud.state)
        assert server is not None
        context = ssl.create_default_context(cafile=str(cloud.state / "certificates" / "bundle.pem"))
        self._http = httpx.Client(proxy=f"http://127.0.0.1:{server['proxy']}", verify=context, timeout=60)
        self._control = f"http://127.0.0.1:{server['control']}"
        exported = json.loads(cloud.pulumi("stack", "export", stack=stack).text)["deployment"]["resources"]
        made = [one for one in exported if one["type"] == "azure-native:authorization:RoleAssignment"]
        self._made = {one["urn"].rsplit("::", 1)[-1]: one for one in made}

    def close(self) -> None:
        self._http.close()

    def made(self, grant: Grant) -> bool:
        """Whether the stack has it: what only static stacks need is not made where sensors send."""
        return _slug(grant) in self._made

    def assignment(self, grant: Grant) -> dict[str, Any]:
        return self._made[_slug(grant)]

    def principal(self, grant: Grant) -> dict[str, str]:
        return self._ask("/identity", {"as": self.assignment(grant)["outputs"]["principalId"]})

    @contextmanager
    def without(self, *grants: Grant) -> Iterator[None]:
        """Nobody has these grants inside, and everybody has them again after it."""
        taken = [self.assignment(grant) for grant in grants]
        for one in taken:
            self._resource_manager("DELETE", one["id"])
        self.advance(PROPAGATION)
        try:
            yield
        finally:
            for one in taken:
                kept = {key: one["outputs"][key] for key in ("principalId", "principalType", "roleDefinitionId")}
                self._resource_manager("PUT", one["id"], {"properties": kept})
            self.advance(PROPAGATION)

    def send(self, grant: Grant, url: str, bodies: list[bytes]) -> int:
        """Posts events as the principal of a grant; the status of the last answer."""
        head = {"Authorization": self._bearer(EVENT_HUBS, self.principal(grant)["name"])}
        head["Content-Type"] = "application/atom+xml;type=entry;charset=utf-8"
        return [self._http.post(url, content=body, headers=head).status_code for body in bodies][-1]

    def refusals(self) -> list[dict[str, Any]]:
        return self._ask("/status")["refusals"]

    def stream_problem(self) -> str:
        """Why the stream's job cannot read or write, which `status` tells after its last output; '' when it can."""
        (said,) = self._ask("/status")["streams"].values()
        return ", ".join(said.split(", ")[2:])

    def now(self) -> str:
        return self._ask("/clock")["now"]

    def advance(self, step: timedelta) -> None:
        self._ask("/clock", {"advance": step.total_seconds()})

    @contextmanager
    def moving(self) -> Iterator[None]:
        """Time passes inside: a node comes, a job runs."""
        self.speed(SPEED)
        try:
            yield
        finally:
            self.speed(0)

    def speed(self, factor: float) -> None:
        self._ask("/clock", {"speed": factor})

    def _ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return lifecycle.ask(self._state, path, body)

    def _bearer(self, audience: str, who: str) -> str:
        head = {"X-IDENTITY-HEADER": self._ask("/identity", {"as": who})["header"]}
        query = {"resource": audience, "api-version": "2019-08-01"}
        answer = httpx.get(f"{self._control}/msi/token", params=query, headers=head)
        return f"Bearer {answer.json()['access_token']}"

    def _resource_manager(self, method: str, path: str, body: Any = None) -> None:
        head = {"Authorization": self._bearer(RESOURCE_MANAGER, "deployer")}
        answer = self._http.request(
            method, RESOURCE_MANAGER + path, params={"api-version": API}, json=body, headers=head
        )
        answer.raise_for_status()


def _slug(grant: Grant) -> str:
    slug = "-".join((grant.identity, grant.role, grant.scope)).lower()
    return slug.replace("/", "-").replace(" ", "-")


def found_in(text: str, code: str) -> list[Refusal]:
    """Every refusal that a text reports in full."""
    matches = [match for pattern in (REASON, REFUSED) for match in pattern.finditer(text)]
    return [Refusal(code=code, **match.groupdict()) for match in matches]


def events(now: str) -> list[bytes]:
    """A reading, and one whose value is no number: rows for every output of the query."""
    common = {"EventTime": now, "DeviceId": "device-1", "SensorId": "sensor-0"}
    return [json.dumps({"EventId": f"{now}/{value}", **common, "Value": value}).encode() for value in (20.5, "broken")]


def write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", "utf-8")
