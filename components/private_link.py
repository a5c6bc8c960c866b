"""A private way from Data Factory's machines to a SQL server whose public door is shut.

https://learn.microsoft.com/azure/data-factory/managed-virtual-network-private-endpoint
"""

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi import Input, ResourceOptions
from pulumi_azure_native import datafactory as adf

from components import arm
from components.factory import Factory
from components.pipelines import RUNTIME
from components.place import Place
from components.steps import step

ENDPOINT, NETWORK = "warehouse", "default"  # a factory has one managed network, which Azure names so
_WAIT_SECONDS = 900  # from the order of an endpoint to the connection at its target


class PrivateLink(pulumi.ComponentResource):
    """`batchscoring:index:PrivateLink`: a managed network, machines in it, and an approved endpoint to the server."""

    approved: pulumi.Stash

    def __init__(
        self, name: str, *, factory: Factory, server_id: Input[str], place: Place, opts: ResourceOptions | None = None
    ):
        super().__init__("batchscoring:index:PrivateLink", name, {}, opts)
        where: dict[str, Any] = {"factory_name": factory.name, "resource_group_name": place.group}
        # Not a resource of the SDK's (pulumi-azure-native 896), and nothing deletes it but the factory's end.
        network = step(
            f"{name}-network",
            acts_on={"factory": factory.factory_id},
            work=make_network,
            opts=ResourceOptions(parent=self),
        )
        inside = ResourceOptions(parent=self, depends_on=[network], deleted_with=factory.resource)
        runtime = adf.IntegrationRuntime(
            f"{name}-runtime",
            integration_runtime_name=RUNTIME,
            properties=adf.ManagedIntegrationRuntimeArgs(
                type="Managed",
                compute_properties=adf.IntegrationRuntimeComputePropertiesArgs(location="AutoResolve"),
                managed_virtual_network=adf.ManagedVirtualNetworkReferenceArgs(
                    type="ManagedVirtualNetworkReference", reference_name=NETWORK
                ),
            ),
            **where,
            opts=inside,
        )
        endpoint = adf.ManagedPrivateEndpoint(
            f"{name}-endpoint",
            managed_private_endpoint_name=ENDPOINT,
            managed_virtual_network_name=NETWORK,
            properties=adf.ManagedPrivateEndpointArgs(private_link_resource_id=server_id, group_id="sqlServer"),
            **where,
            opts=inside,
        )
        self.approved = step(
            f"{name}-approval",
            acts_on={"endpoint": endpoint.id, "server": server_id, "asks": f"{place.names.factory}.{ENDPOINT}"},
            work=approve,
            opts=ResourceOptions(parent=self, depends_on=[runtime]),
        )
        self.register_outputs({})


def make_network(acts_on: Mapping[str, Any], before: Mapping[str, Any] | None) -> None:
    """Gives a factory its managed network; one that is there stays. The work of a step."""
    path = f"{acts_on['factory']}/managedVirtualNetworks/{NETWORK}"
    arm.call("PUT", path, api=arm.DATA_FACTORY_API, body={"properties": {}})


def approve(acts_on: Mapping[str, Any], before: Mapping[str, Any] | None) -> None:
    """Lets in the endpoint that `asks` at the server (`factory.endpoint`). The work of a step.

    Raises RuntimeError when no such endpoint asks in time, or when it was refused before.
    """
    server, asks = acts_on["server"], acts_on["asks"]

    def endpoints() -> dict[str, Any]:
        found = arm.call("GET", f"{server}/privateEndpointConnections", api=arm.SQL_API).get("value", [])
        return {each["properties"]["privateEndpoint"]["id"].rpartition("/")[2].casefold(): each for each in found}

    def late(found: Mapping[str, Any]) -> str:
        there = ", ".join(found) or "none"
        return f"no endpoint {asks} asked {server} for a connection in {_WAIT_SECONDS} s; there are: {there}"

    found = arm.until(endpoints, lambda found: asks.casefold() in found, seconds=_WAIT_SECONDS, late=late, longest=15)
    connection = found[asks.casefold()]
    status = connection["properties"]["privateLinkServiceConnectionState"]["status"]
    if status == "Pending":
        state = {"status": "Approved", "description": "Data Factory of the same stack, approved by pulumi up"}
        body = {"properties": {"privateLinkServiceConnectionState": state}}
        arm.call("PUT", connection["id"], api=arm.SQL_API, body=body)
        pulumi.log.info("the private endpoint of Data Factory is approved")
    elif status != "Approved":
        raise RuntimeError(f"the connection {connection['id']} is {status}: delete its endpoint, and run up again")
