"""Who reaches a SQL server: its firewall, and the private links from a factory's managed network.

learn.microsoft.com/azure/data-factory/managed-virtual-network-private-endpoint: an endpoint leads nowhere until the
owner of its target approves the connection that it asked for. learn.microsoft.com/azure/azure-sql/database/
connectivity-settings, firewall-configure: what a server says to those who stay outside.
"""

import ipaddress
import uuid
from typing import Any

from azure_sandbox.context import Sandbox
from azure_sandbox.ids import kind_of, name_of, normal, parent_of
from azure_sandbox.resource_manager import ResourceManager
from azure_sandbox.store import Store
from sql_engine import SqlError

ENDPOINTS = "microsoft.datafactory/factories/managedvirtualnetworks/managedprivateendpoints"
CONNECTIONS = "microsoft.sql/servers/privateendpointconnections"
AZURE = ipaddress.IPv4Address("20.61.98.45")  # a machine of Data Factory, as a firewall sees it
MICROSOFTS = "/subscriptions/{}/resourceGroups/vnet-managed/providers/Microsoft.Network/privateEndpoints"
Resource = dict[str, Any]


class PrivateLinks:
    """Keeps an endpoint and the connection at its target in step. Azure's name for an endpoint, which a connection
    carries, is `factory.endpoint`."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._store = sandbox.store

    def install(self, manager: ResourceManager) -> None:
        manager.after_put(ENDPOINTS, self.endpoint_put)
        manager.after_delete(ENDPOINTS, self.endpoint_deleted)
        manager.after_put(CONNECTIONS, self.connection_put)
        manager.after_delete(CONNECTIONS, self.connection_deleted)

    async def endpoint_put(self, resource: Resource, old: Resource | None) -> None:
        if old is not None:
            return
        factory, properties = name_of(_factory(resource)), resource["properties"]
        name = f"{resource['name']}-{uuid.uuid4()}"
        connection = f"{properties['privateLinkResourceId']}/privateEndpointConnections/{name}"
        state = {"status": "Pending", "description": f"Requested by {factory}", "actionsRequired": "None"}
        made = {
            "privateEndpoint": {"id": f"{MICROSOFTS.format(uuid.uuid4())}/{_asks(resource)}"},
            "groupIds": [properties["groupId"]],
            "privateLinkServiceConnectionState": state,
            "provisioningState": "Ready",
        }
        kind = "Microsoft.Sql/servers/privateEndpointConnections"
        self._store.put_resource(connection, {"id": connection, "name": name, "type": kind, "properties": made})

    async def endpoint_deleted(self, resource: Resource) -> None:
        for connection in self._store.resources(resource["properties"]["privateLinkResourceId"], CONNECTIONS):
            if _asker(connection) == _asks(resource):
                self._store.delete_resource(connection["id"])

    async def connection_put(self, resource: Resource, _: Any) -> None:
        self._show(resource, resource["properties"]["privateLinkServiceConnectionState"]["status"])

    async def connection_deleted(self, resource: Resource) -> None:
        self._show(resource, "Disconnected")

    def _show(self, connection: Resource, status: str) -> None:
        for endpoint in self._store.resources(kind=ENDPOINTS):
            if _asks(endpoint) == _asker(connection):
                endpoint["properties"]["connectionState"] = {"status": status}
                self._store.put_resource(endpoint["id"], endpoint)


def _factory(endpoint: Resource) -> str:
    return parent_of(parent_of(endpoint["id"]))


def _asks(endpoint: Resource) -> str:
    return f"{name_of(_factory(endpoint))}.{endpoint['name']}"


def _asker(connection: Resource) -> str:
    return name_of(connection["properties"]["privateEndpoint"]["id"])


def admit(store: Store, *, factory: str, runtime: str | None, server: str) -> None:
    """Lets a factory's machines in, those of an integration runtime or Data Factory's own. Raises SqlError as the
    server does."""
    if _linked(store, factory, runtime, server):
        return
    resource, name = store.resource(server) or {"properties": {}}, name_of(server)
    if resource["properties"].get("publicNetworkAccess") == "Disabled":
        text = (
            f"The public network interface on this server is not accessible: '{name}'. To connect to this server, use "
        )
        raise SqlError(47073, f"{text}the Private Endpoint from inside your virtual network.")
    if not any(_admits(rule["properties"]) for rule in store.resources(server, f"{kind_of(server)}/firewallrules")):
        text = (
            f"Cannot open server '{name}' requested by the login. Client with IP address '{AZURE}' is not allowed to "
        )
        raise SqlError(40615, f"{text}access the server. To enable access, create a firewall rule for this IP address.")


def _linked(store: Store, factory: str, runtime: str | None, server: str) -> bool:
    """Whether the runtime's machines are in a managed network with an approved connection to the server."""
    found = store.resource(f"{factory}/integrationRuntimes/{runtime}") or {"properties": {}}
    network = (found["properties"].get("managedVirtualNetwork") or {}).get("referenceName")
    endpoints = store.resources(f"{factory}/managedVirtualNetworks/{network}", ENDPOINTS) if network else []
    return any(
        normal(properties["privateLinkResourceId"]) == normal(server)
        and properties["connectionState"]["status"] == "Approved"
        for properties in (endpoint["properties"] for endpoint in endpoints)
    )


def _admits(rule: Resource) -> bool:
    first, last = (ipaddress.IPv4Address(rule[key]) for key in ("startIpAddress", "endIpAddress"))
    return int(first) == int(last) == 0 or first <= AZURE <= last  # 0.0.0.0 alone: whatever is Azure's own
