"""Operations that take a while: 201/202, an address to ask, and an end soon after.

learn.microsoft.com/azure/azure-resource-manager/management/async-operations. They last `settle` seconds of real time (a
value of the store, 0.1 unless set), so that clients poll as they must and nobody waits long.
"""

import re
import time
import uuid
from collections.abc import Callable
from typing import Any

from azure_sandbox.errors import AzureError
from azure_sandbox.ids import normal, subscription_of, type_of
from azure_sandbox.store import Store

TABLE = """CREATE TABLE IF NOT EXISTS operations
  (id TEXT PRIMARY KEY, resource TEXT NOT NULL, kind TEXT NOT NULL, until REAL NOT NULL)"""
PATH = re.compile(
    r"/subscriptions/[^/]+/providers/[^/]+/locations/[^/]+/operation(statuses|results)/([^/]+)", re.IGNORECASE
)
GOING = {"write": "Updating", "create": "Creating", "delete": "Deleting", "action": "Accepted"}


class Operations:
    def __init__(self, store: Store, slow: Callable[[str], float] = lambda _: 0.0) -> None:
        self._store, self._slow = store, slow
        self._going: dict[str, tuple[float, str]] = {}
        store.execute(TABLE)

    def begin(self, resource_id: str, kind: str, location: str, style: str, version: str) -> dict[str, str]:
        """Headers of the answer; `style`: `operation` (Azure-AsyncOperation and Location) or `location`."""
        until = time.time() + float(self._store.value("settle", 0.1)) + self._slow(resource_id)
        name = str(uuid.uuid4())
        self._store.execute("INSERT INTO operations VALUES (?, ?, ?, ?)", (name, resource_id, kind, until))
        self._going[normal(resource_id)] = (until, GOING[kind])
        namespace = type_of(resource_id).split("/")[0]
        base = (
            f"https://management.azure.com/subscriptions/{subscription_of(resource_id)}/providers/{namespace}"
            f"/locations/{location.lower().replace(' ', '') or 'global'}"
        )
        headers = {"Location": f"{base}/operationResults/{name}?api-version={version}", "x-ms-retry-after-ms": "50"}
        if style == "operation":
            headers["Azure-AsyncOperation"] = f"{base}/operationStatuses/{name}?api-version={version}"
        return headers

    def state(self, resource_id: str) -> str:
        """The provisioning state of a resource that exists."""
        until, going = self._going.get(normal(resource_id), (0.0, ""))
        if until > time.time():
            return going
        self._going.pop(normal(resource_id), None)
        return "Succeeded"

    def answer(
        self, path: str, version: str, show: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> tuple[int, Any, dict[str, str]] | None:
        """The answer to a poll, or None when the path is no operation."""
        found = PATH.fullmatch(path)
        if not found:
            return None
        rows = self._store.execute("SELECT resource, kind, until FROM operations WHERE id = ?", (found[2],))
        if not rows:
            raise AzureError(404, "OperationNotFound", f"The operation '{found[2]}' could not be found.")
        resource_id, kind, until = rows[0]
        done = until <= time.time()
        again = {"Location": f"https://management.azure.com{path}?api-version={version}", "x-ms-retry-after-ms": "50"}
        if found[1].lower() == "statuses":
            body = {"id": path, "name": found[2], "status": "Succeeded" if done else "InProgress"}
            return 200, body, {} if done else {"x-ms-retry-after-ms": "50"}
        if not done:
            return 202, None, again
        body = self._store.resource(resource_id) if kind in ("write", "create") else None
        return (200, show(body), {}) if body else (204 if kind == "delete" else 200, None, {})
