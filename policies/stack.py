"""Rules for every resource, and for the stack as a whole: tags, places, protection, outputs."""

import re
from collections.abc import Iterator, Mapping

from pulumi_policy import PolicyResource, ResourceValidationArgs

from policies.graph import of_kind
from policies.inputs import ABSENT, UNKNOWN, one_of, read, show
from policies.rule import CRITICAL, HIGH, MEDIUM, Problem, Rules, Settings, kind

rules = Rules("Every resource, and the stack")

# Resource Manager knows no tags on these. Everything else must have them; tests compare the list with the SDK.
UNTAGGABLE = {
    "authorization:RoleAssignment",
    "authorization:ManagementLockByScope",
    *(f"datafactory:{part}" for part in ("CredentialOperation", "Dataset", "IntegrationRuntime", "LinkedService")),
    *(f"datafactory:{part}" for part in ("ManagedPrivateEndpoint", "Pipeline", "Trigger")),
    "eventhub:ConsumerGroup",
    "eventhub:EventHub",
    "eventhub:EventHubAuthorizationRule",
    "eventhub:NamespaceAuthorizationRule",
    "eventhub:NamespaceNetworkRuleSet",
    "machinelearningservices:CodeContainer",
    "machinelearningservices:CodeVersion",
    "machinelearningservices:Datastore",
    "machinelearningservices:EnvironmentContainer",
    "machinelearningservices:EnvironmentVersion",
    "machinelearningservices:ModelContainer",
    "machinelearningservices:ModelVersion",
    "monitor:DiagnosticSetting",
    "sql:FirewallRule",
    "sql:ServerBlobAuditingPolicy",
    "storage:Blob",
    "storage:BlobContainer",
    "storage:BlobServiceProperties",
    "storage:ManagementPolicy",
    "storage:StorageAccountStaticWebsite",
    "streamanalytics:Input",
    "streamanalytics:Output",
    "synapse:IpFirewallRule",
    "synapse:WorkspaceSqlAadAdmin",
}
STATEFUL = (
    *("eventhub:EventHub", "keyvault:Vault", "machinelearningservices:Workspace", "storage:StorageAccount"),
    *("sql:Server", "sql:Database"),
)
SECRET_NAME = re.compile(r"password|passphrase|secret|credential|sas|token|connection string|(?:^| )keys?$")
SECRET_VALUE = re.compile(r"AccountKey=|SharedAccessKey=|SharedAccessSignature=|[?&]sig=|Password=", re.IGNORECASE)


@rules.rule(
    "required-tags",
    property="tags",
    expected="all of `tags`",
    title="Whatever can be tagged says whose it is and what it is for.",
    why="Costs and incidents are otherwise nobody's.",
    fix="pass the stack's tags.",
    severity=MEDIUM,
    sources=("AZR-000166", "AZR-000477", "AP 871b6d14"),
    settings={
        "tags": {
            "type": "array",
            "default": ["cost-center", "data-classification", "env", "managed-by", "owner", "workload"],
        }
    },
)
def required_tags(resource: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    if not is_azure(resource) or kind(resource.resource_type) in UNTAGGABLE:
        return
    tags = read(resource.props, "tags")
    given = tags if isinstance(tags, Mapping) else {}
    missing = [name for name in settings["tags"] if read(given, name) in (ABSENT, "")]
    if missing:
        found = show(tags) if tags in (ABSENT, UNKNOWN) else f"without {', '.join(missing)}"
        yield Problem(property="tags", found=found, expected=f"a value for each of {', '.join(settings['tags'])}")


@rules.rule(
    "allowed-locations",
    property="location",
    expected="one of `locations`",
    title="Everything lies in a region that the stack allows.",
    why="Data must not leave its jurisdiction, and traffic between regions is billed.",
    fix="set azure-native:location to an allowed region, or list the region in the stack's policy settings.",
    severity=HIGH,
    sources=("AZR-000167", "AP e56962a6"),
    settings={"locations": {"type": "array", "default": ["westeurope", "northeurope"]}},
)
def allowed_locations(resource: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    if not is_azure(resource):
        return
    found = read(resource.props, "location")
    if found is ABSENT and resource.provider:
        found = read(resource.provider.props, "location")
    if found is ABSENT:  # a part of another resource: it lies where that one lies
        return
    if not isinstance(found, str) or found.lower().replace(" ", "") not in settings["locations"]:
        yield Problem(
            property="location", found=show(found), expected=one_of(settings["locations"]) + " as a plain value"
        )


@rules.rule(
    "no-opaque-resources",
    on=("resources:Resource", "resources:Deployment"),
    property="type",
    expected="a resource of its own type",
    title="Nothing is declared that the rules cannot see into.",
    why="A generic resource or a template would pass every rule unread.",
    fix="use the service's own type, or list the Azure type under `allowed` in the stack's policy settings.",
    severity=HIGH,
    sources=("practice",),
    settings={"allowed": {"type": "array", "default": []}},
)
def no_opaque_resources(resource: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    parts = [read(resource.props, name) for name in ("resourceProviderNamespace", "resourceType")]
    azure_type = "/".join(part for part in parts if isinstance(part, str)) or kind(resource.resource_type)
    if azure_type not in settings["allowed"]:
        yield Problem(property="type", found=show(azure_type), expected="a resource of its own type")


@rules.rule(
    "stateful-protected",
    on=STATEFUL,
    property="the resource option `protect`",
    expected="`required`",
    title="What holds data in production cannot be destroyed by accident.",
    why="One replaced property, or `destroy` in the wrong shell, would delete it with all it holds.",
    fix="set ResourceOptions(protect=True).",
    severity=HIGH,
    sources=("WAF reliability",),
    settings={"required": {"type": "boolean", "default": False}},
)
def stateful_protected(resource: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    if settings["required"] and not resource.opts.protect:
        yield Problem(property="protect", found="false", expected="true")


@rules.stack_rule(
    "no-secret-outputs",
    on="pulumi:pulumi:Stack",
    property="outputs",
    expected="no key, password, token or connection string",
    title="A stack's outputs hold no secret.",
    why="Outputs are read by people and scripts, and land in logs.",
    fix="remove the output; whoever needs access signs in under an identity with a role.",
    severity=CRITICAL,
    sources=("AZR Deployment.OutputSecretValue", "OWASP"),
)
def no_secret_outputs(resources: list[PolicyResource], settings: Settings) -> Iterator[Problem]:
    for stack in of_kind(resources, "pulumi:pulumi:Stack"):
        for name in stack.props:
            value = read({"outputs": stack.props}, f"outputs.{name}") if "." not in name else ABSENT
            if SECRET_NAME.search(words(name)) or (isinstance(value, str) and SECRET_VALUE.search(value)):
                yield Problem(
                    resource=stack,
                    property=f"output {show(name)}",
                    found="there",
                    expected="no secret among the outputs",
                )


def words(name: str) -> str:
    """`primaryAccessKey` and `primary_access_key` as "primary access key"."""
    return re.sub(r"[_\-. ]+|(?<=[a-z0-9])(?=[A-Z])", " ", name).lower()


def is_azure(resource: ResourceValidationArgs) -> bool:
    return resource.resource_type.startswith("azure-native")
