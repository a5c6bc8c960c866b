"""Who reaches a SQL server: its firewall, and the private links from a factory's managed network.

learn.microsoft.com/azure/data-factory/managed-virtual-network-private-endpoint: an endpoint leads nowhere until the
owner of its target approves the connection that it asked for. learn.microsoft.com/azure/azure-sql/database/
connectivity-settings, firewall-configure: what a server says to those who stay outside.
"""

import ipaddress
import uuid
from typing import Any

from azure_sandbox.context import Sandbox
from azure_sandbox.ids import name_of, normal, parent_of
from azure_sandbox.store import Store
from sql_engine import SqlError

ENDPOINTS = "microsoft.datafactory/factories/managedvirtualnetworks/managedprivateendpoints"
CONNECTIONS = "microsoft.sql/servers/privateendpointconnections"
AZURE = ipaddress.IPv4Address("20.61.98.45")  # a machine of Data Factory, as a firewall sees it
MICROSOFTS = "/subscriptions/{0}/resourceGroups/vnet-managed/providers/Microsoft.Network/privateEndpoints/{1}.{2}"
Resource = dict[str, Any]


class PrivateLinks:
    """Keeps an endpoint and the connection at its target in step."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._store = sandbox.store

    def install(self, manager: Any) -> None:
        manager.after_put(ENDPOINTS, self.endpoint_put)
        manager.after_delete(ENDPOINTS, self.endpoint_deleted)
        manager.after_put(CONNECTIONS, self.connection_put)
        manager.after_delete(CONNECTIONS, self.connection_deleted)

    async def endpoint_put(self, resource: Resource, old: Resource | None) -> None:
        if old is not None:
            return
        factory = parent_of(parent_of(resource["id"]))
        endpoint = MICROSOFTS.format(uuid.uuid4(), name_of(factory), resource["name"])
        name = f"{resource['name']}-{uuid.uuid4()}"
        state = {"status": "Pending", "description": f"Requested by {name_of(factory)}", "actionsRequired": "None"}
        properties = {
            "privateEndpoint": {"id": endpoint},
            "groupIds": [resource["properties"]["groupId"]],
            "privateLinkServiceConnectionState": state,
            "provisioningState": "Ready",
        }
        connection = f"{resource['properties']['privateLinkResourceId']}/privateEndpointConnections/{name}"
        kind = "Microsoft.Sql/servers/privateEndpointConnections"
        made = {"id": connection, "name": name, "type": kind, "properties": properties}
        self._store.put_resource(connection, made)
        self._store.set_value(f"private-link:{normal(connection)}", resource["id"])
        self._show(resource["id"], "Pending")

    async def endpoint_deleted(self, resource: Resource) -> None:
        connection = connection_of(self._store, resource)
        if connection is not None:
            self._store.delete_resource(connection["id"])

    async def connection_put(self, resource: Resource, _: Any) -> None:
        self._show(self._endpoint(resource), state_of(resource))

    async def connection_deleted(self, resource: Resource) -> None:
        self._show(self._endpoint(resource), "Disconnected")

    def _endpoint(self, connection: Resource) -> str:
        return self._store.value(f"private-link:{normal(connection['id'])}", "")

    def _show(self, endpoint_id: str, status: str) -> None:
        endpoint = self._store.resource(endpoint_id)
        if endpoint is not None:
            endpoint["properties"]["connectionState"] = {"status": status}
            self._store.put_resource(endpoint_id, endpoint)


def connection_of(store: Store, endpoint: Resource) -> Resource | None:
    """The connection that an endpoint asked its target for."""
    target = endpoint["properties"]["privateLinkResourceId"]
    own = normal(endpoint["id"])
    for connection in store.resources(target, CONNECTIONS):
        if normal(store.value(f"private-link:{normal(connection['id'])}", "")) == own:
            return connection
    return None


def state_of(connection: Resource) -> str:
    return connection["properties"]["privateLinkServiceConnectionState"]["status"]


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
    rules = [r for r in store.resources(server) if r["type"].lower().endswith("/firewallrules")]
    if not any(_admits(rule["properties"]) for rule in rules):
        text = (
            f"Cannot open server '{name}' requested by the login. Client with IP address '{AZURE}' is not allowed to "
        )
        raise SqlError(40615, f"{text}access the server. To enable access, create a firewall rule for this IP address.")


def _linked(store: Store, factory: str, runtime: str | None, server: str) -> bool:
    """Whether the runtime's machines are in a managed network with an approved connection to the server."""
    found = store.resource(f"{factory}/integrationRuntimes/{runtime}") or {"properties": {}}
    network = (found["properties"].get("managedVirtualNetwork") or {}).get("referenceName")
    for endpoint in store.resources(f"{factory}/managedVirtualNetworks/{network}", ENDPOINTS) if network else ():
        if normal(endpoint["properties"]["privateLinkResourceId"]) == normal(server):
            connection = connection_of(store, endpoint)
            if connection is not None and state_of(connection) == "Approved":
                return True
    return False


def _admits(rule: Resource) -> bool:
    first, last = (ipaddress.IPv4Address(rule[key]) for key in ("startIpAddress", "endIpAddress"))
    return int(first) == int(last) == 0 or first <= AZURE <= last  # 0.0.0.0 alone: whatever is Azure's own
