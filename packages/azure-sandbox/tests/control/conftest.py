from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from azure_sandbox.access import Access
from azure_sandbox.clock import Clock
from azure_sandbox.directory import Directory
from azure_sandbox.store import Store

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
