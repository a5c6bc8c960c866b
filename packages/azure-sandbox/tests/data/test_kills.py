"""`kill -9` at twenty moments drawn from a seed, while four clients write: what was answered is there, nothing half."""

import itertools
import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests
from azure.identity import ManagedIdentityCredential
from azure_sandbox import lifecycle
from azure_sandbox.store import Store
from sandbox_world import ARM, PLACE, World

KILLS, SEED = 20, 20260301
IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"
BLOBS, HUB = "https://killsaccount1.blob.core.windows.net", "https://killspace1.servicebus.windows.net"
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@dataclass(kw_only=True)
class Answered:
    """What the clients were told is done. `doubt`: asked for, but the answer never came."""

    made: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    version: int = 0
    blobs: dict[str, bytes] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)
    doubt: set[str] = field(default_factory=set)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A sandbox of its own, with a place for each kind of write."""
    world = World(tmp_path_factory.mktemp("kills") / "state")
    world.start()
    with world.inside():
        providers = world.group("kills")
        account = world.account(providers, "killsaccount1", "things")
        space = f"{providers}/Microsoft.EventHub/namespaces/killspace1"
        world.put(space, {"location": PLACE, "sku": {"name": "Standard"}, "properties": {}})
        world.put(f"{space}/eventhubs/readings", {"properties": {"partitionCount": 4}})
        deployer = world.identity("deployer")["objectId"]
        world.grant(account, "Storage Blob Data Contributor", deployer)
        world.grant(space, "Azure Event Hubs Data Sender", deployer)
        world.clock(advance=121)
        yield world
    lifecycle.reset(world.state)


def session(audience: str) -> requests.Session:
    made = requests.Session()
    made.headers["Authorization"] = f"Bearer {ManagedIdentityCredential().get_token(f'{audience}/.default').token}"
    return made


def clients(group: str, round_: int, numbers: "itertools.count[int]", told: Answered) -> list[Callable[[], None]]:
    """Four writers; each writes until the connection breaks."""
    arm, blob, hub = session(ARM), session("https://storage.azure.com"), session("https://eventhubs.azure.net")
    version = {"params": {"api-version": "2024-01-01"}, "timeout": 30}

    def make() -> None:
        for n in itertools.count():
            name = f"{group}/{IDENTITY}/id-{round_}-{n}"
            told.doubt.add(name)
            assert arm.put(ARM + name, json={"location": PLACE}, **version).status_code == 201
            told.made.add(name)
            if n % 3 == 2:
                told.made.discard(name)
                assert arm.delete(ARM + name, **version).status_code == 200
                told.deleted.add(name)

    def change() -> None:
        tagged = session(ARM)
        for _ in itertools.count():
            body = {"location": PLACE, "tags": {"version": str(told.version + 1), "copy": str(told.version + 1)}}
            assert tagged.put(f"{ARM}{group}/{IDENTITY}/changed", json=body, **version).status_code < 300
            told.version += 1

    def upload() -> None:
        headers = {"x-ms-version": "2025-05-05", "x-ms-blob-type": "BlockBlob"}
        for n in itertools.count():
            name, content = f"{round_}/{n}", os.urandom(2000)
            assert blob.put(f"{BLOBS}/things/{name}", data=content, headers=headers, timeout=30).status_code == 201
            told.blobs[name] = content

    def send() -> None:
        while True:
            number = str(next(numbers))
            told.doubt.add(number)
            assert hub.post(f"{HUB}/readings/messages", data=json.dumps(number), timeout=30).status_code == 201
            told.events.append(number)

    return [make, change, upload, send]


def write_until_killed(world: World, writers: list[Callable[[], None]], after: float) -> list[BaseException]:
    """Kills the process `after` seconds after the writers began. What ended a writer, other than its connection."""
    wrong: list[BaseException] = []

    def until_cut(write: Callable[[], None]) -> None:
        try:
            write()
        except requests.RequestException:
            pass
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=until_cut, args=(write,)) for write in writers]
    for thread in threads:
        thread.start()
    time.sleep(after)
    os.kill(world.server["pid"], signal.SIGKILL)
    for thread in threads:
        thread.join()
    return wrong


def events_of(state: Path) -> list[str]:
    with closing(Store(state / "sandbox.db")) as store:
        rows = store.execute("SELECT body FROM events JOIN hubs USING (log) WHERE hub LIKE '%/killspace1/%'")
        assert store.execute("PRAGMA integrity_check") == [("ok",)]
    return [json.loads(bytes(body)) for (body,) in rows]


def test_what_was_answered_is_there_after_a_kill_at_any_of_twenty_moments(own: World) -> None:
    group = f"{own.subscription}/resourceGroups/kills/providers"
    moments, numbers, told = random.Random(SEED), itertools.count(), Answered()
    own.put(f"{group}/{IDENTITY}/changed", {"location": PLACE, "tags": {"version": "0", "copy": "0"}})
    up_again = []
    for kill in range(KILLS):
        wrong = write_until_killed(own, clients(group, kill, numbers, told), moments.uniform(0.05, 0.6))
        assert not wrong, wrong
        began = time.monotonic()
        own.start()
        up_again.append(time.monotonic() - began)
        tags = own.arm("GET", f"{group}/{IDENTITY}/changed").json()["tags"]
        assert int(tags["version"]) in (told.version, told.version + 1)
        assert tags["copy"] == tags["version"], "a change is there whole or not at all"
        told.version = int(tags["version"])

    listed = {one["id"] for one in own.arm("GET", f"{group}/{IDENTITY}").json()["value"]}
    assert told.made <= listed
    assert not told.deleted & listed
    assert listed - told.made - {f"{group}/{IDENTITY}/changed"} <= told.doubt
    for name, content in told.blobs.items():
        found = session("https://storage.azure.com").get(
            f"{BLOBS}/things/{name}", headers={"x-ms-version": "2025-05-05"}, timeout=30
        )
        assert found.content == content
    kept = events_of(own.state)
    assert set(told.events) <= set(kept) <= set(told.events) | told.doubt
    assert len(kept) == len(set(kept)), "no event is kept twice"
    counts = f"{len(told.made)} + {len(told.deleted)} resources, {len(told.blobs)} blobs, {len(told.events)} events"
    print(f"{KILLS} kills, {counts}, up again in {min(up_again):.2f} to {max(up_again):.2f} s")
