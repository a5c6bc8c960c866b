"""Event Hubs over HTTPS: events come in one by one or in batches, with Data Sender checked on every call.

Source: https://learn.microsoft.com/rest/api/eventhub/send-event, .../send-batch-events, .../send-partition-event
"""

import json
import uuid
from datetime import datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape

from azure_sandbox.context import Sandbox
from azure_sandbox.errors import AzureError
from azure_sandbox.web import Web, XmlError, identify
from starlette.requests import Request
from starlette.responses import Response

from azure_sandbox_streaming.event_log import EventLog
from azure_sandbox_streaming.partition_key import partition_of

NAMESPACES = "microsoft.eventhub/namespaces"
HUBS = f"{NAMESPACES}/eventhubs"
SEND = "Microsoft.EventHub/namespaces/messages/send/action"
BATCH = "application/vnd.microsoft.servicebus.json"
AUDIENCES = frozenset({"https://eventhubs.azure.net", "https://servicebus.azure.net"})
LIMITS = {"basic": 256 * 1024}  # bytes of one publication; 1 MB in the other tiers (event-hubs-quotas)


def install(sandbox: Sandbox, web: Web) -> EventLog:
    service = EventHubs(sandbox)

    async def hub_deleted(resource: dict[str, Any]) -> None:
        service.log.forget(resource["id"])

    sandbox.manager.after_delete(HUBS, hub_deleted)
    sandbox.clock.listen(service.expire)
    web.hosts["servicebus.windows.net"] = service.handle
    sandbox.status["hubs"] = service.status
    return service.log


class EventHubs:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.log = EventLog(sandbox.store)
        self._expired: datetime | None = None
        self._read: tuple[int, int] = (-1, -1)
        self._hubs: dict[tuple[str, str], tuple[dict[str, Any], int]] = {}

    async def handle(self, request: Request) -> Response:
        """Refusals are XML with a tracking id, as the service writes them."""
        try:
            return await self._send(request)
        except AzureError as error:
            tracking = f"TrackingId:{uuid.uuid4()}, SystemTracker:{request.url.hostname}:{request.url.path.strip('/')}"
            now = self._sandbox.clock.now()
            detail = f"{error.code}: {error.message} {tracking}, Timestamp:{now:%Y-%m-%dT%H:%M:%S}"
            raise XmlError(
                error, f"<Error><Code>{error.status}</Code><Detail>{escape(detail)}</Detail></Error>"
            ) from None

    async def _send(self, request: Request) -> Response:
        space = (request.headers.get("host") or "").split(".")[0].lower()
        hub_name, partition = _address(request)
        hub, limit = self._hub(space, hub_name)
        self._authorize(request, hub, space)
        raw = await request.body()
        if len(raw) > limit:
            message = (
                f"The received message (size:{len(raw)} bytes) exceeds the limit ({limit} bytes) currently allowed."
            )
            raise AzureError(413, "41300", message)
        count = int(hub["properties"].get("partitionCount") or 4)
        if partition is not None and not 0 <= partition < count:
            raise AzureError(
                400, "40000", f"The partition '{partition}' of the hub '{hub_name}' is none of 0 to {count - 1}."
            )
        groups: dict[int, list[bytes]] = {}
        if request.headers.get("content-type", "").split(";")[0].strip().lower() == BATCH:
            events = _batch(raw)
            general = _key(request.headers.get("brokerproperties"))
            turn = self.log.next_partition(count)
            for body, key in events:
                groups.setdefault(self._place(partition, key or general, count, turn), []).append(body)
        else:
            key = _key(request.headers.get("brokerproperties"))
            groups[self._place(partition, key, count, self.log.next_partition(count))] = [raw]
        now = self._sandbox.clock.now()
        for place, bodies in groups.items():
            self.log.append(hub["id"], place, now, bodies)
        return Response(status_code=201, headers={"content-type": "application/xml; charset=utf-8"})

    def _place(self, partition: int | None, key: str | None, count: int, turn: int) -> int:
        if partition is not None:
            return partition
        return partition_of(key, count) if key else turn

    def _authorize(self, request: Request, hub: dict[str, Any], space: str) -> None:
        authorization = request.headers.get("authorization", "")
        resource = f"sb://{space}.servicebus.windows.net/{hub['name']}"
        if not authorization:
            raise AzureError(401, "40100", "MissingToken: Authorization header not found.")
        if authorization.startswith("SharedAccessSignature"):
            message = "LocalAuthDisabled: Authorization failed because SAS authentication has been disabled."
            raise AzureError(401, "40100", message)
        try:
            principal = identify(self._sandbox, request, AUDIENCES | {f"https://{space}.servicebus.windows.net"})
        except AzureError as error:
            code = "40104" if error.code == "InvalidAuthenticationTokenAudience" else "40103"
            raise AzureError(401, code, f"InvalidToken: {error.message} Resource: '{resource}'.") from None
        if reason := self._sandbox.access.explain(principal.object_id, SEND, hub["id"], data=True):
            message = (
                f"Unauthorized access. 'Send' claim(s) are required to perform this operation. Resource: '{resource}'."
            )
            raise AzureError(401, "40100", message, details=[{"message": reason}])

    def _hub(self, space: str, hub_name: str) -> tuple[dict[str, Any], int]:
        """The declared hub and the size limit of its namespace's tier."""
        changes = (self._sandbox.store.changes[NAMESPACES], self._sandbox.store.changes[HUBS])
        if changes != self._read:
            tiers = {n["name"].lower(): _tier(n) for n in self._sandbox.store.resources(kind=NAMESPACES)}
            hubs = self._sandbox.store.resources(kind=HUBS)
            keyed = [((h["id"].split("/")[8].lower(), h["name"].lower()), h) for h in hubs]
            self._hubs = {key: (h, LIMITS.get(tiers.get(key[0], ""), 1024 * 1024)) for key, h in keyed}
            self._read = changes
        found = self._hubs.get((space, hub_name.lower()))
        if found is None:
            message = f"The messaging entity 'sb://{space}.servicebus.windows.net/{hub_name}' could not be found."
            raise AzureError(404, "40400", message)
        return found

    async def expire(self, now: datetime) -> None:
        """Once an hour of the clock: drops what is older than a hub keeps."""
        if self._expired is not None and now - self._expired < timedelta(hours=1):
            return
        self._expired = now
        for hub in self._sandbox.store.resources(kind=HUBS):
            properties = hub["properties"]
            hours = (properties.get("retentionDescription") or {}).get("retentionTimeInHours")
            keep = timedelta(hours=hours) if hours else timedelta(days=properties.get("messageRetentionInDays") or 1)
            self.log.expire(hub["id"], now - keep)

    def status(self) -> dict[str, str]:
        hubs = self._sandbox.store.resources(kind=HUBS)
        return {f"{h['id'].split('/')[8]}/{h['name']}": f"{self.log.count(h['id'])} events" for h in hubs}


def _tier(namespace: dict[str, Any]) -> str:
    return str((namespace.get("sku") or {}).get("name") or "").lower()


def _address(request: Request) -> tuple[str, int | None]:
    """`/hub/messages` or `/hub/partitions/N/messages`."""
    parts = request.url.path.strip("/").split("/")
    if request.method == "POST" and parts[-1] == "messages" and len(parts) in (2, 4):
        if len(parts) == 2:
            return parts[0], None
        if parts[1] == "partitions" and parts[2].isdigit():
            return parts[0], int(parts[2])
    message = f"{request.method} {request.url.path} is not offered: POST /<hub>/messages sends; there is no AMQP here."
    raise AzureError(404, "40400", message)


def _key(header: str | None) -> str | None:
    try:
        return (json.loads(header) if header else {}).get("PartitionKey")
    except (ValueError, AttributeError):
        raise AzureError(400, "40000", f"The BrokerProperties header is no JSON object: {header}") from None


def _batch(raw: bytes) -> list[tuple[bytes, str | None]]:
    """(body, partition key) of each event of a batch."""
    try:
        return [(e["Body"].encode(), (e.get("BrokerProperties") or {}).get("PartitionKey")) for e in json.loads(raw)]
    except (ValueError, TypeError, KeyError, AttributeError):
        message = 'A batch is a JSON array of {"Body": "text", "BrokerProperties": {"PartitionKey": "text"}}.'
        raise AzureError(400, "40000", message) from None
