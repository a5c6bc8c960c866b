import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from .declared import ROOT, STACKS, Declared, declare, event_loop


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model's shape: declaring needs its files' bytes, not that they can predict."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "manifest.json").write_text("{}")
    (folder / "golden").mkdir()
    for name in ("estimators.joblib", "golden/input.parquet", "golden/expected.parquet"):
        (folder / name).write_bytes(name.encode())
    return folder


@pytest.fixture(scope="session", params=STACKS)
def stack(request: pytest.FixtureRequest, model_folder: Path) -> Iterator[list[Declared]]:
    """Everything that a stack declares once it has a model; one run of the program for each stack."""
    named = {"modelVersion": "0123456789abcdef"} if request.param == "prod" else {"modelPath": str(model_folder)}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        yield declare(request.param, **named)


@pytest.fixture(autouse=True)
def _with_an_event_loop() -> None:
    asyncio.set_event_loop(event_loop())


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
