"""The real program under Pulumi's mocks: what it declares, stack by stack."""

import asyncio
import functools
import runpy
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
import yaml
from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks

ROOT = Path(__file__).parents[2]
STACKS = ("local", "dev", "prod")
SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
WORKSPACE = "11111111-1111-1111-1111-111111111111"
DEPLOYER = "00000000-0000-0000-0000-0000000000dd"


@dataclass(frozen=True)
class Declared:
    """One resource as the program declares it: type without provider, logical name, inputs as on the wire."""

    type: str
    name: str
    inputs: Mapping[str, Any]
    custom: bool


@dataclass
class Recorder(Mocks):
    """Answers as Azure would where the program needs an answer, and keeps what it is asked for."""

    seen: list[Declared] = field(default_factory=list)

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        kind = args.typ.removeprefix("azure-native:")
        self.seen.append(Declared(kind, args.name, args.inputs, bool(args.custom)))
        outputs: dict[str, Any] = dict(args.inputs) | {"name": _azure_name(args.inputs)}
        outputs |= {"principalId": f"{args.name}-principal", "clientId": f"{args.name}-client"}
        if "identity" in outputs:
            outputs["identity"] = {"type": args.inputs["identity"]["type"], "principalId": f"{args.name}-principal"}
        if kind == "machinelearningservices:BatchEndpoint":
            outputs["properties"] = {
                **outputs["properties"],
                "scoringUri": "https://e.westeurope.inference.ml.azure.com/jobs",
            }
        if kind == "datafactory:Factory":
            outputs["createTime"] = "2026-03-09T12:34:56Z"
        if kind == "pulumi:index:Stash":
            outputs["output"] = args.inputs["input"]
        if kind == "machinelearningservices:Workspace":
            outputs["workspaceId"] = WORKSPACE
        return f"/{kind}/{args.name}", outputs

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        assert args.token == "azure-native:authorization:getClientConfig"
        found = {"subscriptionId": SUBSCRIPTION, "tenantId": SUBSCRIPTION, "objectId": DEPLOYER, "clientId": DEPLOYER}
        return found, []


def _azure_name(inputs: Mapping[str, Any]) -> str:
    """The name of the resource itself: the last of the names on its path that the SDK takes."""
    order = ("name", "deploymentName", "endpointName", "computeName", "outputName", "inputName", "consumerGroupName")
    order += ("pipelineName", "triggerName", "datasetName", "linkedServiceName", "credentialName", "factoryName")
    order += ("databaseName", "serverName")
    order += (
        "eventHubName",
        "containerName",
        "jobName",
        "namespaceName",
        "accountName",
        "workspaceName",
        "resourceName",
    )
    return next(
        (str(inputs[key]) for key in (*order, "vaultName", "registryName", "resourceGroupName") if key in inputs), ""
    )


def configuration(stack: str, **changes: str) -> dict[str, str]:
    """The stack's configuration as the engine hands it to the program, defaults of Pulumi.yaml included."""
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    values = {f"batch-scoring:{key}": entry["default"] for key, entry in declared.items()}
    values |= yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    values |= {f"batch-scoring:{key}": value for key, value in changes.items()}
    return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in values.items()}


def declare(stack: str, **changes: str) -> list[Declared]:
    """Everything that the program declares for a stack; one run of the program for each configuration."""
    return _declare(stack, tuple(sorted(changes.items())))


@functools.cache
def _declare(stack: str, changes: tuple[tuple[str, str], ...]) -> list[Declared]:
    mocks = Recorder()
    asyncio.set_event_loop(event_loop())
    pulumi.runtime.set_mocks(mocks, project="batch-scoring", stack=stack, preview=False)
    pulumi.runtime.set_all_config(configuration(stack, **dict(changes)))
    pulumi.runtime.test(lambda: runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__") and None)()
    return mocks.seen


@functools.cache
def event_loop() -> asyncio.AbstractEventLoop:
    """The SDK takes the thread's current loop, and another test's asyncio.run() leaves none. It stays open: the mocks
    answer on its threads, which keep loops of their own."""
    return asyncio.new_event_loop()
