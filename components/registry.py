"""The container registry: images of the scoring environment, pulled by identity."""

import pulumi
from pulumi import Output, ResourceOptions
from pulumi_azure_native import containerregistry

from components.place import Place, watch


class Registry(pulumi.ComponentResource):
    """`batchscoring:index:Registry`: a registry without an admin user and without anonymous pulls."""

    registry_id: Output[str]
    name: Output[str]

    def __init__(self, name: str, *, sku: str, place: Place, opts: ResourceOptions | None = None):
        super().__init__("batchscoring:index:Registry", name, {}, opts)
        premium = sku == "Premium"
        registry = containerregistry.Registry(
            f"{name}-registry",
            registry_name=place.names.registry,
            resource_group_name=place.group,
            location=place.location,
            sku=containerregistry.SkuArgs(name=sku),
            admin_user_enabled=False,
            anonymous_pull_enabled=False,
            public_network_access="Enabled",
            network_rule_bypass_options="AzureServices",
            # Premium only, and never quarantine: batch endpoints do not support it.
            policies=containerregistry.PoliciesArgs(
                retention_policy=containerregistry.RetentionPolicyArgs(status="enabled", days=30)
            )
            if premium
            else None,
            tags=place.tags,
            opts=ResourceOptions(parent=self),
        )
        watch(f"{name}-registry", registry.id, place, self)
        self.registry_id, self.name = registry.id, registry.name
        self.register_outputs({"registry_id": self.registry_id, "name": self.name})
