"""Azure takes every name, for any problem and environment that the settings let through."""

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import naming

PROBLEMS = st.from_regex(r"[a-z][a-z0-9]{1,11}", fullmatch=True)
ENVIRONMENTS = st.from_regex(r"[a-z][a-z0-9-]{0,14}[a-z0-9]", fullmatch=True)
SUFFIXES = st.from_regex(r"[0-9a-f]{6}", fullmatch=True)


def made(problem: str = "sensors", environment: str = "dev", suffix: str = "1a2b3c") -> naming.Names:
    return naming.names(problem=problem, environment=environment, suffix=suffix)


@given(PROBLEMS, ENVIRONMENTS, SUFFIXES)
def test_every_name_keeps_azures_rules_and_says_the_problem(problem: str, environment: str, suffix: str) -> None:
    for name, value in dataclasses.asdict(made(problem, environment, suffix)).items():
        assert problem in value, name  # the rules themselves are checked by names()


@given(PROBLEMS, ENVIRONMENTS)
def test_names_that_are_unique_in_all_of_azure_carry_the_stacks_suffix(problem: str, environment: str) -> None:
    names, others = made(problem, environment, "aaaaaa"), made(problem, environment, "bbbbbb")
    for name in ("namespace", "lake_account", "workspace_account", "registry", "vault", "endpoint", "group"):
        assert getattr(names, name) != getattr(others, name), name


@pytest.mark.parametrize(
    ("kind", "legal", "illegal"),
    [
        ("namespace", ["abc-12", "a" * 50], ["abc12", "a" * 51, "1abc-12", "abc-12-", "abc_12"]),
        ("hub", ["e", "a.b-c_d"], ["", "a" * 51, ".a", "a-"]),
        ("stream", ["asa", "a_b-c"], ["as", "a" * 64, "a.b"]),
        ("storage", ["abc", "a" * 24], ["ab", "a" * 25, "Abc", "a-b"]),
        ("registry", ["abcde", "A1" * 25], ["abcd", "ab-cd"]),
        ("vault", ["kv-a", "a" * 24], ["kv", "kv--a", "1kv", "kv-", "a" * 25]),
        ("logs", ["log1", "a" * 63], ["log", "-log", "log-", "lo_g"]),
        ("workspace", ["mlw", "a" * 33, "m_l-w"], ["ml", "a" * 34, "-mlw", "m.w"]),
        ("cluster", ["cpu-sensors", "cpu", "cpu1"], ["cpu-1", "cpu-x-12", "1cpu", "c" * 25, "cp"]),
        ("endpoint", ["score", "a" * 32], ["ab", "a" * 33, "1score", "score-", "sc_ore"]),
        ("identity", ["id-a", "a" * 128], ["id", "a" * 129, "-id"]),
        ("group", ["rg", "rg.(a)"], ["", "rg.", "a" * 91]),
        ("deployment", ["sensors-0a1b2c3d"], ["s", "sensors-"]),
    ],
)
def test_the_rules_are_azures(kind: str, legal: list[str], illegal: list[str]) -> None:
    assert [name for name in legal if naming.RULES[kind].broken_by(name)] == []
    assert [name for name in illegal if not naming.RULES[kind].broken_by(name)] == []


def test_names_that_azure_would_refuse_are_all_listed_with_the_rule() -> None:
    with pytest.raises(naming.NamingError) as error:
        made(problem="two_words")
    text = str(error.value)
    assert "lake_account: found 'laketwo_wordsdev1a2b3c', allowed: lower-case letters and digits" in text
    assert "registry: found" in text
    assert "cluster: found 'cpu-two_words'" in text


def test_a_long_environment_is_cut_where_azure_allows_few_characters() -> None:
    names = made(problem="turbines", environment="pull-request-17")
    assert names.lake_account == "laketurbinespullre1a2b3c"
    assert names.vault == "kv-turbines-pull-1a2b3c"
    assert names.workspace == "mlw-turbines-pull-request-1a2b3c"


def test_a_suffix_belongs_to_one_stack_of_one_subscription() -> None:
    assert naming.suffix("ABC", "dev") == naming.suffix("abc", "dev")
    assert len({naming.suffix(sub, stack) for sub in ("a", "b") for stack in ("dev", "prod")}) == 4
    assert re.fullmatch(r"[0-9a-f]{6}", naming.suffix("a", "dev"))


def test_role_assignments_have_one_name_each_and_keep_it() -> None:
    name = naming.assignment("rg", "cluster", "AcrPull", "registry")
    assert name == naming.assignment("rg", "cluster", "AcrPull", "registry")
    assert name != naming.assignment("rg", "cluster", "AcrPull", "vault")
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", name)


def test_the_deployments_name_is_its_content() -> None:
    assert naming.deployment("sensors", "0a1b2c3d4e5f6071") == "sensors-0a1b2c3d"
