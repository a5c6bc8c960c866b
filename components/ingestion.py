"""Event Hubs: the door through which sensors' events come in."""

import pulumi
from pulumi import Output, ResourceOptions
from pulumi_azure_native import eventhub

from components.place import Place, keep, watch
from settings import Hub

# One reader each: the features in event time, the archive in arrival time.
CONSUMER_GROUPS = ("features", "archive")


class Ingestion(pulumi.ComponentResource):
    """`batchscoring:index:Ingestion`: a namespace without keys, one hub, a consumer group for each reader."""

    namespace_name: Output[str]
    hub_id: Output[str]
    hub_name: Output[str]

    def __init__(self, name: str, *, hub: Hub, place: Place, opts: ResourceOptions | None = None):
        super().__init__("batchscoring:index:Ingestion", name, {}, opts)
        namespace = eventhub.Namespace(
            f"{name}-namespace",
            namespace_name=place.names.namespace,
            resource_group_name=place.group,
            location=place.location,
            sku=eventhub.SkuArgs(name="Standard", tier="Standard", capacity=hub.throughput_units),
            is_auto_inflate_enabled=hub.auto_inflate,
            # 1 to 40 with auto-inflate and nothing without, whatever the docstring says (bicep 7900).
            maximum_throughput_units=hub.maximum_throughput_units if hub.auto_inflate else None,
            disable_local_auth=True,
            minimum_tls_version="1.2",
            public_network_access="Enabled",
            tags=place.tags,
            # Auto-inflate raises the capacity and never lowers it: that is no drift to undo.
            opts=ResourceOptions(parent=self, ignore_changes=["sku.capacity"] if hub.auto_inflate else None),
        )
        events = eventhub.EventHub(
            f"{name}-hub",
            event_hub_name=place.names.hub,
            namespace_name=namespace.name,
            resource_group_name=place.group,
            partition_count=hub.partitions,  # fixed for good on Standard: another number replaces the hub
            retention_description=eventhub.RetentionDescriptionArgs(
                cleanup_policy="Delete", retention_time_in_hours=hub.retention_hours
            ),
            opts=keep(self, place),
        )
        for reader in CONSUMER_GROUPS:
            eventhub.ConsumerGroup(
                f"{name}-{reader}",
                consumer_group_name=reader,
                event_hub_name=events.name,
                namespace_name=namespace.name,
                resource_group_name=place.group,
                opts=ResourceOptions(parent=self),
            )
        watch(f"{name}-namespace", namespace.id, place, self)
        self.namespace_name = namespace.name
        self.hub_id, self.hub_name = events.id, events.name
        self.register_outputs(
            {
                "namespace_name": self.namespace_name,
                "hub_id": self.hub_id,
                "hub_name": self.hub_name,
            }
        )
