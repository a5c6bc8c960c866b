"""Resource Manager as a test sees it: short ids, valid bodies of every type, calls that say what came of them."""

import asyncio
import copy
from dataclasses import dataclass
from typing import Any

from azure_sandbox.directory import Principal
from azure_sandbox.resource_manager import ResourceManager

Body = dict[str, Any]
HERE: Body = {"location": "westeurope"}
PROVIDERS = {
    "st": "Microsoft.Storage/storageAccounts/",
    "kv": "Microsoft.KeyVault/vaults/",
    "cr": "Microsoft.ContainerRegistry/registries/",
    "eh": "Microsoft.EventHub/namespaces/",
    "asa": "Microsoft.StreamAnalytics/streamingjobs/",
    "ml": "Microsoft.MachineLearningServices/workspaces/",
    "id": "Microsoft.ManagedIdentity/userAssignedIdentities/",
    "log": "Microsoft.OperationalInsights/workspaces/",
    "ai": "Microsoft.Insights/components/",
}


@dataclass(kw_only=True)
class Arm:
    manager: ResourceManager
    who: Principal
    group: str = "g"

    @property
    def root(self) -> str:
        return f"/subscriptions/{self.manager.world.directory.subscription_id}"

    def id(self, short: str = "") -> str:
        """`st/lake` → the account's id, `` → the group's, `/…` → itself."""
        if short.startswith("/"):
            return short
        kind, _, rest = short.partition("/")
        group = f"{self.root}/resourceGroups/{self.group}"
        return f"{group}/providers/{PROVIDERS.get(kind, kind + '/')}{rest}" if short else group

    def call(self, method: str, short: str, body: Any = None, **query: str) -> tuple[int, Any, dict[str, str]]:
        asked = {"api-version": "2024-01-01", **query}
        return asyncio.run(self.manager.handle(method, self.id(short), asked, copy.deepcopy(body), self.who))

    def ok(self, method: str, short: str, body: Any = None, **query: str) -> Any:
        status, answer, _ = self.call(method, short, body, **query)
        assert status < 300, (method, short, answer)
        return answer

    def refused(self, method: str, short: str, body: Any = None, **query: str) -> tuple[int, str, str]:
        """Status, code and message of a refusal."""
        status, answer, headers = self.call(method, short, body, **query)
        assert status >= 400, (method, short, answer)
        assert headers["x-ms-request-id"]
        return status, answer["error"]["code"], answer["error"]["message"]

    def get(self, short: str) -> Body:
        return self.ok("GET", short)

    def build(self) -> None:
        """One of everything that the tests change, in the group `g`."""
        self.manager.world.store.set_value("settle", 0)
        self.manager.world.store.set_value("propagation", 0)
        self.ok("PUT", "", HERE)
        for short, body in self.bodies().items():
            if short == "asa/job1/inputs/events":
                principal = self.get("asa/job1")["identity"]["principalId"]
                self.assign("eh/hubs-1/eventhubs/h", principal, "a638d3c7-ab3a-418d-83e6-5f17a39d4fde", 1)
                self.assign(
                    "st/lake/blobServices/default/containers/raw", principal, "ba92f5b4-2d11-453d-a403-e96b0029c9fe", 2
                )
            self.ok("PUT", short, body)

    def assign(self, scope: str, principal: str, role: str, number: int, **properties: str) -> None:
        body = {"properties": self.assignment(principal, role) | properties}
        self.ok("PUT", f"{self.id(scope)}/providers/Microsoft.Authorization/roleAssignments/{guid(number)}", body)

    def assignment(self, principal: str, role: str) -> Body:
        definition = f"{self.root}/providers/Microsoft.Authorization/roleDefinitions/{role}"
        return {"principalId": principal, "principalType": "ServicePrincipal", "roleDefinitionId": definition}

    def bodies(self) -> dict[str, Body]:
        tenant = self.manager.world.directory.tenant_id
        account = {**HERE, "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
        vault = {"tenantId": tenant, "sku": {"name": "standard", "family": "A"}, "enableRbacAuthorization": True}
        scale = {"minNodeCount": 0, "maxNodeCount": 2, "nodeIdleTimeBeforeScaleDown": "PT120S"}
        space = {"storageAccount": self.id("st/work"), "keyVault": self.id("kv/kv-1")}
        blob = {"accountName": "work", "containerName": "assets", "credentials": {"credentialsType": "None"}}
        source = {"eventHubName": "h", "serviceBusNamespace": "hubs-1", "authenticationMode": "Msi"}
        sink = {"storageAccounts": [{"accountName": "lake"}], "container": "raw", "authenticationMode": "Msi"}
        parquet = {"sizeWindow": 100, "timeWindow": "00:01:00"}
        json = {"type": "Json", "properties": {"encoding": "UTF8"}}
        ws = "ml/ws-1"
        return {
            "st/lake": {**account, "properties": {"isHnsEnabled": True}},
            "st/work": account,
            "st/lake/blobServices/default/containers/raw": {},
            "st/work/blobServices/default/containers/assets": {},
            "kv/kv-1": {**HERE, "properties": vault},
            "cr/cr12345": {**HERE, "sku": {"name": "Basic"}},
            "log/logs": HERE,
            "ai/insights": {
                **HERE,
                "kind": "web",
                "properties": {"Application_Type": "web", "WorkspaceResourceId": self.id("log/logs")},
            },
            "id/cluster": HERE,
            "eh/hubs-1": {**HERE, "sku": {"name": "Standard"}},
            "eh/hubs-1/eventhubs/h": {"properties": {"partitionCount": 2, "messageRetentionInDays": 1}},
            "eh/hubs-1/eventhubs/h/consumergroups/readers": {},
            "asa/job1": {
                **HERE,
                "identity": {"type": "SystemAssigned"},
                "properties": {
                    "sku": {"name": "Standard"},
                    "transformation": {"name": "t", "properties": {"query": "SELECT 1", "streamingUnits": 1}},
                },
            },
            "asa/job1/inputs/events": {
                "properties": {
                    "type": "Stream",
                    "datasource": {"type": "Microsoft.EventHub/EventHub", "properties": source},
                    "serialization": json,
                }
            },
            "asa/job1/outputs/raw": {
                "properties": {
                    "datasource": {"type": "Microsoft.Storage/Blob", "properties": sink},
                    "serialization": {"type": "Parquet"},
                    **parquet,
                }
            },
            ws: {**HERE, "identity": {"type": "SystemAssigned"}, "properties": space},
            f"{ws}/computes/cpu": {
                **HERE,
                "properties": {
                    "computeType": "AmlCompute",
                    "properties": {"vmSize": "Standard_DS3_v2", "scaleSettings": scale},
                },
            },
            f"{ws}/datastores/assets": {"properties": {"datastoreType": "AzureBlob", **blob}},
            f"{ws}/models/m/versions/1": {
                "properties": {"modelUri": "https://assets.example/m", "modelType": "custom_model"}
            },
            f"{ws}/codes/c/versions/1": {"properties": {"codeUri": "https://assets.example/c"}},
            f"{ws}/environments/e/versions/1": {"properties": {"image": "base", "condaFile": "name: x"}},
            f"{ws}/batchEndpoints/end": {**HERE, "properties": {"authMode": "AADToken"}},
            f"{ws}/batchEndpoints/end/deployments/first": {
                **HERE,
                "properties": {
                    "model": {"referenceType": "Id", "assetId": self.id(f"{ws}/models/m/versions/1")},
                    "codeConfiguration": {
                        "codeId": self.id(f"{ws}/codes/c/versions/1"),
                        "scoringScript": "score.py",
                    },
                    "environmentId": self.id(f"{ws}/environments/e/versions/1"),
                    "compute": self.id(f"{ws}/computes/cpu"),
                },
            },
        }

    def body(self, short: str, **changes: Any) -> Body:
        """The valid body of a resource with some paths changed; `sku__name="x"` for `sku.name`; ... removes it."""
        body = copy.deepcopy(self.bodies()[short])
        for path, value in changes.items():
            *above, last = path.split("__")
            place = body
            for key in above:
                place = place.setdefault(key, {})
            if value is ...:
                place.pop(last)
            else:
                place[last] = value
        return body


def guid(number: int) -> str:
    return f"aaaaaaaa-0000-4000-8000-{number:012}"
