"""One real sandbox for all tests: its own state folder, its clock standing still, real SDK clients as its users."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from azure_sandbox import lifecycle

sys.path.insert(0, str(Path(__file__).parent))
from sandbox_world import World


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("sandbox") / "state")
    world.start()
    yield world
    lifecycle.reset(world.state)
    assert not world.state.exists()


@pytest.fixture
def as_(running: World) -> Iterator[Callable[[str], World]]:
    """From here on this process has the environment that `azure-sandbox run --as WHO` gives a command."""
    with contextlib.ExitStack() as entered:

        def become(who: str) -> World:
            entered.enter_context(running.inside(who))
            return running

        yield become


@pytest.fixture
def world(as_: Callable[[str], World]) -> World:
    return as_("deployer")
