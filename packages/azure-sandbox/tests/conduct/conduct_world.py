"""A factory with linked services and datasets, its database and its serverless SQL pool, as a test sees them."""

import io
import time
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from azure.identity import ManagedIdentityCredential
from azure.storage.blob import ContainerClient
from sandbox_world import PLACE, World  # pyright: ignore[reportMissingImports]
from sql_engine import sid_literal

LAKE, WORK = "conductlake1", "conductwork1"
HOST = f"https://{LAKE}.blob.core.windows.net"
ALWAYS = {"lastUpdatedAfter": "2000-01-01T00:00:00Z", "lastUpdatedBefore": "2100-01-01T00:00:00Z"}
AZURE = {"startIpAddress": "0.0.0.0", "endIpAddress": "0.0.0.0"}  # a firewall rule for Azure's own machines
Body = dict[str, Any]


class Conduct:
    def __init__(self, world: World) -> None:
        self.world = world
        self.providers = world.group("conduct")
        self.factory = f"{self.providers}/Microsoft.DataFactory/factories/conduct-adf"
        self.server = f"{self.providers}/Microsoft.Sql/servers/conduct-sql"
        self.synapse = f"{self.providers}/Microsoft.Synapse/workspaces/conduct-syn"

    # What is declared

    def build(self) -> None:
        world = self.world
        self.lake = world.account(self.providers, LAKE, "raw", "made", "secret", isHnsEnabled=True)
        self.warehouse = world.user_identity(self.providers, "warehouse")
        tenant, admin = world.identity("deployer")["tenant"], self.warehouse["properties"]["clientId"]
        entra = {"login": "warehouse", "sid": admin, "tenantId": tenant, "principalType": "Application"}
        entra |= {"administratorType": "ActiveDirectory", "azureADOnlyAuthentication": True}
        world.put(self.server, {"location": PLACE, "properties": {"administrators": entra}})
        world.put(f"{self.server}/firewallRules/azure", {"properties": AZURE})
        world.put(f"{self.server}/databases/scores", {"location": PLACE, "sku": {"name": "GP_S_Gen5_1"}})
        storage = {"accountUrl": f"https://{LAKE}.dfs.core.windows.net", "filesystem": "raw"}
        properties: Body = {"defaultDataLakeStorage": storage, "azureADOnlyAuthentication": True}
        system = {"identity": {"type": "SystemAssigned"}}
        world.put(self.synapse, {"location": PLACE, "properties": properties, **system})
        world.put(f"{self.synapse}/firewallRules/azure", {"properties": AZURE})
        world.put(f"{self.synapse}/sqlAdministrators/activeDirectory", {"properties": {"sid": admin, "login": "w"}})
        users = {"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": {self.warehouse["id"]: {}}}
        made = world.put(self.factory, {"location": PLACE, "identity": users})
        self.principal = made["identity"]["principalId"]
        for name, role in (("raw", "Storage Blob Data Reader"), ("made", "Storage Blob Data Contributor")):
            container = f"{self.lake}/blobServices/default/containers/{name}"
            world.grant(container, role, self.principal)
            world.grant(container, "Storage Blob Data Contributor", world.identity("deployer")["objectId"])
        world.clock(advance=121)
        self._link()

    def _link(self) -> None:
        kind = {"type": "ManagedIdentity", "typeProperties": {"resourceId": self.warehouse["id"]}}
        self.put("credentials/admin", kind)
        credential = {"type": "CredentialReference", "referenceName": "admin"}
        sql = {"server": "conduct-sql.database.windows.net", "database": "scores"}
        serverless = {"server": "conduct-syn-ondemand.sql.azuresynapse.net", "database": "master"}
        system, user = ({"authenticationType": f"{kind}AssignedManagedIdentity"} for kind in ("System", "User"))
        for name, kind, properties in (
            ("lake", "AzureBlobFS", {"url": f"https://{LAKE}.dfs.core.windows.net"}),
            ("blob", "AzureBlobStorage", {"serviceEndpoint": HOST, "accountKind": "StorageV2"}),
            ("database", "AzureSqlDatabase", sql | system),
            ("admin", "AzureSqlDatabase", sql | user | {"credential": credential}),
            ("serverless", "AzureSqlDatabase", serverless | system),
            ("serverless_admin", "AzureSqlDatabase", serverless | user | {"credential": credential}),
        ):
            self.put(f"linkedservices/{name}", {"type": kind, "typeProperties": properties})
        text = {"type": "String", "defaultValue": ""}
        of = dict.fromkeys(("container", "folder", "file"), text)
        location = {key: {"type": "Expression", "value": f"@dataset().{name}"} for key, name in (
            ("container", "container"), ("folderPath", "folder"), ("fileName", "file"))}  # fmt: skip
        for name, kind in (("parquet", "Parquet"), ("csv", "DelimitedText"), ("bytes", "Binary")):
            properties: Body = {"location": {"type": "AzureBlobStorageLocation", **location}}
            properties |= {"firstRowAsHeader": True} if name == "csv" else {}
            self.put(f"datasets/{name}", {"type": kind, "parameters": of, "typeProperties": properties} | _on("blob"))
        self.put("datasets/query", {"type": "AzureSqlTable", "typeProperties": {}} | _on("serverless"))
        table = {"schema": "dbo", "table": {"type": "Expression", "value": "@dataset().table"}}
        one = {"type": "AzureSqlTable", "parameters": {"table": {"type": "String"}}, "typeProperties": table}
        self.put("datasets/table", one | _on("database"))

    def put(self, short: str, properties: Body) -> None:
        self.world.put(f"{self.factory}/{short}", {"properties": properties})

    def refused(self, method: str, path: str, properties: Body | None = None) -> tuple[int, str, str]:
        answer = self.world.arm(method, path, None if properties is None else {"properties": properties})
        assert answer.status_code >= 400, answer.text
        return answer.status_code, answer.json()["error"]["code"], answer.json()["error"]["message"]

    # Runs

    def pipeline(self, name: str, *activities: Body, **more: Any) -> None:
        self.put(f"pipelines/{name}", {"activities": list(activities), **more})

    def create(self, name: str, parameters: Body | None = None) -> str:
        answer = self.world.arm("POST", f"{self.factory}/pipelines/{name}/createRun", parameters or {})
        assert answer.status_code == 200, answer.text
        return answer.json()["runId"]

    def run(self, name: str, *activities: Body, given: Body | None = None, **more: Any) -> tuple[Body, Body]:
        """Runs a pipeline to its end: the run, and its last activity run."""
        self.pipeline(name, *activities, **more)
        run = self.wait(self.create(name, given))
        return run, self.activities(run["runId"])[-1]

    def get(self, run_id: str) -> Body:
        return self.world.arm("GET", f"{self.factory}/pipelineruns/{run_id}").json()

    def wait(self, run_id: str) -> Body:
        until = time.monotonic() + 20
        while (run := self.get(run_id))["status"] in ("Queued", "InProgress") and time.monotonic() < until:
            time.sleep(0.02)
        return run

    def activities(self, run_id: str) -> list[Body]:
        path = f"{self.factory}/pipelineruns/{run_id}/queryActivityruns"
        return self.world.arm("POST", path, ALWAYS).json()["value"]

    def query(self, what: str, *filters: Body) -> list[Body]:
        answer = self.world.arm("POST", f"{self.factory}/{what}", ALWAYS | {"filters": list(filters)})
        assert answer.status_code == 200, answer.text
        return answer.json()["value"]

    def sql(self, text: str, link: str = "admin") -> list[Body]:
        """The rows of the last statement that has any."""
        run, done = self.run("sql", script("Script", text, link))
        assert run["status"] == "Succeeded", run["message"]
        return done["output"]["resultSets"][-1]["rows"] if done["output"]["resultSets"] else []

    @property
    def sid(self) -> str:
        """Of the factory's system-assigned identity."""
        client = self.world.identity(self.factory)["clientId"]
        return sid_literal(client)

    # Files

    def container(self, name: str) -> ContainerClient:
        return ContainerClient(HOST, name, credential=ManagedIdentityCredential())

    def write(self, container: str, name: str, content: bytes) -> None:
        with self.container(container) as client:
            client.upload_blob(name, content, overwrite=True)

    def rows(self, container: str, start: str) -> dict[str, pa.Table]:
        with self.container(container) as client:
            names = sorted(client.list_blob_names(name_starts_with=start))
            return {n: pq.read_table(io.BytesIO(client.download_blob(n).readall())) for n in names}

    def names(self, container: str, start: str) -> list[str]:
        with self.container(container) as client:
            return sorted(client.list_blob_names(name_starts_with=start))


def _on(name: str) -> Body:
    return {"linkedServiceName": {"type": "LinkedServiceReference", "referenceName": name}}


def parquet(**columns: list[Any]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def dataset(name: str, **parameters: Any) -> Body:
    return {"type": "DatasetReference", "referenceName": name, "parameters": parameters}


def script(name: str, text: str, link: str = "admin", kind: str = "Query", **more: Any) -> Body:
    properties = {"scripts": [{"type": kind, "text": text, **more}]}
    return {"name": name, "type": "Script", "typeProperties": properties} | _on(link)


def copy(source: Body, sink: Body, given: Body, target: Body, **more: Any) -> Body:
    properties = {"source": source, "sink": sink, **more}
    return {"name": "Copy", "type": "Copy", "inputs": [given], "outputs": [target], "typeProperties": properties}


def web(url: str | Body, **properties: Any) -> Body:
    return {"name": "Web", "type": "WebActivity", "typeProperties": {"url": url, "method": "GET", **properties}}
