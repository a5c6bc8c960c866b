"""Container Registry: identities instead of the admin user, and no setting that batch endpoints cannot live with."""

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs

from policies.rule import CRITICAL, HIGH, MEDIUM, Problem, Rules, Settings, differs

rules = Rules("Container Registry")

REGISTRY = "containerregistry:Registry"

rules.requires(
    "registry-no-admin",
    False,
    on=REGISTRY,
    property="adminUserEnabled",
    title="A registry has no admin user.",
    why="Its password may push any image that the cluster then runs, and names nobody.",
    fix="set admin_user_enabled=False and assign AcrPull or AcrPush.",
    severity=CRITICAL,
    sources=("AZR-000005", "AP dc921057", "MCSB IM-1"),
)

rules.requires(
    "registry-no-anonymous-pull",
    False,
    on=REGISTRY,
    property="anonymousPullEnabled",
    absent=True,
    title="A registry serves nobody without an identity.",
    why="Images hold code and models.",
    fix="remove anonymous_pull_enabled.",
    severity=HIGH,
    sources=("AZR-000401", "AP 9f2dea28"),
)

rules.requires(
    "registry-no-quarantine",
    "disabled",
    on=REGISTRY,
    property="policies.quarantinePolicy.status",
    absent=True,
    title="A registry does not quarantine images.",
    why="Batch endpoints are not supported with a quarantine, so AZR-000008 is waived here on purpose.",
    fix="remove quarantine_policy.",
    severity=MEDIUM,
    sources=("AML", "waives AZR-000008"),
)


@rules.rule(
    "registry-tier",
    on=REGISTRY,
    property="sku.name",
    expected="one of `skus`",
    title="A registry has a tier for production.",
    why="Basic is slow and small, and private endpoints need Premium.",
    fix='set sku=SkuArgs(name="Standard") or "Premium".',
    severity=MEDIUM,
    sources=("AZR-000006", "AP bd560fc0"),
    settings={"skus": {"type": "array", "default": ["Standard", "Premium"]}},
)
def tier(registry: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    yield from differs(registry, "sku.name", *settings["skus"])
