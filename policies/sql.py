"""Azure SQL: Entra identities only, current TLS, no door that is open to everybody."""

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs

from policies.inputs import ABSENT, read, show
from policies.rule import CRITICAL, HIGH, MEDIUM, Problem, Rules, Settings

rules = Rules("Azure SQL")

SERVER, DATABASE = "sql:Server", "sql:Database"
EVERYBODY = "0.0.0.0 to 255.255.255.255"

rules.requires(
    "sql-entra-only",
    True,
    on=SERVER,
    property="administrators.azureADOnlyAuthentication",
    title="A SQL server knows Entra identities only.",
    why="A SQL login is a password that is shared and never expires.",
    fix="set administrators=ServerExternalAdministratorArgs(azure_ad_only_authentication=True, …).",
    severity=CRITICAL,
    sources=("AZR-000188", "AZR-000369", "AP abda6d70", "MCSB IM-1"),
)

rules.requires(
    "sql-tls",
    "1.2",
    "1.3",
    on=SERVER,
    property="minimalTlsVersion",
    title="A SQL server accepts TLS 1.2 or newer.",
    why="Older TLS can be read by whoever sits on the line.",
    fix='set minimal_tls_version="1.2".',
    severity=CRITICAL,
    sources=("AZR-000189", "AP 32e6bbec", "TRV AZU-0026"),
)


@rules.rule(
    "sql-no-password",
    on=SERVER,
    property="administratorLogin, administratorLoginPassword",
    expected="absent",
    title="A SQL server has no password.",
    why="A password in a stack's state is a password that many can read.",
    fix="leave them out; the administrator is an identity.",
    severity=CRITICAL,
    sources=("AZR-000369", "MCSB IM-1"),
)
def no_password(server: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    for name in ("administratorLogin", "administratorLoginPassword"):
        if read(server.props, name) is not ABSENT:
            yield Problem(property=name, found="set", expected="absent")


rules.requires(
    "sql-public-access",
    "Disabled",
    on=SERVER,
    property="publicNetworkAccess",
    flag="shut",
    title="A SQL server of production has no public door.",
    why="What cannot be reached cannot be guessed at, scanned or flooded.",
    fix="set sqlPublicAccess false: Data Factory then comes by a private endpoint.",
    severity=HIGH,
    sources=("AP 1b8ca024", "MCSB NS-2", "TRV AZU-0022"),
)


@rules.rule(
    "sql-firewall",
    on="sql:FirewallRule",
    property="startIpAddress, endIpAddress",
    expected="not everybody; Azure's own addresses only where `azure`",
    title="No firewall rule lets everybody in.",
    why="An address is the first of two locks; whoever opens it to all has one lock left.",
    fix="name the addresses, or set `azure` to true where Data Factory's machines must come in.",
    severity=HIGH,
    sources=("AZR-000184", "AZR-000185", "TRV AZU-0029"),
    settings={"azure": {"type": "boolean", "default": True}},
)
def firewall(rule: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    yield from opened(rule, settings)


def opened(rule: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    """Problems of a range of addresses, of SQL's or Synapse's firewall."""
    first, last = (read(rule.props, name) for name in ("startIpAddress", "endIpAddress"))
    azure = first == last == "0.0.0.0"  # noqa: S104 (Azure's way to say: any address of Azure's own)
    known = isinstance(first, str) and isinstance(last, str) and first.count(".") == last.count(".") == 3
    if not known or last.startswith("255.") or (azure and not settings["azure"]):
        yield Problem(property="startIpAddress", found=f"{show(first)} to {show(last)}", expected=f"not {EVERYBODY}")


rules.requires(
    "sql-zones",
    True,
    on=DATABASE,
    property="zoneRedundant",
    flag="required",
    title="A database of production survives the loss of a zone.",
    why="One zone's fire is otherwise the end of the results until a restore.",
    fix="set sqlTier zoneRedundant.",
    severity=MEDIUM,
    sources=("AP 6221cac0",),
)
