"""A running sandbox as a test sees it: its controls, and Azure's Resource Manager as the deployer calls it."""

import base64
import contextlib
import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests
from azure.identity import ManagedIdentityCredential
from azure_sandbox import lifecycle
from azure_sandbox.environment import child_environment

START = "2026-03-01T08:00:00+00:00"
ROLES = {
    "AcrPull": "7f951dda-4ed3-4680-a7ca-43fe172d538d",
    "Azure Event Hubs Data Receiver": "a638d3c7-ab3a-418d-83e6-5f17a39d4fde",
    "Azure Event Hubs Data Sender": "2b629674-e913-4c01-ae53-ef4638d8f975",
    "Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "Storage Blob Data Reader": "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    "AzureML Data Scientist": "f6c7c914-8db3-469d-8ca1-694a8f32e121",
}
ARM = "https://management.azure.com"
PLACE = "westeurope"


class World:
    """The running sandbox, and Azure's Resource Manager as its deployer calls it."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.server: dict[str, Any] = {}
        self.subscription = ""

    def start(self) -> None:
        self.server = lifecycle.start(self.state, clock=START, speed=0)
        self.subscription = f"/subscriptions/{self.identity('deployer')['subscription']}"

    def identity(self, who: str) -> dict[str, str]:
        return lifecycle.ask(self.state, "/identity", {"as": who})

    def environment(self, who: str = "deployer") -> dict[str, str]:
        return child_environment(os.environ, state=self.state, server=self.server, identity=self.identity(who))

    @contextlib.contextmanager
    def inside(self, who: str = "deployer") -> Iterator[None]:
        """This process has the environment that `azure-sandbox run --as WHO` gives a command, then its own again."""
        before, wanted = dict(os.environ), self.environment(who)
        os.environ.clear()
        os.environ.update(wanted)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    def clock(self, **move: Any) -> str:
        return lifecycle.ask(self.state, "/clock", move or None)["now"]

    def status(self) -> dict[str, Any]:
        return lifecycle.ask(self.state, "/status")

    def arm(self, method: str, path: str, body: Any = None, **query: str) -> requests.Response:
        token = ManagedIdentityCredential().get_token(f"{ARM}/.default").token
        headers = {"Authorization": f"Bearer {token}"}
        return requests.request(
            method, ARM + path, params={"api-version": "2024-01-01", **query}, json=body, headers=headers, timeout=60
        )

    def put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self.arm("PUT", path, body)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.text else {}

    def group(self, name: str) -> str:
        path = f"{self.subscription}/resourceGroups/{name}"
        self.put(path, {"location": PLACE})
        return f"{path}/providers"

    def user_identity(self, providers: str, name: str) -> dict[str, Any]:
        path = f"{providers}/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"
        return self.put(path, {"location": PLACE}) | {"id": path}

    def account(self, providers: str, name: str, *containers: str, **properties: Any) -> str:
        path = f"{providers}/Microsoft.Storage/storageAccounts/{name}"
        body = {"location": PLACE, "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
        self.put(path, body | {"properties": {"allowSharedKeyAccess": False, **properties}})
        for container in containers:
            self.put(f"{path}/blobServices/default/containers/{container}", {"properties": {}})
        return path

    def grant(self, scope: str, role: str, principal_id: str, kind: str = "ServicePrincipal") -> str:
        """The assignment's path; it takes effect 120 s of the clock later."""
        path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
        definition = f"{self.subscription}/providers/Microsoft.Authorization/roleDefinitions/{ROLES[role]}"
        properties = {"roleDefinitionId": definition, "principalId": principal_id, "principalType": kind}
        self.put(path, {"properties": properties})
        return path


def claims(token: str) -> dict[str, Any]:
    middle = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
