"""Synapse: Entra identities only, a managed network from the start, pools that cost only where asked for."""

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs

from policies.inputs import ABSENT, read, show
from policies.rule import CRITICAL, HIGH, MEDIUM, Problem, Rules, Settings, kind
from policies.sql import opened

rules = Rules("Synapse")

WORKSPACE = "synapse:Workspace"

rules.requires(
    "synapse-entra-only",
    True,
    on=WORKSPACE,
    property="azureADOnlyAuthentication",
    title="A Synapse workspace knows Entra identities only.",
    why="A SQL login is a password that is shared and never expires.",
    fix="set azure_ad_only_authentication=True.",
    severity=CRITICAL,
    sources=("AP 2158ddbe", "AP 6ea81a52", "MCSB IM-1"),
)

rules.requires(
    "synapse-managed-network",
    "default",
    on=WORKSPACE,
    property="managedVirtualNetwork",
    title="A Synapse workspace has its managed network.",
    why="It can be had at creation only; private endpoints need it.",
    fix='set managed_virtual_network="default".',
    severity=HIGH,
    sources=("AP 2d9dbfa3", "TRV AZU-0034"),
)


@rules.rule(
    "synapse-no-password",
    on=WORKSPACE,
    property="sqlAdministratorLoginPassword",
    expected="absent",
    title="A Synapse workspace has no password.",
    why="A password in a stack's state is a password that many can read.",
    fix="leave it out; the administrator is an identity.",
    severity=CRITICAL,
    sources=("MCSB IM-1",),
)
def no_password(workspace: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    if read(workspace.props, "sqlAdministratorLoginPassword") is not ABSENT:
        yield Problem(property="sqlAdministratorLoginPassword", found="set", expected="absent")


@rules.rule(
    "synapse-firewall",
    on="synapse:IpFirewallRule",
    property="startIpAddress, endIpAddress",
    expected="not everybody; Azure's own addresses only where `azure`",
    title="No firewall rule lets everybody in.",
    why="An address is the first of two locks; whoever opens it to all has one lock left.",
    fix="name the addresses, or set `azure` to true where Data Factory's machines must come in.",
    severity=HIGH,
    sources=("AP 56fd377d",),
    settings={"azure": {"type": "boolean", "default": True}},
)
def firewall(rule: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    yield from opened(rule, settings)


@rules.rule(
    "synapse-pools",
    on=("synapse:SqlPool", "synapse:BigDataPool"),
    property="type",
    expected="a kind of pool that is in `pools`",
    title="Pools that cost by the hour are asked for.",
    why="A dedicated pool runs, and costs, until somebody pauses it.",
    fix="leave the pool out, or list its kind in the stack's policy settings.",
    severity=MEDIUM,
    sources=("practice",),
    settings={"pools": {"type": "array", "default": []}},
)
def pools(pool: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    found = kind(pool.resource_type).split(":")[1]
    if found not in settings["pools"]:
        yield Problem(property="type", found=show(found), expected="one that the stack's settings list")
