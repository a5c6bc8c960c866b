"""A small scoring folder per test: `job` writes the script and its input files, runs them, and shows what came out."""

from __future__ import annotations

import os
import textwrap
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from batch_runner import JobResult, Settings, run_job

# One row per file: the name of the file and its content.
ECHO = """
    from pathlib import Path

    def init():
        pass

    def run(mini_batch):
        return [f"{Path(file).name} {Path(file).read_text()}" for file in mini_batch]
"""


@dataclass
class Job:
    """The folders of one job below `root`; `run` takes settings by their names."""

    root: Path
    results: list[JobResult] = field(default_factory=list)

    def __post_init__(self) -> None:
        for folder in (self.code, self.model, self.input):
            folder.mkdir()

    @property
    def code(self) -> Path:
        return self.root / "code"

    @property
    def model(self) -> Path:
        return self.root / "model"

    @property
    def input(self) -> Path:
        return self.root / "input"

    @property
    def output(self) -> Path:
        return self.root / "output"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    def script(self, text: str, name: str = "score.py") -> None:
        (self.code / name).write_text(textwrap.dedent(text))

    def files(self, *names: str) -> None:
        for name in names:
            (self.input / name).write_text(f"of {name}")

    def run(
        self, *, python: str | None = None, environment: Mapping[str, str] | None = None, stop=None, on=None, **settings
    ) -> JobResult:
        settings = {"mini_batch_size": 1, "max_retries": 0, **settings}
        extra = {"python": python} if python else {}
        return run_job(
            code=self.code,
            script="score.py",
            model=self.model,
            inputs=[self.input],
            output=self.output,
            logs=self.logs,
            settings=Settings(**settings),
            environment=environment or {},
            stop=stop,
            on_progress=on,
            **extra,
        )

    def rows(self, name: str = "predictions.csv") -> list[str]:
        return (self.output / name).read_text().splitlines()

    def written(self) -> list[str]:
        return sorted(path.name for path in self.output.iterdir()) if self.output.exists() else []

    def log(self, name: str) -> str:
        return (self.logs / name).read_text()


@pytest.fixture
def job(tmp_path: Path) -> Job:
    job = Job(tmp_path)
    job.script(ECHO)
    return job


@pytest.fixture
def gone():
    return _gone


def _gone(pid: int, seconds: float = 5.0) -> bool:
    """The process has ended (a zombie has) within `seconds`."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            with suppress(ProcessLookupError):
                os.kill(pid, 0)
                time.sleep(0.05)
                continue
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False
