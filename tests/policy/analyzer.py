"""The policy pack as Pulumi runs it: its own process, spoken to over gRPC.

Properties pass through the SDK's serialisation, secrets and unknown-checking proxies as they do in a preview, so that a
rule which only works on hand-made arguments fails here.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

ROOT = Path(__file__).resolve().parents[2]
PACK = ROOT / "policies"
UNKNOWN = UNKNOWN_STRING_VALUE  # the same in every type, to the rules
LEVELS = {"advisory": 0, "mandatory": 1, "disabled": 2, "remediate": 3}


@dataclass(frozen=True, kw_only=True)
class Declared:
    """A resource as a program declares it. `links` names, by property, the resources whose outputs went into it."""

    name: str
    type: str
    props: Mapping[str, Any] = field(default_factory=dict)
    links: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    protect: bool = True


@dataclass(frozen=True, kw_only=True)
class Finding:
    rule: str
    resource: str
    level: str
    message: str


class Pack:
    """`with Pack() as pack`: the running process, with every rule at its default settings."""

    def __enter__(self) -> "Pack":
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PULUMI")}
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", "pulumi.policy", "127.0.0.1:1", str(PACK)],
            cwd=PACK,
            env=environment | {"PULUMI_PROJECT": "policies", "PULUMI_STACK": "test", "PULUMI_DRY_RUN": "true"},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        self.channel = grpc.insecure_channel(f"127.0.0.1:{int(self.process.stdout.readline())}")
        self.analyzer = analyzer_pb2_grpc.AnalyzerStub(self.channel)
        self.info = self.analyzer.GetAnalyzerInfo(empty_pb2.Empty())
        self.configure({})
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()
        self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()

    def analyze(self, resource: Declared) -> list[Finding]:
        """What the rules for single resources find."""
        answer = self.analyzer.Analyze(analyzer_pb2.AnalyzeRequest(**_fields(resource)))
        return [_finding(diagnostic, resource.name) for diagnostic in answer.diagnostics]

    def analyze_stack(self, resources: Iterable[Declared]) -> list[Finding]:
        """What the rules for the whole stack find."""
        resources = list(resources)
        urns = {resource.name: _urn(resource) for resource in resources}
        request = analyzer_pb2.AnalyzeStackRequest(
            resources=[
                analyzer_pb2.AnalyzerResource(
                    **_fields(resource),
                    dependencies=sorted({urns[n] for names in resource.links.values() for n in names}),
                    propertyDependencies={
                        key: analyzer_pb2.AnalyzerPropertyDependencies(urns=[urns[n] for n in names])
                        for key, names in resource.links.items()
                    },
                )
                for resource in resources
            ]
        )
        names = {urn: name for name, urn in urns.items()}
        answer = self.analyzer.AnalyzeStack(request)
        return [_finding(diagnostic, names.get(diagnostic.urn, "")) for diagnostic in answer.diagnostics]

    def configure(self, settings: Mapping[str, dict[str, Any]]) -> None:
        """Sends each rule's level and settings, defaults from its schema, as the engine does before a preview."""
        found = {}
        for policy in self.info.policies:
            schemas = policy.configSchema.properties
            values = {key: _plain(schemas[key]["default"]) for key in schemas if "default" in schemas[key]}
            found[policy.name] = analyzer_pb2.PolicyConfig(
                enforcementLevel=policy.enforcementLevel,
                properties=_struct(values | settings.get(policy.name, {})),
            )
        self.analyzer.Configure(analyzer_pb2.ConfigureAnalyzerRequest(policyConfig=found))


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, struct_pb2.ListValue) else value


def _urn(resource: Declared) -> str:
    return f"urn:pulumi:test::policies::{resource.type}::{resource.name}"


def _struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    message = struct_pb2.Struct()
    message.update(json.loads(json.dumps(values)))
    return message


def _fields(resource: Declared) -> dict[str, Any]:
    return {
        "type": resource.type,
        "name": resource.name,
        "urn": _urn(resource),
        "properties": _struct(resource.props),
        "options": analyzer_pb2.AnalyzerResourceOptions(protect=resource.protect),
    }


def _finding(diagnostic: Any, resource: str) -> Finding:
    level = next(name for name, number in LEVELS.items() if number == diagnostic.enforcementLevel)
    return Finding(rule=diagnostic.policyName, resource=resource, level=level, message=diagnostic.message)
