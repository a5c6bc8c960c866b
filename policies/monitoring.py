"""Log Analytics, Application Insights and diagnostic settings: everything is logged, kept long enough, and capped."""

from collections.abc import Iterator

from pulumi_policy import PolicyResource, ResourceValidationArgs

from policies.graph import of_kind, refers
from policies.inputs import ABSENT, UNKNOWN, items, read, same, show
from policies.rule import HIGH, LOW, MEDIUM, Problem, Rules, Settings, differs, exceeds, inputs

rules = Rules("Monitoring")

LOGS, INSIGHTS, SETTING = "operationalinsights:Workspace", "applicationinsights:Component", "monitor:DiagnosticSetting"
LOGGED = (
    "containerregistry:Registry",
    "datafactory:Factory",
    "eventhub:Namespace",
    "keyvault:Vault",
    "machinelearningservices:Workspace",
    "sql:Database",
    "storage:StorageAccount",
    "streamanalytics:StreamingJob",
    "synapse:Workspace",
)
BLOB_SERVICE = "/blobServices/default"


@rules.stack_rule(
    "diagnostics-everywhere",
    on=LOGGED,
    property="monitor:DiagnosticSetting.resourceUri",
    expected="a setting for each",
    title="Every service sends its logs to Log Analytics.",
    why="What is not logged cannot be found out after an incident; Azure keeps none of it by itself.",
    fix="declare a monitor.DiagnosticSetting with resource_uri=<the resource>.id (storage: …/blobServices/default).",
    severity=HIGH,
    sources=("MCSB LT-3", "AP 83a214f7", "AP f9be5368", "AP afe0c3be", "AP cf820ca0", "AZR-000119", "TRV AZU-0057"),
)
def everywhere(resources: list[PolicyResource], settings: Settings) -> Iterator[Problem]:
    logged = list(of_kind(resources, SETTING))
    for resource in of_kind(resources, *LOGGED):
        if not any(watches(setting, resource) for setting in logged):
            expected = "one whose resourceUri is this resource"
            if resource.resource_type.endswith("StorageAccount"):
                expected += f"'s {BLOB_SERVICE[1:]}"
            yield Problem(resource=resource, property="monitor:DiagnosticSetting", found="absent", expected=expected)


def watches(setting: PolicyResource, resource: PolicyResource) -> bool:
    if not refers(setting, "resourceUri", resource):
        return False
    uri = read(inputs(setting), "resourceUri")
    if resource.resource_type.endswith("StorageAccount") and isinstance(uri, str):
        return uri.lower().endswith(BLOB_SERVICE.lower())  # the account itself has metrics only
    return True


@rules.rule(
    "diagnostics-content",
    on=SETTING,
    property="workspaceId, logs[].categoryGroup, logs[].retentionPolicy",
    expected="set, allLogs or audit enabled, absent",
    title="A diagnostic setting sends all logs, or at least the audit logs, to Log Analytics.",
    why="Single categories miss those that Azure adds later, and new settings with a retention are refused.",
    fix='set workspace_id and logs=[DiagnosticsLogSettingsArgs(category_group="allLogs", enabled=True)].',
    severity=HIGH,
    sources=("MCSB LT-3", "AZR-000119"),
)
def content(setting: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    if read(setting.props, "workspaceId") is ABSENT:
        yield Problem(property="workspaceId", found="absent", expected="the Log Analytics workspace's id")
    logs = [log for log in items(setting.props, "logs") if log is not UNKNOWN]
    groups = [read(log, "categoryGroup") for log in logs if same(read(log, "enabled"), True)]
    if not any(group in ("allLogs", "audit") for group in groups):
        found = ", ".join(map(show, groups)) or "none enabled"
        yield Problem(property="logs[].categoryGroup", found=found, expected='"allLogs" or "audit", enabled')
    if any(read(log, "retentionPolicy") is not ABSENT for log in logs):
        yield Problem(property="logs[].retentionPolicy", found="set", expected="absent: the workspace keeps the logs")


rules.requires(
    "logs-no-local-auth",
    True,
    on=LOGS,
    property="features.disableLocalAuth",
    title="Log Analytics accepts Entra identities only.",
    why="With the workspace's key anybody could write made-up logs.",
    fix="set features=WorkspaceFeaturesArgs(disable_local_auth=True).",
    severity=HIGH,
    sources=("AP e15effd4",),
)


@rules.rule(
    "logs-retention",
    on=LOGS,
    property="retentionInDays",
    expected="`days` to 730",
    title="Logs are kept long enough.",
    why="An intrusion is found weeks or months after it happened.",
    fix="raise retention_in_days.",
    severity=MEDIUM,
    sources=("MCSB LT-6",),
    settings={"days": {"type": "number", "default": 30}},
)
def retention(logs: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    yield from exceeds(logs, "retentionInDays", 730, least=settings["days"])


@rules.rule(
    "logs-cap",
    on=LOGS,
    property="workspaceCapping.dailyQuotaGb",
    expected="more than 0, up to `gigabytes`",
    title="Log Analytics takes no more a day than the stack pays for.",
    why="Logs are billed by volume, and one loop that logs an error costs more than all the rest.",
    fix="set workspace_capping=WorkspaceCappingArgs(daily_quota_gb=…).",
    severity=LOW,
    sources=("WAF cost",),
    settings={"gigabytes": {"type": "number", "default": 1}},
)
def cap(logs: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    yield from exceeds(logs, "workspaceCapping.dailyQuotaGb", settings["gigabytes"], least=0.023)


@rules.rule(
    "insights-workspace-based",
    on=INSIGHTS,
    property="workspaceResourceId, ingestionMode",
    expected='set, and "LogAnalytics"',
    title="Application Insights stores its data in Log Analytics.",
    why="Classic components are retired, and their data lies outside the workspace's access rules and retention.",
    fix='set workspace_resource_id, and ingestion_mode="LogAnalytics".',
    severity=MEDIUM,
    sources=("AZR-000069", "AP d550e854"),
)
def workspace_based(insights: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    if read(insights.props, "workspaceResourceId") is ABSENT:
        yield Problem(property="workspaceResourceId", found="absent", expected="the Log Analytics workspace's id")
    yield from differs(insights, "ingestionMode", "LogAnalytics")
