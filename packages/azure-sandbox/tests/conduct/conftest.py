"""One real sandbox with a factory, a database and a Synapse workspace, its clock standing still."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure_sandbox import lifecycle, processes

sys.path.insert(0, str(Path(__file__).parent.parent / "data"))
sys.path.insert(0, str(Path(__file__).parent))
from conduct_world import Conduct
from learning_world import Workspace  # pyright: ignore[reportMissingImports]
from sandbox_world import World  # pyright: ignore[reportMissingImports]


@pytest.fixture(scope="session")
def conducted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Conduct]:
    world = World(tmp_path_factory.mktemp("conduct") / "state")
    world.start()
    try:
        with world.inside():
            made = Conduct(world)
            made.build()
        yield made
    finally:
        ended(world)


@pytest.fixture(scope="session")
def learning(conducted: Conduct) -> Workspace:
    """A workspace in the same sandbox, with all that it needs to score."""
    with conducted.world.inside():
        made = Workspace(conducted.world)
        made.grant()
        made.fill()
    return made


def ended(world: World) -> None:
    azurite = json.loads((world.state / "azurite" / "process.json").read_text())["pid"]
    lifecycle.reset(world.state)
    assert not processes.alive(azurite, str(world.state)), "nothing stays behind, not even of a life that was killed"


@pytest.fixture
def conduct(conducted: Conduct) -> Iterator[Conduct]:
    """The test has the environment that `azure-sandbox run` gives a command."""
    with conducted.world.inside():
        yield conducted
