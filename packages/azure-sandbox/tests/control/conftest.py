import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from azure_sandbox.access import Access
from azure_sandbox.clock import Clock
from azure_sandbox.directory import Directory
from azure_sandbox.resource_manager import ResourceManager
from azure_sandbox.store import Store

sys.path.insert(0, str(Path(__file__).parent))
from arm_world import Arm

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "state.db")
    opened.set_value("clock", {"now": NOON.isoformat(), "speed": 0.0})
    yield opened
    opened.close()


@pytest.fixture
def clock(store: Store) -> Clock:
    return Clock(store)


@pytest.fixture
def directory(store: Store) -> Directory:
    return Directory(store)


@pytest.fixture
def access(store: Store, clock: Clock, directory: Directory) -> Access:
    return Access(store, clock, directory)


@pytest.fixture
def arm(store: Store, clock: Clock, directory: Directory, access: Access) -> Arm:
    """A Resource Manager with one of everything, and a caller who owns the subscription."""
    built = Arm(manager=ResourceManager(store, clock, directory, access), who=directory.deployer)
    built.build()
    return built
