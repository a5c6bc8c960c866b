"""Where a component puts its resources, and what all of them share."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi import Input, ResourceOptions
from pulumi._types import input_type_to_dict, is_input_type  # how the SDK itself reads its Args objects
from pulumi_azure_native import authorization, monitor

from naming import Names
from settings import Settings

# First and last address of a firewall rule: Azure's way to say any address of its own.
AZURE_ALONE = "0.0.0.0"  # noqa: S104 (nothing listens there)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a stack's resources go: subscription, group, region; Azure's names; tags; how long they live.

    `protect`: Pulumi refuses to delete what holds data. `ephemeral`: nothing may stay behind or be left in the way.
    `logs`: id of the Log Analytics workspace that receives every service's logs.
    """

    problem: str
    subscription_id: str
    tenant_id: str
    group: Input[str]
    location: str
    names: Names
    tags: Mapping[str, str]
    protect: bool
    ephemeral: bool
    logs: Input[str] | None = None

    @classmethod
    def of(
        cls, settings: Settings, names: Names, client: authorization.GetClientConfigResult, *, group: Input[str]
    ) -> "Place":
        """The place that the settings describe, before it has its logs."""
        return cls(
            problem=settings.problem,
            subscription_id=client.subscription_id,
            tenant_id=client.tenant_id,
            group=group,
            location=settings.location,
            names=names,
            tags=settings.tags,
            protect=settings.protect,
            ephemeral=settings.ephemeral,
        )

    def logging_to(self, logs: Input[str]) -> "Place":
        """The same place, once it has its Log Analytics."""
        return dataclasses.replace(self, logs=logs)

    def id_of(self, path: str) -> str:
        """Resource id, known before the deployment, of what lies in the group (`Microsoft.X/types/name`)."""
        return f"/subscriptions/{self.subscription_id}/resourceGroups/{self.names.group}/providers/{path}"


def watch(name: str, resource_id: Input[str], place: Place, parent: pulumi.Resource) -> monitor.DiagnosticSetting:
    """Sends every log category of a resource to Log Analytics.

    The name is fixed: Azure keeps a setting when its resource is deleted and brings it back with a resource of the same
    name. Retention is the workspace's, Azure refuses `retention_policy` in new settings.
    """
    return monitor.DiagnosticSetting(
        f"{name}-logs",
        name="to-log-analytics",
        resource_uri=resource_id,
        workspace_id=place.logs,
        logs=[monitor.DiagnosticsLogSettingsArgs(category_group="allLogs", enabled=True)],
        opts=ResourceOptions(parent=parent),
    )


def keep(parent: pulumi.Resource, place: Place, **options: Any) -> ResourceOptions:
    """Options of what holds data: Pulumi refuses to delete or replace it where the stack is protected."""
    return ResourceOptions(parent=parent, protect=place.protect or None, **options)


def fingerprint(*values: Any) -> str:
    """First 16 hex digits of the SHA-256 of declared values: texts, numbers, lists, mappings and Args objects.

    Only what is known before the deployment can be in it; an Output is refused, since its digest would not be stable.
    """
    return hashlib.sha256(json.dumps([_plain(value) for value in values], sort_keys=True).encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    if isinstance(value, pulumi.Output):
        raise TypeError("an Output has no digest before the deployment; give the plain value")
    if is_input_type(type(value)):
        return _plain(input_type_to_dict(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value
