"""Configuration is read as a whole: all that is wrong is reported at once, by key, value and range."""

import re

import pytest
import yaml

import settings
import sizing
from settings import SettingsError

from .declared import ROOT, STACKS, configuration


def problems_of(**changes: str | None) -> list[str]:
    values = configuration("dev")
    for key, value in changes.items():
        name = key if ":" in key else f"batch-scoring:{key}"
        if value is None:
            del values[name]
        else:
            values[name] = value
    with pytest.raises(SettingsError) as error:
        settings.parse(values, stack="dev")
    return error.value.problems


@pytest.mark.parametrize("stack", STACKS)
def test_every_stack_is_well_configured(stack: str) -> None:
    assert settings.parse(configuration(stack), stack=stack).environment == stack


def test_stacks_differ_in_configuration_only() -> None:
    local, dev, prod = (settings.parse(configuration(stack), stack=stack) for stack in STACKS)
    assert (local.ephemeral, dev.ephemeral, prod.ephemeral) == (True, False, False)
    assert (dev.protect, prod.protect) == (False, True)
    assert (dev.vault.purge_protection, local.vault.purge_protection) == (True, False)
    assert dev.storage.replication == "Standard_LRS"
    assert prod.storage.replication == "Standard_GZRS"


def test_all_problems_are_reported_at_once() -> None:
    problems = problems_of(maxNodes="0", vmPriority="Spot", problem="My Problem", ephemeral="yes", maxNode="3")
    assert problems == [
        "problem: found 'My Problem', allowed: 2 to 12 lower-case letters and digits, a letter first: "
        "it is part of every name",
        "ephemeral: found 'yes', allowed: true or false",
        "vmPriority: found 'Spot', allowed: Dedicated | LowPriority",
        "maxNodes: found '0', allowed: a whole number from 1 to 100",
        "maxNode: unknown key; Pulumi.yaml lists the known ones",
    ]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"eventsPerSecond": "20001"}, "eventsPerSecond: found '20001', allowed: a whole number from 1 to 20000"),
        ({"eventsPerSecond": "1.5"}, "eventsPerSecond: found '1.5', allowed: a whole number from 1 to 20000"),
        ({"hubRetentionHours": None}, "hubRetentionHours: not set, allowed: a whole number from 1 to 168"),
        ({"replication": "LRS"}, "replication: found 'LRS', allowed: Standard_LRS | Standard_ZRS | "),
        ({"vmSize": "Standard_NC6"}, "vmSize: found 'Standard_NC6', allowed: a CPU size such as Standard_D2s_v3"),
        ({"operatorObjectId": "me"}, "operatorObjectId: found 'me', allowed: an Entra object id (GUID), or empty"),
        ({"azure-native:location": None}, "azure-native:location: not set, allowed: the short name of an Azure region"),
        (
            {"azure-native:location": "West Europe"},
            "azure-native:location: found 'West Europe', allowed: the short name",
        ),
        ({"owner": ""}, "owner: found '', allowed: letters, digits"),
        ({"modelVersion": "1/2"}, "modelVersion: found '1/2', allowed: a version registered in the workspace"),
        ({"instances": "3"}, "instances: found 3, allowed: at most maxNodes (2)"),
        ({"modelVersion": "1"}, "modelPath and modelVersion: found 'build/models/sensors' and '1', allowed: one"),
        ({"ephemeral": "true", "protect": "true"}, "ephemeral and protect: found both true, allowed: one"),
        (
            {"eventsPerSecond": "10000", "eventBytes": "5000"},
            "eventsPerSecond and eventBytes: found 10000 and 5000, which need 50 units, allowed: what 40 throughput",
        ),
        ({"lateArrivalSeconds": "-1"}, "lateArrivalSeconds: found '-1', allowed: a whole number from 0 to 1814399"),
        ({"logRetentionDays": "7"}, "logRetentionDays: found '7', allowed: a whole number from 30 to 730"),
    ],
)
def test_a_problem_names_key_value_and_range(changes: dict[str, str | None], problem: str) -> None:
    found = problems_of(**changes)
    assert len(found) == 1
    assert found[0].startswith(problem)


def test_a_stack_whose_name_is_no_environment_is_told_so() -> None:
    with pytest.raises(SettingsError, match=r"environment: found 'My_Stack', allowed: 2 to 16 lower-case letters"):
        settings.parse(configuration("dev"), stack="My_Stack")


def test_a_rule_between_keys_is_silent_when_a_key_is_wrong_by_itself() -> None:
    assert problems_of(instances="many", maxNodes="1") == [
        "instances: found 'many', allowed: a whole number from 1 to 100"
    ]


def test_every_declared_key_is_read_and_every_key_that_is_read_is_declared() -> None:
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    for key, entry in declared.items():
        assert set(entry) == {"type", "default", "description"}, key
    values = configuration("dev")
    settings.parse(values, stack="dev")  # an unread key would be reported as unknown, an undeclared one as not set
    assert {key for key in values if key.startswith("batch-scoring:")} == {f"batch-scoring:{key}" for key in declared}


@pytest.mark.parametrize(
    ("events", "partitions", "streaming_units"),
    [(1, 2, 1), (1_000, 2, 6), (1_001, 6, 12), (5_000, 6, 12), (10_000, 12, 18)],
)
def test_partitions_and_streaming_units_follow_microsofts_measurements(
    events: int, partitions: int, streaming_units: int
) -> None:
    assert (sizing.partitions(events), sizing.streaming_units(events)) == (partitions, streaming_units)


def test_streaming_units_are_those_azure_sells() -> None:
    assert all(units in (1, 3) or units % 6 == 0 for _, _, units in sizing.LOADS)


@pytest.mark.parametrize(("events", "size", "units"), [(1, 1, 1), (1_000, 200, 1), (1_001, 200, 2), (500, 10_000, 5)])
def test_a_throughput_unit_takes_a_thousand_events_or_a_megabyte(events: int, size: int, units: int) -> None:
    assert sizing.throughput_units(events, size) == units


def test_the_error_counts_and_lists() -> None:
    assert str(SettingsError(["a: b"])) == "1 setting is wrong:\n  - a: b"
    assert re.match(r"2 settings are wrong:\n  - a\n  - b$", str(SettingsError(["a", "b"])))
