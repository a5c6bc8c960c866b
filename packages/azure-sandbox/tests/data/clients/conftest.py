"""Microsoft's own management clients, unmodified, against a running sandbox; each test has a group of its own."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.identity import ManagedIdentityCredential
from sandbox_world import World

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def client(world: World) -> Iterator[Callable[..., Any]]:
    """`client(StorageManagementClient)`: signed in as the deployer, closed after the test."""
    with contextlib.ExitStack() as entered:
        credential = entered.enter_context(ManagedIdentityCredential())

        def made(kind: Any, *arguments: Any, **options: Any) -> Any:
            return entered.enter_context(kind(credential, *(arguments or (subscription(world),)), **options))

        yield made


@pytest.fixture
def group(world: World, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a new resource group; it goes with all that the test left in it."""
    name = request.node.name.replace("_", "-")[:80]
    world.group(name)
    yield name
    assert world.arm("DELETE", f"{world.subscription}/resourceGroups/{name}").status_code == 202


def subscription(world: World) -> str:
    return world.subscription.rsplit("/", 1)[-1]
