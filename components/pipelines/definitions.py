"""The factory's definitions together: linked services, datasets, pipelines, and the trigger of the windows."""

# ruff: noqa: S608 (the texts are made of names that are ours)

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.pipelines.activities import Json, script, service
from components.pipelines.plan import DATABASE, Plan
from components.pipelines.score import score

CREDENTIAL = "warehouse_admin"
TRIGGER = "hours"
RUNTIME = "managed"  # the integration runtime whose machines are in the factory's managed network


def flat(value: Any) -> Any:
    """A definition as the SDK takes it: typeProperties beside the rest, at every level."""
    if isinstance(value, Mapping):
        merged = {key: item for key, item in value.items() if key != "typeProperties"} | value.get("typeProperties", {})
        return {key: flat(item) for key, item in merged.items()}
    return [flat(item) for item in value] if isinstance(value, list) else value


@dataclass(frozen=True, kw_only=True)
class Definitions:
    """Properties by name, as Resource Manager has them. `trigger` lacks its start."""

    linked_services: dict[str, Json]
    datasets: dict[str, Json]
    pipelines: dict[str, Json]
    trigger: Json


def definitions(plan: Plan) -> Definitions:
    """Everything of the factory of a stack."""
    return Definitions(
        linked_services=_services(plan),
        datasets=_datasets(),
        pipelines={"schema": _schema(plan), "score": score(plan)},
        trigger=_trigger(plan),
    )


def _services(plan: Plan) -> dict[str, Json]:
    storage = {"serviceEndpoint": f"https://{plan.account}.blob.core.windows.net", "accountKind": "StorageV2"}
    warehouse = f"{plan.server}.database.windows.net"
    serverless = f"{plan.synapse}-ondemand.sql.azuresynapse.net"
    admin = {"credential": {"referenceName": CREDENTIAL, "type": "CredentialReference"}}
    services = {
        "lake": _service("AzureBlobFS", url=f"https://{plan.lake}.dfs.core.windows.net"),
        "scoring": _service("AzureBlobStorage", **storage),
        "warehouse": _database(warehouse, DATABASE, authenticationType="SystemAssignedManagedIdentity"),
        "warehouse_admin": _database(warehouse, DATABASE, authenticationType="UserAssignedManagedIdentity", **admin),
        "serverless": _database(serverless, "master", authenticationType="SystemAssignedManagedIdentity"),
        "serverless_admin": _database(serverless, "master", authenticationType="UserAssignedManagedIdentity", **admin),
    }
    # All or none: a Copy runs on the machines of one integration runtime.
    via = {"connectVia": {"referenceName": RUNTIME, "type": "IntegrationRuntimeReference"}} if plan.private else {}
    return {name: {**one, **via} for name, one in services.items()}


def _service(kind: str, **properties: object) -> Json:
    return {"type": kind, "typeProperties": properties}


def _database(server: str, database: str, **properties: object) -> Json:
    return _service("AzureSqlDatabase", server=server, database=database, encrypt="mandatory", **properties)


def _datasets() -> dict[str, Json]:
    blob, fs = "AzureBlobStorageLocation", "AzureBlobFSLocation"
    return {
        "lake_folder": _files("Binary", "lake", {"type": fs, "fileSystem": _parameter("container")}, "container"),
        "predictions_files": _files("Binary", "lake", {"type": fs, "fileSystem": "predictions"}),
        "input_rows": _files("Parquet", "scoring", {"type": blob, "container": "scoring-input"}),
        "output_rows": _files("Parquet", "scoring", {"type": blob, "container": "scoring-output"}),
        "output_files": _files("Binary", "scoring", {"type": blob, "container": "scoring-output"}),
        "predictions_table": _table("warehouse", "predictions"),
        "rejected_table": _table("warehouse", "rejected"),
        "warehouse_query": {"type": "AzureSqlTable", "linkedServiceName": service("warehouse"), "typeProperties": {}},
        "serverless_query": {"type": "AzureSqlTable", "linkedServiceName": service("serverless"), "typeProperties": {}},
    }


def _parameter(name: str) -> Json:
    return {"value": f"@dataset().{name}", "type": "Expression"}


def _files(kind: str, linked_service: str, location: Json, *parameters: str) -> Json:
    """Files of one folder, which is a parameter."""
    properties: Json = {"location": {**location, "folderPath": _parameter("folder")}}
    if kind == "Parquet":
        properties["compressionCodec"] = "snappy"
    return {
        "type": kind,
        "linkedServiceName": service(linked_service),
        "parameters": {name: {"type": "String"} for name in ("folder", *parameters)},
        "typeProperties": properties,
    }


def _table(linked_service: str, name: str) -> Json:
    # Not `schema` and `table`: the SDK flattens them, and a dataset has a `schema` of its own.
    properties = {"tableName": f"dbo.{name}"}
    return {"type": "AzureSqlTable", "linkedServiceName": service(linked_service), "typeProperties": properties}


def _schema(plan: Plan) -> Json:
    """Runs a script as the servers' administrator, whom nothing else uses, and lets the factory into serverless SQL."""
    login = f"IF NOT EXISTS (SELECT name FROM sys.server_principals WHERE name = N'{plan.factory}') "
    admit = [
        f"{login}CREATE LOGIN [{plan.factory}] FROM EXTERNAL PROVIDER;",
        f"GRANT ADMINISTER BULK OPERATIONS TO [{plan.factory}];",
    ]
    return {
        "description": "Applies tables, views and users; run by `pulumi up` alone",
        "concurrency": 1,
        "parameters": {"script": {"type": "String"}},
        "activities": [
            script("Apply", "warehouse_admin", "@pipeline().parameters.script"),
            script("Admit", "serverless_admin", *admit),
        ],
    }


def _trigger(plan: Plan) -> Json:
    """A window after the other; each is due once its last event can no longer come."""
    hours, rest = divmod(plan.delay_seconds, 3600)
    outputs = {"windowStart": "windowStartTime", "windowEnd": "windowEndTime"}
    parameters = {name: {"value": f"@trigger().outputs.{out}", "type": "Expression"} for name, out in outputs.items()}
    return {
        "type": "TumblingWindowTrigger",
        "typeProperties": {
            "frequency": "Hour",
            "interval": plan.window_hours,
            "delay": f"{hours // 24}.{hours % 24:02}:{rest // 60:02}:{rest % 60:02}",
            "maxConcurrency": 1,
            "retryPolicy": {"count": 2, "intervalInSeconds": 300},
        },
        "pipeline": {
            "pipelineReference": {"referenceName": "score", "type": "PipelineReference"},
            "parameters": parameters,
        },
    }
