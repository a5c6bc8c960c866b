"""The pack as a whole: its settings, its table, its start, what it says about Azure's types."""

import ast
import inspect
import json
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pulumi_azure_native
import pytest

from policies import stack, table
from policies.pack import RULES
from tests.policy.analyzer import PACK, Pack
from tests.policy.sample import STACK


def test_the_table_in_the_docs_is_fresh() -> None:
    assert table.DOCUMENT.read_text() == table.document(), "run `python -m policies.table`"


@pytest.mark.parametrize("file", sorted((PACK / "config").glob("*.json")), ids=lambda file: file.stem)
def test_a_stack_sets_only_what_rules_have(file: Path) -> None:
    """Pulumi ignores a misspelt rule or key without a word."""
    types = {"array": list, "boolean": bool, "number": (int, float), "string": str}
    for id, chosen in json.loads(file.read_text()).items():
        for key, value in chosen.items():
            assert isinstance(value, types[RULES[id].settings[key]["type"]]), (id, key)


def test_production_keeps_what_development_keeps_for_at_least_as_long() -> None:
    dev, prod = (json.loads((PACK / "config" / f"{name}.json").read_text()) for name in ("dev", "prod"))
    for id in ("logs-retention", "storage-soft-delete", "vault-soft-delete-days", "eventhub-retention"):
        [(key, schema)] = RULES[id].settings.items()
        assert prod.get(id, {}).get(key, schema["default"]) >= dev.get(id, {}).get(key, schema["default"]), id
    assert "role-principal-type" not in prod, "in production no person has a role of his own"


def test_every_rule_is_mandatory_and_graded() -> None:
    with Pack() as pack:
        assert {policy.name for policy in pack.info.policies} == set(RULES)
        assert {policy.enforcementLevel for policy in pack.info.policies} == {1}
        assert all(policy.severity and policy.remediation_steps for policy in pack.info.policies)


LAUNCH = """
import runpy, sys
sys.path[:0] = [sys.argv.pop(1)]
runpy.run_module("pulumi.policy", run_name="__main__", alter_sys=True)
"""


def port_of_a_start(folder: Path) -> int:
    """Starts the pack with the libraries on the path, but not the project: -S leaves out what an installation adds."""
    libraries = sysconfig.get_paths()["purelib"]
    command = [sys.executable, "-S", "-u", "-c", LAUNCH, libraries, "127.0.0.1:1", str(folder)]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        return int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def test_the_pack_starts_from_a_copy_and_from_a_link(tmp_path: Path) -> None:
    """A fresh clone is one, the sandbox's mirror of the project the other."""
    shutil.copytree(PACK, tmp_path / "clone" / "policies")
    (tmp_path / "policies").symlink_to(PACK)
    for folder in (tmp_path / "clone" / "policies", tmp_path / "policies"):
        assert port_of_a_start(folder) > 0


def test_the_pack_imports_nothing_but_itself_and_the_policy_sdk() -> None:
    allowed = {"policies", "pulumi_policy", *sys.stdlib_module_names}
    for file in PACK.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {module.split(".")[0] for module in modules} <= allowed, file


def test_nothing_iterates_over_properties() -> None:
    """Iterating touches unknown values, and an unknown value that is touched turns the rule off."""
    for file in PACK.glob("*.py"):
        if file.name not in ("inputs.py", "stack.py"):  # the one reader; the names of a stack's outputs
            assert not re.search(r"props\.(get|items|values|keys)\(|in \w+\.props\b|props\[", file.read_text()), file


def parameters(token: str) -> set[str]:
    module, name = token.split(":")
    made = getattr(getattr(pulumi_azure_native, module), name)
    return set(inspect.signature(made._internal_init).parameters)


def test_untaggable_types_are_those_that_take_no_tags() -> None:
    for token in stack.UNTAGGABLE:
        assert "tags" not in parameters(token), token
    for each in STACK.values():
        token = each.type.removeprefix("azure-native:")
        if each.type.startswith("azure-native:") and token not in stack.UNTAGGABLE:
            assert "tags" in parameters(token), token


def test_rules_name_types_and_properties_that_the_sdk_has() -> None:
    for rule in RULES.values():
        for token in rule.on:
            if token == "pulumi:pulumi:Stack":
                continue
            known = {word.replace("_", "").lower() for word in parameters(token)}
            first = rule.property.split(".")[0]
            if re.fullmatch(r"[a-z]\w+(\.\w+)*", rule.property) and rule.property != "type":
                assert first.lower() in known, (rule.id, token, first)
