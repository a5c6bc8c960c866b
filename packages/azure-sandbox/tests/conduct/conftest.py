"""One real sandbox with a factory, a database and a Synapse workspace, its clock standing still."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure_sandbox import lifecycle, processes

sys.path.insert(0, str(Path(__file__).parent.parent / "data"))
sys.path.insert(0, str(Path(__file__).parent))
from conduct_world import Conduct
from sandbox_world import World  # pyright: ignore[reportMissingImports]


def become(world: World, who: str = "deployer") -> None:
    """From here on this process has the environment that `azure-sandbox run --as WHO` gives a command."""
    os.environ.update(world.environment(who))


@pytest.fixture(scope="session")
def conduct(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Conduct]:
    before = dict(os.environ)
    world = World(tmp_path_factory.mktemp("conduct") / "state")
    world.start()
    become(world)
    made = Conduct(world)
    made.build()
    yield made
    os.environ.clear()
    os.environ.update(before)
    azurite = json.loads((world.state / "azurite" / "process.json").read_text())["pid"]
    lifecycle.reset(world.state)
    assert not processes.alive(azurite, str(world.state)), "nothing stays behind, not even of a life that was killed"
