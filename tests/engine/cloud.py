"""A copy of the project that tests may change, deployed by the real CLI and engine into a sandbox of its own."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SPEED = 600  # sandbox seconds a second: a role assignment is there after 0.2 s, a node after half a second
COPIED = ("Pulumi.yaml", "Pulumi.local.yaml", "Pulumi.dev.yaml", "Pulumi.prod.yaml", "scoring")
LINKED = (
    "__main__.py",
    "checks.py",
    "configuration.py",
    "naming.py",
    "settings.py",
    "sizing.py",
    "components",
    "operations",
    ".venv",
)
STEP = re.compile(r"^ *(?:[+~-]|\+-|\+\+|--)? *(\S+) (\S+) (created|updated|deleted|replaced)(?:\b.*)?$", re.MULTILINE)
LOOK = """
import json, sys
from components import arm, blobs
ML, ASA = arm.MACHINE_LEARNING_API, arm.STREAM_ANALYTICS_API
outputs = json.loads(sys.argv[1])
group = f"/subscriptions/{outputs['subscriptionId']}/resourceGroups/{outputs['resourceGroup']}/providers"
workspace = f"{group}/Microsoft.MachineLearningServices/workspaces/{outputs['workspace']}"
endpoint = f"{workspace}/batchEndpoints/{outputs['endpoint']}"
job = f"{group}/Microsoft.StreamAnalytics/streamingjobs/{outputs['streamJob']}"
account = outputs["workspaceAccount"]
assets = blobs.container(account, "assets")
"""


@dataclass(frozen=True)
class Run:
    """What a Pulumi command said: its exit code, its text, and what it did to whom, in order."""

    code: int
    text: str
    done: list[tuple[str, str]] = field(repr=False)

    def of(self, kind: str) -> list[str]:
        """What was done to resources whose logical name begins so."""
        return [what for name, what in self.done if name.startswith(kind)]


class Cloud:
    def __init__(self, folder: Path):
        self.state = folder / "sandbox"
        self.project = folder / "project"
        self._edited: dict[Path, str] = {}
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI")}
        self.environment["AZURE_SANDBOX_STATE"] = str(self.state)
        self.project.mkdir()
        for name in COPIED:
            source, target = ROOT / name, self.project / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns(".venv", "__pycache__"))
            else:
                shutil.copy(source, target)
        for name in LINKED:
            (self.project / name).symlink_to(ROOT / name)

    def start(self) -> None:
        self._sandbox("up", "--speed", str(SPEED))

    def stop(self) -> None:
        self._sandbox("reset")

    def pulumi(self, *arguments: str, stack: str, **config: str) -> Run:
        """Runs the CLI; `config` stays with the stack, as `-c` does."""
        changes = [part for key, value in config.items() for part in ("-c", f"batch-scoring:{key}={value}")]
        command = ["pulumi", *arguments, *changes, "--stack", stack, "--non-interactive"]
        ended = self.run(*command)
        text = ended.stdout + ended.stderr
        return Run(ended.returncode, text, [(name, what) for _, name, what in STEP.findall(text)])

    def up(self, stack: str, *options: str, **config: str) -> Run:
        return self.pulumi("up", "--yes", "--skip-preview", *options, stack=stack, **config)

    def create(self, stack: str, *, like: str = "local") -> None:
        """Makes a stack, with the configuration of one of the project's where it has none of its own."""
        own = self.project / f"Pulumi.{stack}.yaml"
        if not own.exists():
            shutil.copy(ROOT / f"Pulumi.{like}.yaml", own)
        ended = self.run("pulumi", "stack", "select", "--create", stack)
        assert ended.returncode == 0, ended.stderr

    def outputs(self, stack: str) -> dict[str, Any]:
        return json.loads(self.run("pulumi", "stack", "output", "--json", "--stack", stack).stdout)

    def look(self, code: str, outputs: dict[str, Any], *, identity: str = "deployer") -> Any:
        """What `answer` is after the code has run as an identity; LOOK has the names it may use."""
        # pyarrow's threads may abort an interpreter that ends while they do: it is left at once instead.
        script = f"{LOOK}\n{code}\nprint(json.dumps(answer), flush=True)\nimport os\nos._exit(0)"
        ended = self.run(sys.executable, "-c", script, json.dumps(outputs), identity=identity)
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    def edit(self, file: str, find: str, replace: str) -> None:
        path = self.project / file
        text = path.read_text()
        assert find in text, f"{file} has no {find!r}"
        self._edited.setdefault(path, text)
        path.write_text(text.replace(find, replace, 1))

    def restore(self) -> None:
        """Every edited file as it was."""
        for path, text in self._edited.items():
            path.write_text(text)
        self._edited.clear()

    def _sandbox(self, *arguments: str) -> None:
        command = ["azure-sandbox", *arguments]
        ended = subprocess.run(
            command, env=self.environment, cwd=self.project, capture_output=True, text=True, timeout=60, check=False
        )
        assert ended.returncode == 0, ended.stderr

    def run(self, *command: str, identity: str = "deployer") -> subprocess.CompletedProcess[str]:
        command = ("azure-sandbox", "run", "--as", identity, "--", *command)
        return subprocess.run(
            command, env=self.environment, cwd=self.project, capture_output=True, text=True, timeout=300, check=False
        )
