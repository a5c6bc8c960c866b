"""Tests of what runs on the cluster, in its environment."""

import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[3]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

# The project's environment holds other versions, and runs these tests through the scoring environment (tools/test).
collect_ignore_glob = [] if importlib.util.find_spec("azureml") else ["test_*.py"]

DAY = datetime(2026, 3, 9, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Plant:
    """Feature rows of a week of history and of the day after it, and that day's faulty windows."""

    history: pd.DataFrame
    day: pd.DataFrame
    truth: pd.DataFrame


@pytest.fixture(scope="session")
def plant() -> Plant:
    from scoring.sensors.simulator import day, history
    from tests.scoring import brute_force

    today = day(DAY)
    before = pd.concat([brute_force.features(one) for one in history(DAY)], ignore_index=True)
    return Plant(history=before, day=brute_force.features(today), truth=today.truth)


@pytest.fixture(scope="session")
def trained(plant, tmp_path_factory) -> Path:
    """The model folder of the default plant; read only."""
    from scoring.sensors.train import train

    folder = tmp_path_factory.mktemp("model") / "sensors"
    train(plant.history, folder)
    return folder


@pytest.fixture
def model(trained, tmp_path) -> Path:
    """A model folder to break: below AZUREML_MODEL_DIR, under a name of the registry's."""
    return Path(shutil.copytree(trained, tmp_path / "mounted" / "sensors-1"))


@pytest.fixture
def rows(plant) -> pa.Table:
    """Twelve windows, an hour, of each of the fifteen series."""
    from scoring.sensors.contract import CONTRACT
    from scoring.training import feature_table

    return feature_table(plant.day.head(180), CONTRACT)


@pytest.fixture(scope="session")
def measured() -> pa.Table:
    """The real plant's measurements, from the package that ships them in the project's environment."""
    from scoring.plant import source

    _, name = source.PACKAGE
    found = [*ROOT.glob(f".venv/lib/python3.*/site-packages/bibmon/*/{name}")]
    found += [*ROOT.glob(f".venv/Lib/site-packages/bibmon/*/{name}")]
    assert found, f"no {name} in the project's environment: make setup"
    return source.read(found[0])


@pytest.fixture(scope="session")
def soft_sensor(measured, tmp_path_factory) -> Path:
    """The model folder of `plant`, trained on the days before 2018; read only."""
    from scoring.plant import source, train
    from scoring.plant.contract import CONTRACT
    from scoring.training import read_history

    folder = tmp_path_factory.mktemp("model")
    pq.write_table(source.history(measured), folder / "history.parquet")
    train.train(read_history(folder / "history.parquet", CONTRACT), folder / "plant")
    return folder / "plant"


@dataclass(frozen=True, kw_only=True)
class Job:
    """A worker process of a batch deployment, as far as the script sees it."""

    inputs: Path
    output: Path
    start: Callable[[], None]
    run: Callable[[Iterable[Path]], list[str]]

    def file(self, name: str, table: pa.Table, **options) -> Path:
        path = self.inputs / name
        pq.write_table(table, path, **options)
        return path

    def table(self, name: str) -> pd.DataFrame:
        return pq.read_table(self.output / name).to_pandas()

    @property
    def written(self) -> list[str]:
        return sorted(path.name for path in self.output.iterdir())


@pytest.fixture
def job(model, tmp_path, monkeypatch) -> Job:
    from scoring import score

    inputs, output = tmp_path / "inputs", tmp_path / "output"
    inputs.mkdir()
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(model.parent))
    monkeypatch.setenv("AZUREML_BI_OUTPUT_PATH", str(output))
    for name in ("PROBLEM", "MODEL_DIGEST", "CODE_DIGEST", "AZUREML_ROOT_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(score, "_scorer", None)
    return Job(inputs=inputs, output=output, start=score.init, run=lambda paths: score.run([str(p) for p in paths]))
