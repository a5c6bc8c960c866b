"""The plugin's own opinion: what it refuses by itself, how inputs become bodies and answers become outputs."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import azure_sandbox_pulumi
import pytest
from azure_sandbox.ids import type_of
from azure_sandbox.rules import TYPES
from azure_sandbox_pulumi import body, schema, servicer, table
from azure_sandbox_pulumi.facts import facts, read_all

ACCOUNT = "azure-native:storage:StorageAccount"
INPUT = "azure-native:streamanalytics:Input"
DEPLOYMENT = "azure-native:machinelearningservices:BatchDeployment"
GOOD: dict[str, dict[str, Any]] = {
    ACCOUNT: {"kind": "StorageV2", "resourceGroupName": "g", "sku": {"name": "Standard_LRS"}},
    INPUT: {
        "jobName": "j",
        "resourceGroupName": "g",
        "properties": {
            "type": "Stream",
            "datasource": {"type": "Microsoft.EventHub/EventHub", "eventHubName": "h"},
            "serialization": {"type": "Json", "encoding": "UTF8"},
        },
    },
    DEPLOYMENT: {
        "endpointName": "e",
        "resourceGroupName": "g",
        "workspaceName": "w",
        "properties": {"model": {"referenceType": "Id", "assetId": "a"}, "miniBatchSize": 5},
    },
}
WRONG = [
    # type, path that is changed, its value (... removes), path of the failure, part of the reason
    (ACCOUNT, "knd", "x", "knd", "unknown property 'knd', did you mean 'kind'?"),
    (ACCOUNT, "kind", ..., "kind", "missing required property 'kind': expected one of"),
    (ACCOUNT, "sku", ..., "sku", "missing required property 'sku': expected an object"),
    (ACCOUNT, "sku.name", "Standard_LSR", "sku.name", "did you mean 'Standard_LRS'?"),
    (ACCOUNT, "sku.nam", "x", "sku.nam", "did you mean 'name'?"),
    (ACCOUNT, "isHnsEnabled", "yes", "isHnsEnabled", "expected true or false, got 'yes'"),
    (ACCOUNT, "tags", ["a"], "tags", "expected an object, got ['a']"),
    (ACCOUNT, "minimumTlsVersion", "1.2", "minimumTlsVersion", "'TLS1_2'"),
    (INPUT, "properties.type", "Streem", "properties.type", "'Reference', 'Stream'"),
    (INPUT, "properties.datasource.type", "Microsoft.EventHub/Hub", "properties.datasource.type", "is not one of"),
    (INPUT, "properties.datasource.eventHub", "h", "properties.datasource.eventHub", "did you mean 'eventHubName'?"),
    (INPUT, "properties.serialization.encoding", 8, "properties.serialization.encoding", "8 is not one of 'UTF8'"),
    (DEPLOYMENT, "properties.miniBatchSize", "5", "properties.miniBatchSize", "expected a number, got '5'"),
    (DEPLOYMENT, "properties.model.assetId", ..., "properties.model.assetId", "missing required property"),
    (DEPLOYMENT, "properties.outputAction", "Append", "properties.outputAction", "'AppendRow', 'SummaryOnly'"),
]


def changed(value: dict[str, Any], path: str, new: Any) -> dict[str, Any]:
    result = json.loads(json.dumps(value))
    *above, last = path.split(".")
    place = result
    for key in above:
        place = place[key]
    if new is ...:
        del place[last]
    else:
        place[last] = new
    return result


@pytest.mark.parametrize(("token", "path", "value", "where", "reason"), WRONG)
def test_a_wrong_property_is_refused_by_its_path(token: str, path: str, value: Any, where: str, reason: str) -> None:
    assert list(schema.check(token, GOOD[token])) == []
    problems = list(schema.check(token, changed(GOOD[token], path, value)))
    assert [place for place, _ in problems] == [where]
    assert reason in problems[0][1]


def test_what_is_not_known_yet_is_not_judged() -> None:
    for path in ("sku", "sku.name", "kind"):
        assert list(schema.check(ACCOUNT, changed(GOOD[ACCOUNT], path, schema.UNKNOWN))) == []


def test_a_preview_leaves_unknown_what_only_azure_knows() -> None:
    inputs = {"jobName": "j", "identity": {"type": "SystemAssigned"}, "compatibilityLevel": "1.2"}
    outputs = schema.preview("azure-native:streamanalytics:StreamingJob", inputs)
    assert outputs["identity"] == {"type": "SystemAssigned"} | dict.fromkeys(
        schema.objects()[
            facts()["resources"]["streamanalytics:StreamingJob"]["outputs"]["identity"][0]["object"]
        ].keys()
        - {"type"},
        schema.UNKNOWN,
    )
    assert outputs["compatibilityLevel"] == "1.2"
    assert outputs["jobState"] == schema.UNKNOWN


# Both ways, for every type


def value(type_: list[Any], chance: Random, depth: int) -> Any:
    """Some value that the SDK allows."""
    text = "".join(chance.choices("abcXYZ-_/", k=4))
    one = chance.choice(type_ or ["any"])
    if isinstance(one, str):
        return {"str": text, "any": text, "bool": chance.random() < 0.5}.get(one, chance.randrange(9))
    if "enum" in one:
        return chance.choice(one["enum"])
    if "list" in one:
        return [value(one["list"], chance, depth + 1) for _ in range(chance.randint(1, 2))]
    if "map" in one:
        return {text: value(one["map"], chance, depth + 1)}
    return some(one["object"], chance, depth + 1)


def some(key: str, chance: Random, depth: int = 0) -> dict[str, Any]:
    """An object with what it requires and, not too deep inside, half of what it allows."""
    found: dict[str, Any] = {}
    for name, (type_, required, constant) in schema.objects()[key].items():
        if constant or required or (depth < 4 and chance.random() < 0.5):
            found[name] = constant or value(type_, chance, depth)
    return found


@pytest.mark.parametrize("kind", table.PATHS)
def test_a_body_and_back_gives_the_inputs(kind: str) -> None:
    token = f"azure-native:{kind}"
    there = schema.output_names(token) - {"azureApiVersion", *table.parameters(token)}
    for seed in range(30):
        inputs = some(schema.resource(token)["inputs"], Random(seed))
        if isinstance(inputs.get("identity"), dict):
            inputs["identity"].pop("userAssignedIdentities", None)  # ids come back as an object, with principals
        assert list(schema.check(token, inputs)) == []
        back = body.from_arm(token, {"id": "/x", "type": "t", **body.to_arm(token, inputs)})
        expected = {k: v for k, v in inputs.items() if k in there}
        assert {k: v for k, v in back.items() if k in there - {"name", "type"} or k in expected} == expected


@pytest.mark.parametrize("kind", table.PATHS)
def test_every_type_of_the_table_has_a_rule_at_resource_manager(kind: str) -> None:
    filled = re.sub(r"\{scope\}|\{resourceUri\}", "subscriptions/s", table.template(kind))
    assert type_of(re.sub(r"\{\w+\}", "x", filled)).lower() in TYPES
    assert table.parse_id(kind, re.sub(r"\{\w+\}", "x", filled.replace("//", "/"))) is not None


@pytest.mark.parametrize("kind", sorted(table.IMMUTABLE.keys() - {"*"}))
def test_every_immutable_property_exists(kind: str) -> None:
    known = schema.objects()[schema.resource(kind)["inputs"]]
    for path in table.IMMUTABLE[kind]:
        assert path.split(".")[0] in known


def test_renamed_and_nested_properties_exist_in_the_sdk() -> None:
    for kind, names in table.RENAMED.items():
        both = schema.input_names(kind) | schema.output_names(kind)
        assert set(names) <= both, kind


# Drift and differences


def test_what_azure_adds_is_no_drift_and_what_somebody_changed_is() -> None:
    path = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a"
    inputs = {**GOOD[ACCOUNT], "accountName": "a", "networkRuleSet": {"defaultAction": "Allow"}}
    old = {"kind": "StorageV2", "sku": {"name": "Standard_LRS", "tier": "Standard"}}
    old["networkRuleSet"] = {"defaultAction": "Allow", "ipRules": []}
    assert body.inputs_from(ACCOUNT, path, old, inputs, old) == inputs
    new = {**old, "networkRuleSet": {"defaultAction": "Deny", "ipRules": [], "bypass": "None"}}
    found = body.inputs_from(ACCOUNT, path, new, inputs, old)
    assert found == {**inputs, "networkRuleSet": {"defaultAction": "Deny"}}


def test_an_import_takes_what_can_be_set() -> None:
    path = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a"
    outputs = {"kind": "StorageV2", "sku": {"name": "Standard_LRS", "tier": "Standard"}, "primaryLocation": "x"}
    found = body.inputs_from(ACCOUNT, path, outputs, {}, {})
    assert found == {**GOOD[ACCOUNT], "accountName": "a"}


def test_differences_name_every_leaf() -> None:
    old = {"a": 1, "b": {"c": [1, 2]}, "d": 1}
    new = {"a": 1, "b": {"c": [1, 3]}, "e": 2}
    assert list(servicer.differences(old, new)) == [("b.c[1]", "UPDATE"), ("d", "DELETE"), ("e", "ADD")]


# The plugin as a process


def test_the_plugin_starts_at_once_and_ends_with_its_engine(tmp_path: Path) -> None:
    script = azure_sandbox_pulumi.install_plugin(tmp_path)
    assert azure_sandbox_pulumi.install_plugin(tmp_path) == script
    engine = """import subprocess, sys, time
print(subprocess.Popen([sys.argv[1]], stdout=1).pid, flush=True)
time.sleep(60)"""
    start = time.monotonic()
    parent = subprocess.Popen([sys.executable, "-c", engine, str(script)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    pid = int(parent.stdout.readline())
    assert 1024 < int(parent.stdout.readline()) < 65536
    assert time.monotonic() - start < 3, "half a second on an idle machine"
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]:
        assert time.monotonic() < until, "the plugin outlives its engine"
        time.sleep(0.05)


def test_facts_are_those_of_the_installed_sdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    facts.cache_clear()
    fresh = facts()
    assert fresh == read_all()
    assert [file.suffix for file in (tmp_path / "azure-sandbox").iterdir()] == [".json"]
    facts.cache_clear()
    assert facts() == fresh
    facts.cache_clear()
