"""Every rule, in both directions, through the SDK's own server."""

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from policies.pack import RULES, SERVICES
from tests.policy import cases_conduct, cases_data, cases_scoring
from tests.policy.analyzer import UNKNOWN, Declared, Finding, Pack
from tests.policy.cases import Case
from tests.policy.sample import STACK

CASES = [*cases_data.CASES, *cases_scoring.CASES, *cases_conduct.CASES]


@pytest.fixture(scope="module")
def pack() -> Iterator[Pack]:
    with Pack() as started:
        yield started


def changed(case: Case) -> dict[str, Declared]:
    """The sample stack with the case's one change."""
    stack = {name: each for name, each in STACK.items() if name not in case.without.split()}
    stack |= {each.name: each for each in case.add}
    for path, value in case.change.items():
        name, *keys = path.split(".")
        if keys == ["protect"]:
            stack[name] = replace(stack[name], protect=value)
            continue
        props = copy.deepcopy(dict(stack[name].props))
        put(props, keys, value)
        stack[name] = replace(stack[name], props=props)
    for path, names in case.links.items():
        name, key = path.split(".")
        stack[name] = replace(stack[name], links=dict(stack[name].links) | {key: tuple(names.split())})
    return stack


def put(props: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        props = props.setdefault(key, {})
    if value is None:
        props.pop(keys[-1], None)
    else:
        props[keys[-1]] = value


def touched(case: Case) -> set[str]:
    return {path.split(".")[0] for path in [*case.change, *case.links]} | {each.name for each in case.add}


def judged(pack: Pack, case: Case) -> list[Finding]:
    """All findings about what the case touches; for a rule of the whole stack, about the whole stack too."""
    stack = changed(case)
    single = [finding for name in sorted(touched(case)) for finding in pack.analyze(stack[name])]
    found = single + (pack.analyze_stack(stack.values()) if RULES[case.rule].whole_stack else [])
    for name in touched(case) & STACK.keys():  # the pack remembers inputs by URN
        pack.analyze(STACK[name])
    return found


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_finds_what_breaks_it_and_nothing_else(pack: Pack, case: Case) -> None:
    pack.configure({case.rule: dict(case.settings)})
    found = judged(pack, case)
    pack.configure({})
    expected = {(case.rule, case.breaks, "mandatory")} if case.breaks else set()
    assert {(f.rule, f.resource, f.level) for f in found} == expected, [f.message for f in found]


def test_each_rule_is_tried_in_both_directions() -> None:
    tried = {(case.rule, bool(case.breaks)) for case in CASES}
    assert tried == {(id, breaks) for id in RULES for breaks in (True, False)}


def test_the_sample_stack_keeps_every_rule(pack: Pack) -> None:
    found = [finding for each in STACK.values() for finding in pack.analyze(each)]
    assert found + pack.analyze_stack(STACK.values()) == []


@pytest.mark.parametrize("name", STACK)
def test_a_value_that_nobody_knows_yet_never_turns_a_rule_off(pack: Pack, name: str) -> None:
    """The SDK's answer to an unknown value is an advisory note; ours must be a finding, or nothing."""
    for keys in paths(STACK[name].props):
        props = copy.deepcopy(dict(STACK[name].props))
        put(props, keys, UNKNOWN)
        unknown = replace(STACK[name], props=props)
        found = pack.analyze(unknown) + pack.analyze_stack((STACK | {name: unknown}).values())
        assert {f.level for f in found} <= {"mandatory"}, (keys, found)
    pack.analyze(STACK[name])


def paths(props: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[list[str]]:
    for key, value in props.items():
        yield [*above, key]
        if isinstance(value, Mapping):
            yield from paths(value, (*above, key))


def test_a_rule_minds_its_own_types_only(pack: Pack) -> None:
    other = Declared(name="other", type="azure-native:network:VirtualNetwork", props={"location": "westeurope"})
    assert {finding.rule for finding in pack.analyze(other)} == {"required-tags"}
    foreign = Declared(name="foreign", type="random:index:RandomPassword", props={})
    assert pack.analyze(foreign) == []


def test_a_pinned_api_version_does_not_evade_a_rule(pack: Pack) -> None:
    props = dict(STACK["lake"].props) | {"minimumTlsVersion": "TLS1_0"}
    for pinned in ("azure-native:storage/v20230101", "azure-native_storage_v20230101:storage"):
        found = pack.analyze(replace(STACK["lake"], type=f"{pinned}:StorageAccount", props=props))
        assert [finding.rule for finding in found] == ["storage-tls"]


def test_stack_rules_read_inputs_where_a_preview_hides_the_outputs(pack: Pack) -> None:
    """Before the first deployment a provider may call whole objects unknown that the program declared."""
    stack = {each.name: replace(each, name=f"hidden-{each.name}") for each in STACK.values()}
    stack = {
        name: replace(each, links={key: tuple(f"hidden-{n}" for n in names) for key, names in each.links.items()})
        for name, each in stack.items()
    }
    for each in stack.values():
        pack.analyze(each)
    hidden = [
        replace(each, props={key: UNKNOWN if isinstance(value, dict) else value for key, value in each.props.items()})
        for each in stack.values()
    ]
    assert pack.analyze_stack(hidden) == []


def test_a_message_says_where_what_why_and_how_to_mend_it(pack: Pack) -> None:
    lake = replace(STACK["lake"], props=dict(STACK["lake"].props) | {"minimumTlsVersion": "TLS1_0"})
    [finding] = pack.analyze(lake)
    assert finding.message == (
        "A storage account accepts TLS 1.2 or newer.\n"
        'lake: minimumTlsVersion is "TLS1_0", expected one of "TLS1_2", "TLS1_3". '
        'Older TLS can be read by whoever sits on the line. Fix: set minimum_tls_version="TLS1_2".'
    )


def test_no_message_repeats_a_secret(pack: Pack) -> None:
    found = pack.analyze(changed(Case(rule="", change={"output.datasource.password": "hunter2"}))["output"])
    assert [f.rule for f in found] == ["stream-no-keys"]
    assert "hunter2" not in found[0].message


def test_all_that_a_reader_needs_is_written_about_each_rule() -> None:
    ids = [rule.id for rules in SERVICES for rule in rules.declared]
    assert len(ids) == len(set(ids)), "two rules have the same id"
    for rule in RULES.values():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", rule.id)
        assert rule.sources, rule.id
        assert all(text.strip() for text in (rule.property, rule.expected)), rule.id
        assert rule.title.endswith("."), rule.id
        assert rule.why.endswith("."), rule.id
        assert rule.fix.endswith("."), rule.id
        assert all("default" in schema and "type" in schema for schema in rule.settings.values()), rule.id
