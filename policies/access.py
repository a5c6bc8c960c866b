"""Role assignments: the least role, at the least scope, to something that has a name."""

import re
from collections.abc import Iterator

from pulumi_policy import PolicyResource, ResourceValidationArgs

from policies.graph import linked, of_kind
from policies.inputs import one_of, read, show
from policies.rule import CRITICAL, HIGH, Problem, Rules, Settings, inputs, kind

rules = Rules("Roles")

ASSIGNMENT, IDENTITY = "authorization:RoleAssignment", "managedidentity:UserAssignedIdentity"
WORKSPACE, GROUP = "machinelearningservices:Workspace", "resources:ResourceGroup"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
FORBIDDEN = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": "User Access Administrator",
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168": "Role Based Access Control Administrator",
}
# They read no data and change nothing, so a person may hold them on the whole resource group.
READERS = {
    "43d0d8ad-25c7-4714-9337-8ba259a9fe05": "Monitoring Reader",
    "73c42c96-874c-492b-b04d-ab87d138a893": "Log Analytics Reader",
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": "Reader",
}
# Azure's documentation demands Contributor on these for the workspace's identity, and nowhere else.
DEPENDENCIES = (
    WORKSPACE,
    "applicationinsights:Component",
    "containerregistry:Registry",
    "keyvault:Vault",
    "storage:StorageAccount",
)
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", re.IGNORECASE)
WIDE = re.compile(r"/?(subscriptions/[^/]+/?|providers/microsoft\.management/.*)?", re.IGNORECASE)
WHOLE_GROUP = re.compile(r"/?subscriptions/[^/]+/resourcegroups/[^/]+/?", re.IGNORECASE)


@rules.rule(
    "role-not-broad",
    on=ASSIGNMENT,
    property="roleDefinitionId",
    expected="none of " + ", ".join(FORBIDDEN.values()),
    title="Nothing in a stack may hand out rights.",
    why="Whoever may assign roles has all of them, at once or a minute later.",
    fix="assign the narrow role that the work needs; docs/architecture.md lists them.",
    severity=CRITICAL,
    sources=("AP a451c1ef", "MCSB PA-7", "TRV AZU-0030", "WAF security"),
)
def not_broad(assignment: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    role = role_of(assignment.props)
    if role in FORBIDDEN or not GUID.match(role):
        found = FORBIDDEN.get(role) or show(read(assignment.props, "roleDefinitionId"))
        yield Problem(property="roleDefinitionId", found=found, expected="the plain id of a narrow role")


@rules.stack_rule(
    "role-contributor",
    on=ASSIGNMENT,
    property="roleDefinitionId, scope, principalId",
    expected="Contributor only for the workspace's identity on what the workspace depends on",
    title="Contributor is given to the Azure ML workspace's identity only, on what the workspace depends on.",
    why="Contributor changes and deletes anything below its scope; Azure ML documents the need for no other.",
    fix="assign a narrower role.",
    severity=CRITICAL,
    sources=("AML", "MCSB PA-7", "TRV AZU-0030"),
)
def contributor(resources: list[PolicyResource], settings: Settings) -> Iterator[Problem]:
    for assignment in of_kind(resources, ASSIGNMENT):
        if role_of(inputs(assignment)) != CONTRIBUTOR:
            continue
        whose = principals(assignment)
        spaces = [space for space in of_kind(resources, WORKSPACE) if any(acts_for(each, space) for each in whose)]
        targets = [
            each for each in assignment.property_dependencies.get("scope", []) if kind(each.resource_type) != GROUP
        ]
        if not spaces:
            found = f"Contributor for {names(whose) or show(read(inputs(assignment), 'principalId'))}"
            expected = "Contributor for the Azure ML workspace's identity only"
            yield Problem(resource=assignment, property="principalId", found=found, expected=expected)
        elif not targets or not all(any(needs(space, target) for space in spaces) for target in targets):
            found = f"Contributor on {names(targets) or show(read(inputs(assignment), 'scope'))}"
            expected = "the workspace, or the account, vault, registry or Application Insights that it names"
            yield Problem(resource=assignment, property="scope", found=found, expected=expected)


@rules.stack_rule(
    "role-scope",
    on=ASSIGNMENT,
    property="scope",
    expected="one resource of this stack",
    title="A role holds on one resource, not on a group or a subscription.",
    why="On a wide scope it also holds on everything that others put there later.",
    fix="pass the id of the resource (for storage: of the container) as scope.",
    severity=HIGH,
    sources=("MCSB PA-7", "WAF security"),
)
def scope(resources: list[PolicyResource], settings: Settings) -> Iterator[Problem]:
    for assignment in of_kind(resources, ASSIGNMENT):
        found = read(inputs(assignment), "scope")
        targets = assignment.property_dependencies.get("scope", [])
        group_only = bool(targets) and all(kind(target.resource_type) == GROUP for target in targets)
        if isinstance(found, str):
            wide, group_only = bool(WIDE.fullmatch(found)), bool(WHOLE_GROUP.fullmatch(found))
        else:
            wide = not targets
        if wide or (group_only and role_of(inputs(assignment)) not in READERS):
            shown = f"the resource group {names(targets)}" if group_only and targets else show(found)
            expected = "the id of one resource" if wide else "the id of one resource (a group is for reader roles only)"
            yield Problem(resource=assignment, property="scope", found=shown, expected=expected)


@rules.stack_rule(
    "role-principal-type",
    on=ASSIGNMENT,
    property="principalType",
    expected="ServicePrincipal for an identity of the stack, else one of `people`",
    title="A role assignment says truly what its principal is.",
    why="Left out, the SDK sends User, which fails for a new identity; in production people act through groups.",
    fix='set principal_type="ServicePrincipal", or "Group" for people.',
    severity=HIGH,
    sources=("AZR RBAC.UseGroups", "pulumi-azure-native"),
    settings={"people": {"type": "array", "default": ["Group", "ServicePrincipal"]}},
)
def principal_type(resources: list[PolicyResource], settings: Settings) -> Iterator[Problem]:
    for assignment in of_kind(resources, ASSIGNMENT):
        found = read(inputs(assignment), "principalType")
        allowed = ["ServicePrincipal"] if principals(assignment) else settings["people"]
        if found not in allowed:
            whose = f" (its principal is {names(principals(assignment))})" if principals(assignment) else ""
            yield Problem(
                resource=assignment, property="principalType", found=show(found), expected=one_of(allowed) + whose
            )


def role_of(props) -> str:
    """The GUID at the end of the role definition's id; "" where it is not known."""
    found = read(props, "roleDefinitionId")
    match = GUID.search(found) if isinstance(found, str) else None
    return match.group(0).lower() if match else ""


def principals(assignment: PolicyResource) -> list[PolicyResource]:
    """The resources of the stack whose identity gets the role."""
    return assignment.property_dependencies.get("principalId", [])


def acts_for(identity: PolicyResource, space: PolicyResource) -> bool:
    used = linked(space, "primaryUserAssignedIdentity", IDENTITY) + linked(space, "identity", IDENTITY)
    return any(each.urn == identity.urn for each in used)


def needs(space: PolicyResource, target: PolicyResource) -> bool:
    named = [each.urn for found in space.property_dependencies.values() for each in found]
    return target.urn in (space.urn, *named) and kind(target.resource_type) in DEPENDENCIES


def names(resources: list[PolicyResource]) -> str:
    return ", ".join(sorted(resource.name for resource in resources))
