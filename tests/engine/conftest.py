from collections.abc import Iterator

import pytest

from . import history
from .cloud import Cloud


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
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
