"""Event Hubs over HTTPS: what is taken, what is refused, and where events end up."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.identity import ManagedIdentityCredential
from azure_sandbox.store import Store
from azure_sandbox_streaming.event_log import EventLog
from azure_sandbox_streaming.partition_key import _lookup3, partition_of
from sandbox_world import PLACE, World

HOST = "https://hubspace1.servicebus.windows.net"
BATCH = {"Content-Type": "application/vnd.microsoft.servicebus.json"}


@pytest.fixture
def hub(world: World) -> World:
    providers = f"{world.subscription}/resourceGroups/hubs/providers"
    space = f"{providers}/Microsoft.EventHub/namespaces/hubspace1"
    if world.arm("GET", space).status_code == 404:
        world.group("hubs")
        world.put(space, {"location": PLACE, "sku": {"name": "Standard"}, "properties": {"disableLocalAuth": True}})
        world.put(f"{space}/eventhubs/readings", {"properties": {"partitionCount": 4}})
        world.put(f"{space}/eventhubs/closed", {"properties": {"partitionCount": 1}})
        deployer = world.identity("deployer")["objectId"]
        world.grant(f"{space}/eventhubs/readings", "Azure Event Hubs Data Sender", deployer)
        world.clock(advance=121)
    return world


def send(body: Any, hub: str = "readings", *, headers: dict[str, str] | None = None, token: str | None = None) -> Any:
    wanted = token or "https://eventhubs.azure.net"
    bearer = "Bearer " + ManagedIdentityCredential().get_token(f"{wanted}/.default").token
    data = body if isinstance(body, bytes) else json.dumps(body)
    sent = {"Authorization": bearer} | BATCH | (headers or {})
    return requests.post(f"{HOST}/{hub}/messages", data=data, headers=sent, timeout=30)


def events(state: Path) -> list[tuple[int, int, bytes]]:
    store = Store(state / "sandbox.db")
    rows = store.execute(
        """SELECT partition, sequence, body FROM events JOIN hubs USING (log)
           WHERE hub LIKE '%/hubspace1/eventhubs/readings' ORDER BY partition, sequence"""
    )
    store.close()
    return [(p, s, bytes(b)) for p, s, b in rows]


def test_a_batch_is_taken_in_order_and_a_key_stays_in_its_partition(hub: World) -> None:
    before = len(events(hub.state))
    body = [{"Body": f"k{n}", "BrokerProperties": {"PartitionKey": "pump-1"}} for n in range(50)]
    assert send(body).status_code == 201
    found = [(p, s, b) for p, s, b in events(hub.state) if b.startswith(b"k")]
    assert len(events(hub.state)) == before + 50
    assert {p for p, _, _ in found} == {partition_of("pump-1", 4)}
    assert [b.decode() for _, _, b in found] == [f"k{n}" for n in range(50)]


def test_a_single_event_is_taken_with_the_key_of_its_header(hub: World) -> None:
    one = {"Content-Type": "application/json", "BrokerProperties": '{"PartitionKey": "pump-2"}'}
    assert send(b'{"single": 1}', headers=one).status_code == 201
    assert (partition_of("pump-2", 4), b'{"single": 1}') in {(p, b) for p, _, b in events(hub.state)}


@pytest.mark.parametrize(
    ("case", "status", "text"),
    [
        ("no token", 401, "40100: MissingToken"),
        ("sas", 401, "LocalAuthDisabled"),
        ("wrong audience", 401, "40104: InvalidToken"),
        ("no role", 401, "40100: Unauthorized access. 'Send' claim(s) are required to perform this operation."),
        ("no hub", 404, "40400: The messaging entity 'sb://hubspace1.servicebus.windows.net/none' could not be found."),
        ("too large", 413, "exceeds the limit (1048576 bytes)"),
        ("no batch", 400, "40000: A batch is a JSON array"),
    ],
)
def test_what_is_wrong_is_refused_as_event_hubs_does(hub: World, case: str, status: int, text: str) -> None:
    answers = {
        "no token": lambda: requests.post(f"{HOST}/readings/messages", data=b"[]", timeout=10),
        "sas": lambda: send([], headers={"Authorization": "SharedAccessSignature sr=x&sig=y"}),
        "wrong audience": lambda: send([], token="https://management.azure.com"),
        "no role": lambda: send([], hub="closed"),
        "no hub": lambda: send([], hub="none"),
        "too large": lambda: send([{"Body": "x" * 1_100_000}]),
        "no batch": lambda: send({"Body": "x"}),
    }
    refused = answers[case]()
    assert refused.status_code == status
    assert text in refused.text
    assert f"<Code>{status}</Code>" in refused.text


def test_keys_are_hashed_by_lookup3() -> None:
    # the self-test in Bob Jenkins' lookup3.c (hashlittle2, both seeds 0)
    assert _lookup3(b"") == (0xDEADBEEF, 0xDEADBEEF)
    assert _lookup3(b"Four score and seven years ago") == (0x17770551, 0xCE7226E6)


def test_the_numbering_goes_on_after_old_events_have_expired(tmp_path: Path) -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    store = Store(tmp_path / "db")
    log = EventLog(store)
    log.append("/hub", 0, noon, [b"1", b"2", b"3"])
    log.expire("/hub", noon + timedelta(hours=1))
    EventLog(store).append("/hub", 0, noon + timedelta(hours=2), [b"4"])
    found = log.read("/hub", {0: -1}, noon + timedelta(days=1))
    assert [(event.sequence, event.body) for event in found] == [(2, b"3"), (3, b"4")]
    store.close()
