"""What a pipeline asks of the world. The caller implements `World` and `Clock`; everything arrives fully evaluated."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

Output = dict[str, Any]
FailureType = Literal["UserError", "SystemError"]


class ActivityError(Exception):
    """An activity's failure, in the service's terms. `output` is what the activity left nevertheless."""

    def __init__(
        self, code: str, message: str, failure_type: FailureType = "UserError", output: Output | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.failure_type: FailureType = failure_type
        self.output = output


class Clock(Protocol):
    """The caller's clock. `sleep` must be cancellable; sleepers wake in the order of their times."""

    def now(self) -> datetime: ...

    async def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Context:
    """Whose request it is."""

    factory: str
    pipeline: str
    run_id: str
    activity: str
    activity_run_id: str
    attempt: int


@dataclass(frozen=True, kw_only=True)
class LinkedService:
    """A linked service with its parameters put in. `properties` are its typeProperties."""

    name: str
    type: str
    properties: Mapping[str, Any]
    connect_via: str | None = None


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A dataset with its parameters put in. `properties` are its typeProperties, `schema` as declared."""

    name: str
    type: str
    properties: Mapping[str, Any]
    linked_service: LinkedService
    schema: Any = None


@dataclass(frozen=True, kw_only=True)
class WebRequest:
    """`authentication` as declared, e.g. `{"type": "MSI", "resource": …}`; `timeout` in seconds, of one response.

    Unless `turn_off_async`, a 202 with a Location is to be followed, as the service does.
    """

    context: Context
    method: str
    url: str
    headers: Mapping[str, str]
    body: Any
    authentication: Mapping[str, Any] | None
    timeout: float
    turn_off_async: bool
    disable_cert_validation: bool


@dataclass(frozen=True, kw_only=True)
class CopyRequest:
    """`source`, `sink`, `translator` as declared; `settings` holds the other typeProperties."""

    context: Context
    input: Dataset
    output: Dataset
    source: Mapping[str, Any]
    sink: Mapping[str, Any]
    translator: Mapping[str, Any] | None
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ScriptRequest:
    """`scripts` as declared: text, type Query or NonQuery, parameters; `settings` holds the other typeProperties."""

    context: Context
    linked_service: LinkedService
    scripts: tuple[Mapping[str, Any], ...]
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class MetadataRequest:
    context: Context
    dataset: Dataset
    fields: tuple[str, ...]
    store_settings: Mapping[str, Any]
    format_settings: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class DeleteRequest:
    context: Context
    dataset: Dataset
    recursive: bool
    store_settings: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)


class World(Protocol):
    """Every method returns the activity's output in the service's shape (see `outputs`) or raises ActivityError."""

    async def web(self, request: WebRequest) -> Output: ...

    async def copy(self, request: CopyRequest) -> Output: ...

    async def script(self, request: ScriptRequest) -> Output: ...

    async def get_metadata(self, request: MetadataRequest) -> Output: ...

    async def delete(self, request: DeleteRequest) -> Output: ...
