"""Event Hubs: Entra identities instead of keys, current TLS, a tier that has what the stream needs."""

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs

from policies.inputs import ABSENT, read
from policies.rule import CRITICAL, HIGH, MEDIUM, Problem, Rules, Settings, exceeds

rules = Rules("Event Hubs")

NAMESPACE = "eventhub:Namespace"

rules.requires(
    "eventhub-no-local-auth",
    True,
    on=NAMESPACE,
    property="disableLocalAuth",
    title="An Event Hubs namespace accepts Entra identities only.",
    why="A shared access key is a password that names nobody and never expires.",
    fix="set disable_local_auth=True and give senders and readers a role.",
    severity=CRITICAL,
    sources=("AZR-000102", "AP 5d4e3c65", "MCSB IM-1"),
)

rules.requires(
    "eventhub-tls",
    "1.2",
    on=NAMESPACE,
    property="minimumTlsVersion",
    title="An Event Hubs namespace accepts TLS 1.2 or newer.",
    why="Older TLS can be read by whoever sits on the line.",
    fix='set minimum_tls_version="1.2".',
    severity=CRITICAL,
    sources=("AZR-000356", "MCSB DP-3"),
)

rules.requires(
    "eventhub-tier",
    "Standard",
    "Premium",
    on=NAMESPACE,
    property="sku.name",
    title="An Event Hubs namespace is not in the Basic tier.",
    why="Basic has one consumer group, one day of retention and no private endpoints.",
    fix='set sku=SkuArgs(name="Standard", …).',
    severity=MEDIUM,
    sources=("WAF cost",),
)

rules.forbids(
    "eventhub-no-keys",
    on=("eventhub:NamespaceAuthorizationRule", "eventhub:EventHubAuthorizationRule"),
    expected="no authorization rule",
    title="No shared access keys are made for Event Hubs.",
    why="Each authorization rule makes two keys that name nobody.",
    fix="remove it and assign Azure Event Hubs Data Sender or Data Receiver on the hub.",
    severity=HIGH,
    sources=("AP b278e460",),
)


@rules.rule(
    "eventhub-retention",
    on="eventhub:EventHub",
    property="retentionDescription.retentionTimeInHours or messageRetentionInDays",
    expected="at least `hours`",
    title="An event hub keeps events long enough to survive a stopped stream.",
    why="What the stream has not read when the time is over is lost.",
    fix="raise retention_time_in_hours (Standard: up to 168).",
    severity=MEDIUM,
    sources=("WAF reliability",),
    settings={"hours": {"type": "number", "default": 24}},
)
def retention(hub: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    if read(hub.props, "retentionDescription") is not ABSENT:
        yield from exceeds(hub, "retentionDescription.retentionTimeInHours", 2160, least=settings["hours"])
    else:
        yield from exceeds(hub, "messageRetentionInDays", 90, least=settings["hours"] / 24)
