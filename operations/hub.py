"""Event Hubs over HTTPS: batches of one partition key each, by the REST API's "send batch events"."""

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from operations import azure

# A publication may hold 1 MB in the Standard tier, its envelope included; the rest is for Event Hubs' own properties.
BATCH_BYTES = 900_000
CONTENT_TYPE = "application/vnd.microsoft.servicebus.json"
VERSION = "2014-01"


class Hub:
    """Sends to one hub. Repeats what the hub asks to repeat: an event may arrive twice, never be lost silently."""

    def __init__(self, namespace: str, hub: str) -> None:
        self._client = azure.client(f"https://{namespace}.servicebus.windows.net", azure.EVENT_HUBS)
        self._url = f"https://{namespace}.servicebus.windows.net/{hub}/messages"
        self._pool = ThreadPoolExecutor(max_workers=4)

    def send(self, events: Iterable[tuple[str, bytes]]) -> None:
        """Takes (device, body) pairs and returns when the hub has all of them; devices side by side, each in its order.

        Raises OperationError when the hub refuses a batch.
        """
        devices: dict[str, list[bytes]] = {}
        for device, body in events:
            devices.setdefault(device, []).append(body)
        for _ in self._pool.map(self._send_device, devices.items()):
            pass

    def close(self) -> None:
        self._pool.shutdown()
        self._client.close()

    def _send_device(self, events: tuple[str, list[bytes]]) -> None:
        for batch in batches(*events):
            azure.send(
                self._client,
                "POST",
                self._url,
                params={"api-version": VERSION, "timeout": "60"},
                content=batch,
                headers={"Content-Type": CONTENT_TYPE},
                repeat=azure.REPEATABLE,
            )


def batches(device: str, bodies: Iterable[bytes], limit: int = BATCH_BYTES) -> Iterator[bytes]:
    """Request bodies of at most `limit` bytes with the device's events in their order.

    One partition key a batch: Event Hubs places a whole batch in one partition. A single event above the limit is a
    batch of its own, which the hub refuses by name.
    """
    batch: list[bytes] = []
    size = 0
    for body in bodies:
        message = json.dumps({"Body": body.decode(), "BrokerProperties": {"PartitionKey": device}}).encode()
        if batch and size + len(message) + 3 > limit:
            yield _array(batch)
            batch, size = [], 0
        batch.append(message)
        size += len(message) + 2
    if batch:
        yield _array(batch)


def _array(messages: list[bytes]) -> bytes:
    return b"[" + b", ".join(messages) + b"]"
