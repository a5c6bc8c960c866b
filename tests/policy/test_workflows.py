"""The workflows: no moving actions, no rights that are not needed, no credentials for a pull request."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
STACKS = sorted(file.stem for file in (ROOT / "policies" / "config").glob("*.json"))


def load(name: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text())


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_an_action_is_named_by_its_commit_with_its_version_beside_it(file: Path) -> None:
    used = re.findall(r"uses: (.+)", file.read_text())
    assert used
    for action in used:
        assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_a_checkout_leaves_no_token_behind(file: Path) -> None:
    for job in yaml.safe_load(file.read_text())["jobs"].values():
        for step in job.get("steps", []):
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_a_pull_request_reads_the_code_and_nothing_else() -> None:
    text = (ROOT / ".github" / "workflows" / "pull-request.yml").read_text()
    workflow = load("pull-request.yml")
    assert workflow["permissions"] == {}
    assert all(job["permissions"] == {"contents": "read"} for job in workflow["jobs"].values())
    assert all(job["timeout-minutes"] <= 30 for job in workflow["jobs"].values())
    assert "secrets." not in text
    assert "pull_request_target" not in text
    assert workflow["concurrency"]["cancel-in-progress"] is True


def test_a_pull_request_is_checked_tested_and_previewed_in_every_stack() -> None:
    jobs = load("pull-request.yml")["jobs"]
    commands = {name: [step.get("run", "") for step in job["steps"]] for name, job in jobs.items()}
    assert "make check" in commands["check"]
    assert "make test" in commands["test"]
    assert sorted(jobs["preview"]["strategy"]["matrix"]["stack"]) == STACKS
    assert any("--policy-pack policies" in command for command in commands["preview"])


def test_a_failing_command_in_a_pipe_fails_the_step() -> None:
    for file in WORKFLOWS:
        workflow = yaml.safe_load(file.read_text())
        assert "|" not in str(workflow) or workflow["defaults"]["run"]["shell"] == "bash", file


def test_no_expression_is_pasted_into_a_shell() -> None:
    for file in WORKFLOWS:
        for job in yaml.safe_load(file.read_text())["jobs"].values():
            assert not [step for step in job.get("steps", []) if "${{" in step.get("run", "")], file
