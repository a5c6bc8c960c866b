"""The pack in whole previews: the real CLI and engine, the real SDK, the sandbox's provider."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from policies.pack import RULES

ROOT = Path(__file__).resolve().parents[2]
PACK = ROOT / "policies"
PROGRAM = Path(__file__).parent / "program"
STACKS = sorted(path.stem for path in (PACK / "config").glob("*.json"))
# The sandbox has none of the types that these rules forbid; test_rules.py tries them.
UNTRIED = {"no-opaque-resources", "storage-no-key-resources", "vault-no-declared-secrets"}


@dataclass(frozen=True)
class Preview:
    code: int
    text: str
    findings: set[tuple[str, str]]  # rule, name of the resource
    levels: set[str]


class Sandbox:
    def __init__(self, state: Path):
        self.state = state
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI")}
        self.environment |= {"AZURE_SANDBOX_STATE": str(state), "PULUMI_DEBUG_COMMANDS": "true"}

    def run(self, *command: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
        command = ("azure-sandbox", *command)
        return subprocess.run(command, cwd=cwd, env=self.environment, capture_output=True, text=True, timeout=300)

    def preview(self, program: Path, stack: str, settings: Path, *options: str) -> Preview:
        log = self.state.parent / f"{program.name}-{stack}.jsonl"
        log.unlink(missing_ok=True)
        chosen = self.run("run", "--", "pulumi", "stack", "select", "--create", stack, cwd=program)
        assert chosen.returncode == 0, chosen.stderr
        policies = ("--policy-pack", str(PACK), "--policy-pack-config", str(settings), "--event-log", str(log))
        done = self.run("run", "--", "pulumi", "preview", "--stack", stack, *policies, *options, cwd=program)
        text = done.stdout + done.stderr
        assert log.exists(), text
        return read(done.returncode, text, log)


def read(code: int, text: str, log: Path) -> Preview:
    events = [json.loads(line) for line in log.read_text().splitlines()]
    broken = [event["policyEvent"] for event in events if "policyEvent" in event]
    return Preview(
        code=code,
        text=text,
        findings={(each["policyName"], each.get("resourceUrn", "").split("::")[-1]) for each in broken},
        levels={each["enforcementLevel"] for each in broken},
    )


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    missing = [tool for tool in ("pulumi", "azure-sandbox", "azurite-blob") if shutil.which(tool) is None]
    assert not missing, f"not on PATH: {', '.join(missing)}; run `make test`"
    started = Sandbox(tmp_path_factory.mktemp("sandbox") / "state")
    try:
        yield started
    finally:
        started.run("reset")


def test_a_stack_that_keeps_every_rule_is_previewed_without_a_word(sandbox: Sandbox) -> None:
    kept = sandbox.preview(PROGRAM, "kept", PROGRAM / "settings.json")
    assert kept.findings == set(), kept.text
    assert kept.code == 0, kept.text


def test_each_rule_stops_a_preview_and_names_the_resource_that_breaks_it(sandbox: Sandbox) -> None:
    broken = sandbox.preview(PROGRAM, "broken", PROGRAM / "settings.json")
    expected = {(rule, rule) for rule in RULES.keys() - UNTRIED - {"no-secret-outputs"}}
    assert broken.findings == expected | {("no-secret-outputs", "policies-broken")}, broken.text
    assert broken.levels == {"mandatory"}
    assert broken.code != 0


@pytest.mark.parametrize("stack", STACKS)
def test_the_stacks_of_this_project_keep_every_rule(sandbox: Sandbox, tmp_path: Path, stack: str) -> None:
    """No finding, and no note that a rule could not be run because a value is not known yet."""
    (tmp_path / "manifest.json").write_text("{}")  # a preview uploads nothing, so any model folder will do
    previewed = project(sandbox, stack, f"batch-scoring:modelPath={tmp_path}")
    assert previewed.findings == set(), previewed.text
    assert previewed.code == 0, previewed.text
    assert "BatchDeployment" in previewed.text, previewed.text


def test_production_keeps_every_rule_with_a_model_that_is_registered_already(sandbox: Sandbox) -> None:
    previewed = project(sandbox, "prod", "batch-scoring:modelVersion=0123456789abcdef", "batch-scoring:modelPath=")
    assert previewed.findings == set(), previewed.text
    assert previewed.code == 0, previewed.text


def project(sandbox: Sandbox, stack: str, *config: str) -> Preview:
    options = [option for each in config for option in ("--config", each)]
    return sandbox.preview(ROOT, stack, PACK / "config" / f"{stack}.json", *options)
