"""Key Vault: roles instead of access policies, nothing lost by a slip, nothing stored that an identity replaces."""

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs

from policies.inputs import ABSENT, UNKNOWN, items, read, show
from policies.rule import CRITICAL, HIGH, MEDIUM, Problem, Rules, Settings, differs, exceeds

rules = Rules("Key Vault")

VAULT = "keyvault:Vault"

rules.requires(
    "vault-roles",
    True,
    on=VAULT,
    property="properties.enableRbacAuthorization",
    title="A vault is opened by roles.",
    why="Access policies know no scope below the vault, and whoever may write the vault may add himself.",
    fix="set enable_rbac_authorization=True.",
    severity=CRITICAL,
    sources=("AZR-000388", "AP 12d4fa5e", "MCSB IM-1"),
)


@rules.rule(
    "vault-no-access-policies",
    on=VAULT,
    property="properties.accessPolicies",
    expected="absent",
    title="A vault has no access policies.",
    why="They do nothing while roles decide, and open the vault on the day that somebody switches back.",
    fix="remove access_policies and assign roles on the vault.",
    severity=MEDIUM,
    sources=("AZR-000118",),
)
def no_access_policies(vault: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    if any(True for _ in items(vault.props, "properties.accessPolicies")):
        found = show(read(vault.props, "properties.accessPolicies"))
        yield Problem(property="properties.accessPolicies", found=found, expected="absent")


rules.requires(
    "vault-soft-delete",
    True,
    on=VAULT,
    property="properties.enableSoftDelete",
    title="What is deleted from a vault can be brought back.",
    why="One wrong delete would take every key and secret along.",
    fix="set enable_soft_delete=True.",
    severity=HIGH,
    sources=("AZR-000124", "AP 1e66c121", "TRV AZU-0016", "MCSB DP-8"),
)


@rules.rule(
    "vault-soft-delete-days",
    on=VAULT,
    property="properties.softDeleteRetentionInDays",
    expected="`days` to 90",
    title="A deleted vault can be brought back for long enough.",
    why="The mistake is often found weeks later; the number cannot be changed after the vault is made.",
    fix="raise soft_delete_retention_in_days.",
    severity=MEDIUM,
    sources=("AZR-000124", "MCSB DP-8"),
    settings={"days": {"type": "number", "default": 7}},
)
def soft_delete_days(vault: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    yield from exceeds(vault, "properties.softDeleteRetentionInDays", 90, least=settings["days"])


@rules.rule(
    "vault-purge-protection",
    on=VAULT,
    property="properties.enablePurgeProtection",
    expected="`required`: true; else absent",
    title="Nobody can purge the vault of a stack that is meant to stay; that of a passing stack leaves nothing behind.",
    why="Purge protection cannot be taken back, so it is a decision of the stack, and Azure refuses the value false.",
    fix="set enable_purge_protection=True where the stack's policy settings require it, else leave it out.",
    severity=HIGH,
    sources=("AZR-000125", "AP 0b60c0b2", "TRV AZU-0016", "MCSB DP-8"),
    settings={"required": {"type": "boolean", "default": True}},
)
def purge_protection(vault: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    path = "properties.enablePurgeProtection"
    if settings["required"]:
        yield from differs(vault, path, True)
    elif read(vault.props, path) is not ABSENT:
        found = show(read(vault.props, path))
        yield Problem(property=path, found=found, expected="absent: this stack leaves nothing behind")


@rules.rule(
    "vault-firewall",
    on=VAULT,
    property="properties.networkAcls.defaultAction, properties.networkAcls.bypass",
    expected='"Deny" and "AzureServices"',
    title="A vault is closed to all networks but Azure's trusted services.",
    why="Nothing outside Azure needs it; Azure ML comes in as a trusted service.",
    fix='set network_acls=NetworkRuleSetArgs(default_action="Deny", bypass="AzureServices").',
    severity=HIGH,
    sources=("AZR-000355", "AP 55615ac9", "TRV AZU-0013", "MCSB NS-2"),
)
def firewall(vault: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    yield from differs(vault, "properties.networkAcls.defaultAction", "Deny")
    yield from differs(vault, "properties.networkAcls.bypass", "AzureServices")


@rules.rule(
    "vault-no-deployment-access",
    on=VAULT,
    property="properties.enabledForDeployment, enabledForTemplateDeployment, enabledForDiskEncryption",
    expected="false or absent",
    title="Azure's deployments do not read from a vault.",
    why="Whoever may deploy a template or a machine could read every secret, past the vault's roles.",
    fix="remove enabled_for_deployment, enabled_for_template_deployment and enabled_for_disk_encryption.",
    severity=MEDIUM,
    sources=("practice",),
)
def no_deployment_access(vault: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    for name in ("enabledForDeployment", "enabledForTemplateDeployment", "enabledForDiskEncryption"):
        found = read(vault.props, f"properties.{name}")
        if found is UNKNOWN or found not in (ABSENT, False):
            yield Problem(property=f"properties.{name}", found=show(found), expected="false or absent")


rules.forbids(
    "vault-no-declared-secrets",
    on=("keyvault:Secret",),
    expected="an identity with a role",
    title="No secret is declared.",
    why="Its value would lie in Pulumi's state; everything here signs in with a managed identity.",
    fix="give the reader an identity and a role; put what cannot be avoided into the vault by hand.",
    severity=HIGH,
    sources=("design",),
)
