from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from azure_sandbox.store import Store

HUB = "/subscriptions/s/resourceGroups/G/providers/Microsoft.EventHub/namespaces/n/eventhubs/h"
SPACE = HUB.rsplit("/eventhubs", 1)[0]


def test_ids_are_case_insensitive(store: Store) -> None:
    store.put_resource(HUB, {"id": HUB})
    assert store.resource(HUB.upper()) == {"id": HUB}


def test_deleting_takes_what_lies_below_and_nothing_beside(store: Store) -> None:
    for resource_id in (SPACE, HUB, SPACE + "-two", SPACE + "0"):
        store.put_resource(resource_id, {"id": resource_id})
    store.delete_resource(SPACE)
    assert [r["id"] for r in store.resources()] == [SPACE + "-two", SPACE + "0"]


def test_resources_are_found_by_place_and_kind(store: Store) -> None:
    for resource_id in (SPACE, HUB):
        store.put_resource(resource_id, {"id": resource_id})
    assert [r["id"] for r in store.resources("/subscriptions/s", "Microsoft.EventHub/namespaces")] == [SPACE]
    assert [r["id"] for r in store.resources(SPACE)] == [HUB]


def test_everything_survives_a_reopening(tmp_path: Path) -> None:
    first = Store(tmp_path / "state.db")
    first.put_resource(HUB, {"id": HUB})
    first.set_value("speed", {"x": 1})
    again = Store(tmp_path / "state.db")  # the first was not closed: as after kill -9
    assert again.resource(HUB) == {"id": HUB}
    assert again.value("speed") == {"x": 1}


def test_many_threads_may_write_at_once(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.put_resource(f"{SPACE}/eventhubs/h{n}", {"n": n}), range(200)))
    assert len(store.resources(SPACE)) == 200


def test_a_failed_batch_leaves_nothing(store: Store) -> None:
    store.execute("CREATE TABLE t (n INTEGER PRIMARY KEY)")
    with pytest.raises(Exception, match="UNIQUE"):
        store.executemany("INSERT INTO t VALUES (?)", [(1,), (2,), (1,)])
    assert store.execute("SELECT * FROM t") == []


def test_a_refusal_is_found_by_its_request_id(store: Store) -> None:
    for number, status in enumerate((200, 403)):
        store.record({"id": f"r{number}", "at": "now", "method": "GET", "path": "/", "status": status})
    assert [r["status"] for r in store.requests("r1")] == [403]
    assert [r["id"] for r in store.requests(refused=True)] == ["r1"]
