from collections.abc import Iterator

import pytest

from . import history
from .cloud import Cloud


@pytest.fixture(scope="session")
def shared_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """One sandbox and one changeable copy of the project, with a small model, for all tests of the engine."""
    folder = tmp_path_factory.mktemp("engine")
    made = Cloud(folder)
    model = history.train(folder)
    target = made.project / "build" / "models" / "sensors"
    target.parent.mkdir(parents=True)
    model.rename(target)
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def cloud(shared_cloud: Cloud) -> Iterator[Cloud]:
    """The same for each file of tests: what one of them edits, the next does not meet."""
    yield shared_cloud
    shared_cloud.restore()
