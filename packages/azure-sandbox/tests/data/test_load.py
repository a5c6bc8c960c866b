"""Many clients at once and a long run of requests: nothing slows down."""

import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from azure.identity import ManagedIdentityCredential
from sandbox_world import ARM, World

CLIENTS, RESOURCES = 20, 1000


class Client(threading.local):
    """A session of its own for each thread, as each client process has."""

    def __init__(self) -> None:
        self.session = requests.Session()
        token = ManagedIdentityCredential().get_token(f"{ARM}/.default").token
        self.session.headers["Authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, body: Any = None) -> requests.Response:
        url = f"{ARM}{path}?api-version=2024-01-01"
        return self.session.request(method, url, json=body, timeout=60)


def identity(group: str, number: int) -> str:
    return f"{group}/Microsoft.ManagedIdentity/userAssignedIdentities/load-{number:04d}"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_twenty_clients_make_a_thousand_resources_and_the_last_takes_as_long_as_the_first(world: World) -> None:
    group, client = world.group("load"), Client()

    def made(number: int) -> float:
        began = time.monotonic()
        assert client.call("PUT", identity(group, number), {"location": "westeurope"}).status_code == 201
        assert client.call("GET", identity(group, number)).status_code == 200
        return time.monotonic() - began

    with ThreadPoolExecutor(CLIENTS) as pool:
        seconds = list(pool.map(made, range(RESOURCES)))
    first, last = (statistics.median(part) for part in (seconds[50:250], seconds[-200:]))
    print(f"{first * 1000:.1f} ms at first, {last * 1000:.1f} ms at last")
    assert last < 2 * first + 0.02
    listed = client.call("GET", f"{group}/Microsoft.ManagedIdentity/userAssignedIdentities").json()["value"]
    assert len(listed) == RESOURCES
