"""What the program declares, as sentences about the architecture; each holds for every stack."""

import inspect
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pulumi_azure_native
import pytest
from pulumi.resource import CustomResource

from .declared import Declared, declare


def of(stack: list[Declared], kind: str) -> list[Declared]:
    found = [resource for resource in stack if resource.type == kind]
    assert found, f"no {kind} is declared"
    return found


def one(stack: list[Declared], kind: str) -> dict[str, Any]:
    (found,) = of(stack, kind)
    return dict(found.inputs)


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}")
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item, path)
    else:
        yield path, value


def sdk_class(kind: str) -> type[CustomResource]:
    module, name = kind.split(":")
    return getattr(getattr(pulumi_azure_native, module), name)


def azure(stack: list[Declared]) -> list[Declared]:
    return [resource for resource in stack if resource.custom and not resource.type.startswith("pulumi:")]


def test_every_resource_that_takes_tags_has_them(stack: list[Declared]) -> None:
    wanted = {"workload", "problem", "env", "owner", "cost-center", "data-classification", "managed-by"}
    for resource in azure(stack):
        takes = "tags" in inspect.signature(getattr(sdk_class(resource.type), "_internal_init")).parameters  # noqa: B009
        properties = resource.inputs.get("properties") or {}
        nested = resource.type.endswith(("Version", "Datastore"))
        if takes or nested:
            tags = resource.inputs.get("tags") if takes else properties.get("tags")
            assert set(tags or {}) == wanted, resource.name


def test_nothing_accepts_tls_below_1_2(stack: list[Declared]) -> None:
    assert {r.inputs["minimumTlsVersion"] for r in of(stack, "storage:StorageAccount")} == {"TLS1_2"}
    assert one(stack, "eventhub:Namespace")["minimumTlsVersion"] == "1.2"
    assert all(r.inputs["enableHttpsTrafficOnly"] for r in of(stack, "storage:StorageAccount"))


def test_there_are_no_keys(stack: list[Declared]) -> None:
    for account in of(stack, "storage:StorageAccount"):
        assert account.inputs["allowSharedKeyAccess"] is False
        assert account.inputs["allowBlobPublicAccess"] is False
    assert one(stack, "eventhub:Namespace")["disableLocalAuth"] is True
    assert one(stack, "containerregistry:Registry")["adminUserEnabled"] is False
    assert one(stack, "machinelearningservices:Compute")["properties"]["disableLocalAuth"] is True
    assert one(stack, "machinelearningservices:BatchEndpoint")["properties"]["authMode"] == "AADToken"
    assert one(stack, "machinelearningservices:Workspace")["systemDatastoresAuthMode"] == "Identity"
    assert one(stack, "keyvault:Vault")["properties"]["enableRbacAuthorization"] is True


def test_no_property_carries_a_secret(stack: list[Declared]) -> None:
    words = ("password", "accountkey", "sharedaccess", "connectionstring", "sastoken")
    paths = [path for resource in azure(stack) for path, _ in leaves(dict(resource.inputs))]
    assert [path for path in paths if any(word in path.lower() for word in words)] == []


def test_the_cluster_scales_to_zero(stack: list[Declared]) -> None:
    cluster = one(stack, "machinelearningservices:Compute")["properties"]["properties"]
    assert cluster["scaleSettings"]["minNodeCount"] == 0
    assert cluster["scaleSettings"]["nodeIdleTimeBeforeScaleDown"].startswith("PT")
    assert cluster["remoteLoginPortPublicAccess"] == "Disabled"


def test_every_service_sends_all_its_logs_to_log_analytics(stack: list[Declared]) -> None:
    settings = of(stack, "monitor:DiagnosticSetting")
    targets = {setting.inputs["resourceUri"].split("/")[1] for setting in settings}
    assert targets == {
        "eventhub:Namespace",
        "streamanalytics:StreamingJob",
        "storage:BlobServiceProperties",
        "containerregistry:Registry",
        "keyvault:Vault",
        "machinelearningservices:Workspace",
        "datafactory:Factory",
        "sql:Database",
        "sql:Server",  # its auditing, by its database master
        "synapse:Workspace",
    }
    assert len(settings) == 11  # two storage accounts
    for setting in settings:
        assert setting.inputs["logs"] == [{"categoryGroup": "allLogs", "enabled": True}]
        assert setting.inputs["workspaceId"] == "/operationalinsights:Workspace/monitoring-logs"


def test_the_lake_is_hierarchical_and_the_workspaces_account_is_not(stack: list[Declared]) -> None:
    accounts = {r.name: r.inputs["isHnsEnabled"] for r in of(stack, "storage:StorageAccount")}
    assert accounts == {"lake-account": True, "workspace-account-account": False}
    containers = {r.inputs["containerName"]: r.inputs["publicAccess"] for r in of(stack, "storage:BlobContainer")}
    lake, workspace = (
        {"features", "raw", "rejected", "predictions", "synapse"},
        {"assets", "scoring-input", "scoring-output", "azureml"},
    )
    assert containers == dict.fromkeys(lake | workspace, "None")


def test_the_job_is_made_without_inputs_outputs_or_a_start(stack: list[Declared]) -> None:
    job = one(stack, "streamanalytics:StreamingJob")
    assert not {"inputs", "outputs", "outputStartMode"} & set(job)
    assert job["compatibilityLevel"] == "1.2"
    assert job["identity"] == {"type": "SystemAssigned"}


def test_the_job_reads_the_hub_twice_each_time_by_a_consumer_group_of_its_own(stack: list[Declared]) -> None:
    inputs = {r.inputs["inputName"]: r.inputs["properties"]["datasource"] for r in of(stack, "streamanalytics:Input")}
    groups = {alias: source["consumerGroupName"] for alias, source in inputs.items()}
    assert groups == {"events": "features", "arrivals": "archive"}
    assert {r.inputs["consumerGroupName"] for r in of(stack, "eventhub:ConsumerGroup")} == set(groups.values())
    for source in inputs.values():
        # Azure Policy accepts this type of source alone with an identity.
        assert (source["type"], source["authenticationMode"]) == ("Microsoft.EventHub/EventHub", "Msi")


def test_each_output_writes_hours_of_parquet_to_the_container_of_its_name(stack: list[Declared]) -> None:
    for output in of(stack, "streamanalytics:Output"):
        source = output.inputs["datasource"]
        assert source["container"] == output.inputs["outputName"]
        assert source["authenticationMode"] == "Msi"
        assert (source["pathPattern"], source["dateFormat"], source["timeFormat"]) == (
            "{date}/{time}",
            "yyyy/MM/dd",
            "HH",
        )
        assert output.inputs["serialization"]["type"] == "Parquet"
        assert output.inputs["timeWindow"] == "00:01:00"


def test_a_failed_file_fails_the_job_and_every_job_says_what_scored(stack: list[Declared]) -> None:
    properties = one(stack, "machinelearningservices:BatchDeployment")["properties"]
    assert properties["errorThreshold"] == 0
    assert properties["outputAction"] == "SummaryOnly"
    assert set(properties["environmentVariables"]) == {"PROBLEM", "MODEL_DIGEST", "CODE_DIGEST"}
    assert properties["codeConfiguration"]["scoringScript"] == "score.py"
    assert properties["retrySettings"]["timeout"] == "PT300S"
    assert properties["resources"]["instanceCount"] >= 1


def test_versions_and_the_deployment_are_named_by_their_content(stack: list[Declared]) -> None:
    for kind in ("CodeVersion", "EnvironmentVersion"):
        (made,) = of(stack, f"machinelearningservices:{kind}")
        assert made.name.endswith(made.inputs["version"])
        assert len(made.inputs["version"]) == 16
    (deployment,) = of(stack, "machinelearningservices:BatchDeployment")
    digest = deployment.name.rpartition("-")[2]
    assert deployment.inputs["deploymentName"] == f"sensors-{digest[:8]}"


def test_the_environment_is_pinned(stack: list[Declared]) -> None:
    properties = one(stack, "machinelearningservices:EnvironmentVersion")["properties"]
    assert "@sha256:" in properties["image"]
    lines = [line for line in properties["condaFile"].splitlines() if line.startswith("      - ")]
    assert len(lines) > 50
    assert all("==" in line for line in lines)
    assert any("azureml-core==" in line for line in lines)


def test_the_endpoint_has_tags_from_the_start(stack: list[Declared]) -> None:
    assert one(stack, "machinelearningservices:BatchEndpoint")["tags"]


def test_steps_carry_what_they_act_on(stack: list[Declared]) -> None:
    steps = {r.name: r.inputs["input"] for r in of(stack, "pulumi:index:Stash")}
    starts = {name for name in steps if name.startswith("conduct-start-")}
    assert len(starts) == 1
    door = {"private-link-approval-step", "private-link-network-step"}
    shut = one(stack, "sql:Server")["publicNetworkAccess"] == "Disabled"
    assert door & set(steps) == (door if shut else set())
    assert set(steps) - starts - door == {
        "flow-start-step",
        "deployment-switch-step",
        "conduct-schema-step",
        "conduct-schedule-step",
    }
    assert len(steps["flow-start-step"]["parts"]) == 5
    assert set(steps["deployment-switch-step"]) == {
        "endpoint",
        "endpointDigest",
        "deployment",
        "workspace",
        "account",
        "model",
        "modelDigest",
    }


def test_every_name_in_azure_says_the_problem(stack: list[Declared]) -> None:
    keys = {
        "resources:ResourceGroup": "resourceGroupName",
        "storage:StorageAccount": "accountName",
        "eventhub:Namespace": "namespaceName",
        "eventhub:EventHub": "eventHubName",
        "streamanalytics:StreamingJob": "jobName",
        "keyvault:Vault": "vaultName",
        "containerregistry:Registry": "registryName",
        "machinelearningservices:Compute": "computeName",
        "machinelearningservices:BatchEndpoint": "endpointName",
        "machinelearningservices:BatchDeployment": "deploymentName",
        "machinelearningservices:Workspace": "workspaceName",
        "datafactory:Factory": "factoryName",
        "sql:Server": "serverName",
        "synapse:Workspace": "workspaceName",
    }
    for kind, key in keys.items():
        assert all("sensors" in resource.inputs[key] for resource in of(stack, kind)), kind


def test_prod_names_its_model_and_uploads_none() -> None:
    declared = declare("prod", modelVersion="0123456789abcdef")
    assert [r for r in declared if r.type == "machinelearningservices:ModelVersion"] == []
    model = one(declared, "machinelearningservices:BatchDeployment")["properties"]["model"]
    assert model["assetId"].endswith("/models/sensors/versions/0123456789abcdef")


def test_without_a_model_the_endpoint_waits_for_its_first() -> None:
    kinds = Counter(r.type for r in declare("prod"))
    assert kinds["machinelearningservices:BatchEndpoint"] == 1
    assert kinds["machinelearningservices:BatchDeployment"] == 0
    # The stream's start, the schema, the windows' start, their schedule, the factory's network, its endpoint.
    assert kinds["pulumi:index:Stash"] == 6


def test_a_vault_outlives_a_lasting_stack_and_not_an_ephemeral_one() -> None:
    protection = {
        stack: one(declare(stack, modelPath=""), "keyvault:Vault")["properties"].get("enablePurgeProtection")
        for stack in ("local", "dev")
    }
    assert protection == {"local": None, "dev": True}  # Azure takes no False


@pytest.mark.parametrize(("stack", "door"), [("dev", "open"), ("prod", "shut")])
def test_a_server_has_a_rule_for_azures_machines_or_a_private_link_never_both(stack: str, door: str) -> None:
    declared = declare(stack, modelPath="")
    kinds = Counter(r.type for r in declared)
    found = {kind: kinds[kind] for kind in ("sql:FirewallRule", "datafactory:ManagedPrivateEndpoint")}
    assert list(found.values()) == ([1, 0] if door == "open" else [0, 1])
    services = [r.inputs["properties"].get("connectVia") for r in declared if r.type == "datafactory:LinkedService"]
    ways = {one and one["referenceName"] for one in services}
    assert ways == {None if door == "open" else "managed"}


def test_auto_inflate_stops_at_twice_the_stated_peak() -> None:
    prod, dev = (one(declare(stack, modelPath=""), "eventhub:Namespace") for stack in ("prod", "dev"))
    assert (prod["isAutoInflateEnabled"], prod["maximumThroughputUnits"], prod["sku"]["capacity"]) == (True, 2, 1)
    assert (dev["isAutoInflateEnabled"], "maximumThroughputUnits" in dev) == (False, False)


def test_a_missing_model_is_an_error_that_says_what_to_run() -> None:
    with pytest.raises(Exception, match=r"modelPath: no/such/folder .*batch-scoring train --problem sensors"):
        declare("dev", modelPath="no/such/folder")


def test_all_that_is_wrong_with_the_settings_ends_the_program_at_once() -> None:
    with pytest.raises(Exception, match=r"(?s)2 settings are wrong:.*maxNodes.*retries"):
        declare("dev", maxNodes="0", retries="-1")
