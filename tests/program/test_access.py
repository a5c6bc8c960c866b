"""The table of role assignments: complete, least, reasoned."""

from collections import Counter

import pytest

from components import access
from components.access import GRANTS

from .declared import DEPLOYER, STACKS, Declared, declare

OPERATOR = "12345678-1234-1234-1234-123456789abc"


def assignments(declared: list[Declared]) -> list[Declared]:
    return [resource for resource in declared if resource.type == "authorization:RoleAssignment"]


def test_every_grant_names_a_built_in_role_a_reason_and_a_source_in_azures_documentation() -> None:
    for grant in GRANTS:
        assert grant.role in access.ROLES, grant
        assert grant.why, grant
        assert grant.source.startswith("https://learn.microsoft.com/azure/"), grant


def test_no_grant_is_there_twice() -> None:
    assert [key for key, count in Counter((g.identity, g.role, g.scope) for g in GRANTS).items() if count > 1] == []


def test_nobody_is_owner_and_contributor_is_the_workspaces_alone() -> None:
    assert "Owner" not in access.ROLES
    assert "User Access Administrator" not in access.ROLES
    assert {grant.identity for grant in GRANTS if grant.role == "Contributor"} == {"workspace"}


def test_data_of_the_lake_is_given_by_container_never_by_account() -> None:
    assert {grant.scope for grant in GRANTS if grant.scope.startswith("lake")} == {
        "lake/features",
        "lake/raw",
        "lake/rejected",
        "lake/static",
        "lake/predictions",
        "lake/synapse",
    }


@pytest.mark.parametrize("identity", ["stream", "sensors"])
def test_what_carries_the_events_is_provable(identity: str) -> None:
    assert all(grant.provable for grant in GRANTS if grant.identity == identity)


def test_a_stack_makes_every_grant_once_when_the_operator_is_named() -> None:
    made = assignments(declare("dev", modelPath="", ingestion="both", operatorObjectId=OPERATOR, operatorKind="User"))
    assert len(made) == len(GRANTS)
    people = {(a.inputs["principalId"], a.inputs["principalType"]) for a in made if a.name.startswith(("oper", "depl"))}
    assert people == {(OPERATOR, "User"), (DEPLOYER, "ServicePrincipal")}


def test_the_deployer_operates_where_nobody_is_named_and_gets_no_role_twice(stack: list[Declared]) -> None:
    made = [(a.inputs["roleDefinitionId"], a.inputs["scope"], a.inputs["principalId"]) for a in assignments(stack)]
    assert len(made) == len(set(made))
    deployer = {(role.rpartition("/")[2], scope) for role, scope, who in made if who == DEPLOYER}
    reads = access.ROLES["Storage Blob Data Reader"]
    writes = access.ROLES["Storage Blob Data Contributor"]
    assert not {scope for role, scope in deployer if role == reads} & {s for role, s in deployer if role == writes}


def test_every_assignment_says_what_its_principal_is(stack: list[Declared]) -> None:
    assert {a.inputs.get("principalType") for a in assignments(stack)} == {"ServicePrincipal"}


def test_assignments_have_names_that_do_not_depend_on_azure(stack: list[Declared]) -> None:
    names = [a.inputs["roleAssignmentName"] for a in assignments(stack)]
    assert len(set(names)) == len(names) > 25


def test_no_assignment_reaches_the_group_or_the_subscription(stack: list[Declared]) -> None:
    for assignment in assignments(stack):
        assert "ResourceGroup" not in assignment.inputs["scope"]
        assert not assignment.inputs["scope"].startswith("/subscriptions/")


def test_the_three_stacks_give_the_same_rights() -> None:
    rights = [sorted(a.name for a in assignments(declare(stack, modelPath="", modelVersion=""))) for stack in STACKS]
    assert rights[0] == rights[1] == rights[2]
