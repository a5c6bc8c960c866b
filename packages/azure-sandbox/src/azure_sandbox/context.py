"""What the services of one sandbox share."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from azure_sandbox.access import Access
from azure_sandbox.certificates import Certificates
from azure_sandbox.clock import Clock
from azure_sandbox.directory import Directory
from azure_sandbox.errors import AzureError
from azure_sandbox.faults import Faults
from azure_sandbox.resource_manager import ResourceManager
from azure_sandbox.store import Store
from azure_sandbox.tokens import Tokens


@dataclass(kw_only=True)
class Sandbox:
    """`ports`: of the listeners `proxy`, `web`, `blob` and `control`. `status`: what each service adds to `status`."""

    state: Path
    store: Store
    clock: Clock
    directory: Directory
    access: Access
    manager: ResourceManager
    tokens: Tokens
    certificates: Certificates
    faults: Faults
    ports: dict[str, int] = field(default_factory=dict)
    status: dict[str, Callable[[], Any]] = field(default_factory=dict)

    def note(
        self, error: AzureError, *, method: str, host: str, path: str, who: str | None = None, request_id: str = ""
    ) -> str:
        """Logs a refusal with its reasons; its request id."""
        reasons = [detail["message"] for detail in error.details if "message" in detail]
        entry = {"id": request_id or str(uuid.uuid4()), "at": self.clock.stamp(), "principal": who, "method": method}
        entry |= {"host": host, "path": path, "status": error.status, "code": error.code}
        self.store.record(entry | {"message": "; ".join([error.message, *reasons])})
        return str(entry["id"])
