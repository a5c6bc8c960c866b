"""Names at their limits, type by type (learn.microsoft.com, resource-name-rules)."""

import pytest
from arm_world import Arm
from azure_sandbox.errors import AzureError
from azure_sandbox.ids import name_of
from azure_sandbox.rules import TYPES
from azure_sandbox.rules.types import check_name

ML = "Microsoft.MachineLearningServices/workspaces"
JOB = "Microsoft.StreamAnalytics/streamingjobs"
CONTAINERS = "Microsoft.Storage/storageAccounts/blobServices/containers"
GUID = "aaaaaaaa-0000-4000-8000-000000000000"
# type, names that are allowed, names that are not
NAMES = [
    ("Microsoft.Resources/resourceGroups", ["a", "a" * 90, "rg-(x).1"], ["a" * 91, "ends.", "a b"]),
    ("Microsoft.Storage/storageAccounts", ["abc", "a" * 24, "123"], ["ab", "a" * 25, "Abc", "a-b"]),
    (CONTAINERS, ["abc", "a" * 63, "a-b-c", "$web"], ["ab", "a" * 64, "a--b", "-ab", "ab-", "Abc", "a_b"]),
    ("Microsoft.KeyVault/vaults", ["abc", "a" * 24, "a-b"], ["ab", "a" * 25, "1ab", "a--b", "ab-", "a_b"]),
    ("Microsoft.ContainerRegistry/registries", ["abcde", "a" * 50], ["abcd", "a" * 51, "ab-cd"]),
    (
        "Microsoft.EventHub/namespaces",
        ["abcdef", "a" * 50, "a-bcde"],
        ["abcde", "a" * 51, "1abcde", "abcde-", "ab_cde"],
    ),
    ("Microsoft.EventHub/namespaces/eventhubs", ["a", "a" * 256, "a.b_c-d"], ["a" * 257, "-a", "a-", "a b"]),
    ("Microsoft.EventHub/namespaces/eventhubs/consumergroups", ["a", "a" * 50, "$Default"], ["a" * 51, "-a", "$x"]),
    (JOB, ["abc", "a" * 63, "a_b-c"], ["ab", "a" * 64, "a.b", "a b"]),
    (f"{JOB}/inputs", ["abc", "a" * 63], ["ab", "a" * 64, "a.b"]),
    (f"{JOB}/outputs", ["abc", "a" * 63], ["ab", "a" * 64, "a.b"]),
    (ML, ["abc", "a" * 33, "1-b_c"], ["ab", "a" * 34, "-bc", "a.b"]),
    (f"{ML}/computes", ["abc", "a" * 24, "cpu-1a"], ["ab", "a" * 25, "cpu-1", "1ab", "a_b"]),
    (f"{ML}/datastores", ["a", "a_b"], ["a-b", "_a", "a b"]),
    (f"{ML}/batchEndpoints", ["abc", "a" * 32, "a-b"], ["ab", "a" * 33, "1ab", "ab-", "a_b"]),
    (f"{ML}/batchEndpoints/deployments", ["abc", "a" * 32], ["ab", "a" * 33, "1ab", "ab-"]),
    (f"{ML}/models", ["a", "a" * 255, "a.b-c_d"], ["a" * 256, "-a", "a b"]),
    (f"{ML}/models/versions", ["1", "0a1b2c3d"], ["a b", "-1"]),
    ("Microsoft.OperationalInsights/workspaces", ["abcd", "a" * 63, "a-bc"], ["abc", "a" * 64, "-abc", "abc-", "a_bc"]),
    ("Microsoft.ManagedIdentity/userAssignedIdentities", ["abc", "a" * 128, "a_b-c"], ["ab", "a" * 129, "-ab", "a.b"]),
    ("Microsoft.Authorization/roleAssignments", [GUID], ["mine", GUID + "0"]),
    ("Microsoft.Insights/diagnosticSettings", ["to-logs"], ["a&b", "a?b"]),
]
CASES = [(k, name, fits) for k, good, bad in NAMES for names, fits in ((good, True), (bad, False)) for name in names]


@pytest.mark.parametrize(("kind", "name", "fits"), CASES)
def test_a_name_is_held_to_the_limits_of_its_type(kind: str, name: str, fits: bool) -> None:
    rule = TYPES[kind.lower()]
    if fits:
        check_name(rule, f"/x/{name}")
        return
    with pytest.raises(AzureError) as refusal:
        check_name(rule, f"/x/{name}")
    assert refusal.value.status == 400
    assert name_of(f"/x/{name}") in refusal.value.message


def test_every_rule_says_where_it_comes_from() -> None:
    assert not [rule.name for rule in TYPES.values() if "." not in rule.source]


def test_a_bad_name_is_refused_before_anything_is_made(arm: Arm) -> None:
    assert arm.refused("PUT", "st/Bad_Name", arm.body("st/work"))[1] == "AccountNameInvalid"
    assert arm.call("GET", "st/Bad_Name")[0] == 404
