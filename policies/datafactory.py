"""Data Factory: an identity of its own, and no secrets in what it connects to."""

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs

from policies.inputs import ABSENT, read, show
from policies.rule import CRITICAL, HIGH, Problem, Rules, Settings

rules = Rules("Data Factory")

FACTORY, SERVICE = "datafactory:Factory", "datafactory:LinkedService"
SECRETS = (
    *("accountKey", "sasUri", "sasToken", "password", "connectionString", "encryptedCredential"),
    *("servicePrincipalKey", "servicePrincipalCredential"),
)

rules.requires(
    "factory-identity",
    "SystemAssigned",
    "SystemAssigned,UserAssigned",
    on=FACTORY,
    property="identity.type",
    title="A factory has an identity of its own.",
    why="Roles are given to it; without it a factory needs keys.",
    fix='set identity=FactoryIdentityArgs(type="SystemAssigned", …).',
    severity=CRITICAL,
    sources=("MCSB IM-3",),
)


@rules.rule(
    "factory-no-secrets",
    on=SERVICE,
    property="properties",
    expected="without keys, passwords and connection strings",
    title="Linked services sign in with an identity.",
    why="A key in a linked service is a key that everybody who may edit the factory can use.",
    fix="name the endpoint (url, service_endpoint, server) and leave the secret out.",
    severity=CRITICAL,
    sources=("AP f78ccdb4", "AP 127ef6d7"),
)
def no_secrets(service: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    for name in SECRETS:
        if read(service.props, f"properties.{name}") is not ABSENT:
            yield Problem(property=f"properties.{name}", found="set", expected="absent")


@rules.rule(
    "factory-services",
    on=SERVICE,
    property="properties.type",
    expected="one of `types`",
    title="A factory connects to services that the stack allows.",
    why="A linked service to elsewhere is a way out for data.",
    fix="connect to the lake, the workspace's account or the databases; or list the type in the stack's settings.",
    severity=HIGH,
    sources=("AP 6809a3d0",),
    settings={"types": {"type": "array", "default": ["AzureBlobFS", "AzureBlobStorage", "AzureSqlDatabase"]}},
)
def services(service: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    found = read(service.props, "properties.type")
    if found not in settings["types"]:
        yield Problem(property="properties.type", found=show(found), expected=", ".join(settings["types"]))
