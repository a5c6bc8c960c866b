"""The cluster on which jobs run: no nodes when there is nothing to do."""

from collections.abc import Sequence

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_azure_native import machinelearningservices as ml

from components.place import Place
from settings import Cluster as ClusterSettings


class Cluster(pulumi.ComponentResource):
    """`batchscoring:index:Cluster`: a cluster that scales to zero, with its own identity and without SSH."""

    cluster_id: Output[str]
    name: Output[str]

    def __init__(
        self,
        name: str,
        *,
        cluster: ClusterSettings,
        workspace: Input[str],
        identity_id: Input[str],
        place: Place,
        after: Sequence[pulumi.Resource],
        opts: ResourceOptions | None = None,
    ):
        super().__init__("batchscoring:index:Cluster", name, {}, opts)
        compute = ml.Compute(
            f"{name}-compute",
            compute_name=place.names.cluster,
            workspace_name=workspace,
            resource_group_name=place.group,
            location=place.location,
            identity=ml.ManagedServiceIdentityArgs(type="UserAssigned", user_assigned_identities=[identity_id]),
            properties=ml.AmlComputeArgs(
                compute_type="AmlCompute",
                compute_location=place.location,
                disable_local_auth=True,
                properties=ml.AmlComputePropertiesArgs(
                    os_type="Linux",
                    vm_size=cluster.vm_size,
                    vm_priority=cluster.vm_priority,
                    remote_login_port_public_access="Disabled",
                    scale_settings=ml.ScaleSettingsArgs(
                        min_node_count=0,
                        max_node_count=cluster.maximum_nodes,
                        node_idle_time_before_scale_down=f"PT{cluster.idle_seconds}S",
                    ),
                ),
            ),
            tags=place.tags,
            # Azure changes scale settings in place and refuses the rest; the name is taken until the old one is gone.
            opts=ResourceOptions(
                parent=self,
                depends_on=list(after),
                delete_before_replace=True,
                replace_on_changes=["properties.properties.vmSize", "properties.properties.vmPriority"],
            ),
        )
        self.cluster_id, self.name = compute.id, compute.name
        self.register_outputs({"cluster_id": self.cluster_id, "name": self.name})
