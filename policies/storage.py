"""Storage: no keys, no anonymous reads, current TLS; the lake with a hierarchical namespace, Azure ML's without."""

from collections.abc import Iterable, Iterator

from pulumi_policy import PolicyResource, ResourceValidationArgs

from policies.graph import named, of_kind, refers
from policies.inputs import ABSENT, items, read, same, show
from policies.rule import CRITICAL, HIGH, LOW, MEDIUM, Problem, Rules, Settings, differs, exceeds, inputs

rules = Rules("Storage")

ACCOUNT = "storage:StorageAccount"

rules.requires(
    "storage-https",
    True,
    on=ACCOUNT,
    property="enableHttpsTrafficOnly",
    title="A storage account answers over HTTPS only.",
    why="Over plain HTTP data and tokens can be read on the way.",
    fix="set enable_https_traffic_only=True.",
    severity=CRITICAL,
    sources=("AZR-000196", "AP 404c3081", "TRV AZU-0008", "MCSB DP-3"),
)

rules.requires(
    "storage-tls",
    "TLS1_2",
    "TLS1_3",
    on=ACCOUNT,
    property="minimumTlsVersion",
    title="A storage account accepts TLS 1.2 or newer.",
    why="Older TLS can be read by whoever sits on the line.",
    fix='set minimum_tls_version="TLS1_2".',
    severity=CRITICAL,
    sources=("AZR-000200", "AP fe83a0eb", "TRV AZU-0011", "MCSB DP-3"),
)

rules.requires(
    "storage-no-public-blobs",
    False,
    on=ACCOUNT,
    property="allowBlobPublicAccess",
    title="No container of a storage account can be opened to the world.",
    why="One container set to public would be readable by anybody, without a trace of who.",
    fix="set allow_blob_public_access=False.",
    severity=CRITICAL,
    sources=("AZR-000198", "AP 4fa4b6c0", "MCSB NS-2"),
)

rules.requires(
    "storage-no-shared-keys",
    False,
    on=ACCOUNT,
    property="allowSharedKeyAccess",
    title="A storage account has no use for its keys.",
    why="A key gives all rights on all data and names nobody; left out, Azure takes true.",
    fix="set allow_shared_key_access=False and give identities a role on the container.",
    severity=CRITICAL,
    sources=("PSRule Storage.LocalAuth", "AP 8c6a50c6", "MCSB IM-1"),
)

rules.requires(
    "storage-entra-by-default",
    True,
    on=ACCOUNT,
    property="defaultToOAuthAuthentication",
    title="The portal signs in to storage with the person's own identity.",
    why="With keys off the portal would show errors, and people would turn the keys on again.",
    fix="set default_to_o_auth_authentication=True.",
    severity=LOW,
    sources=("practice",),
)

rules.requires(
    "storage-no-cross-tenant-replication",
    False,
    on=ACCOUNT,
    property="allowCrossTenantReplication",
    title="Data is not replicated into another tenant.",
    why="A replication rule would copy the data out of the organisation without passing any firewall.",
    fix="set allow_cross_tenant_replication=False.",
    severity=HIGH,
    sources=("AP 92a89a79",),
)

rules.requires(
    "storage-no-local-users",
    False,
    on=ACCOUNT,
    property="isLocalUserEnabled",
    title="A storage account has no users of its own.",
    why="Local users sign in with a password or an SSH key, past Entra; left out, Azure takes true.",
    fix="set is_local_user_enabled=False.",
    severity=HIGH,
    sources=("practice",),
)

rules.requires(
    "storage-no-sftp",
    False,
    on=ACCOUNT,
    property="isSftpEnabled",
    absent=True,
    title="A storage account does not speak SFTP.",
    why="SFTP works with local users only, past Entra.",
    fix="remove is_sftp_enabled.",
    severity=HIGH,
    sources=("practice",),
)

rules.requires(
    "storage-container-private",
    "None",
    on="storage:BlobContainer",
    property="publicAccess",
    absent=True,
    title="A container is private.",
    why="A public container is readable by anybody as soon as the account allows it.",
    fix='set public_access="None".',
    severity=CRITICAL,
    sources=("AZR-000199", "TRV AZU-0007"),
)

rules.forbids(
    "storage-no-key-resources",
    on=("storage:Blob", "storage:StorageAccountStaticWebsite"),
    expected="an upload under an Entra identity",
    title="No resource is declared that the provider can make with an account key only.",
    why="With shared keys off the provider's call fails with KeyBasedAuthenticationNotPermitted.",
    fix="upload in a hook with DefaultAzureCredential.",
    severity=MEDIUM,
    sources=("pulumi-azure-native#2015", "pulumi-azure-native#2948"),
)


@rules.rule(
    "storage-redundancy",
    on=ACCOUNT,
    property="sku.name",
    expected="one of `skus`",
    title="A storage account is kept in as many places as the stack demands.",
    why="Locally redundant data is gone with its data centre.",
    fix="choose one of the SKUs that the stack's policy settings allow.",
    severity=MEDIUM,
    sources=("AZR-000195", "AP bf045164", "TRV AZU-0058"),
    settings={
        "skus": {"type": "array", "default": ["Standard_LRS", "Standard_ZRS", "Standard_GZRS", "Standard_RAGZRS"]}
    },
)
def redundancy(account: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    yield from differs(account, "sku.name", *settings["skus"])


@rules.rule(
    "storage-soft-delete",
    on="storage:BlobServiceProperties",
    property="deleteRetentionPolicy, containerDeleteRetentionPolicy",
    expected="enabled, at least `days`",
    title="A deleted blob or container can be brought back.",
    why="A wrong lifecycle rule or a slip would delete the archive for good.",
    fix="set both to DeleteRetentionPolicyArgs(enabled=True, days=…).",
    severity=HIGH,
    sources=("AZR-000197", "AZR-000289", "TRV AZU-0056"),
    settings={"days": {"type": "number", "default": 7}},
)
def soft_delete(blobs: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    for name in ("deleteRetentionPolicy", "containerDeleteRetentionPolicy"):
        yield from differs(blobs, f"{name}.enabled", True)
        yield from exceeds(blobs, f"{name}.days", 365, least=settings["days"])


@rules.stack_rule(
    "storage-blob-service",
    on=ACCOUNT,
    property="storage:BlobServiceProperties",
    expected="one for each account",
    title="A storage account says how long deleted data is kept.",
    why="Without the resource Azure keeps nothing that is deleted.",
    fix="declare a storage.BlobServiceProperties for the account.",
    severity=MEDIUM,
    sources=("AZR-000197",),
)
def blob_service(resources: list[PolicyResource], settings: Settings) -> Iterator[Problem]:
    yield from lacking(resources, "storage:BlobServiceProperties", of_kind(resources, ACCOUNT))


@rules.stack_rule(
    "storage-namespaces",
    on=ACCOUNT,
    property="isHnsEnabled",
    expected="true for the lake, else false",
    title="The lake has a hierarchical namespace; the account of an Azure ML workspace has none.",
    why="Azure ML refuses such an account, batch outputs go to Blob only, and a lake without it has no folders.",
    fix="use two accounts, and set is_hns_enabled=True on the lake only.",
    severity=HIGH,
    sources=("AML", "design"),
)
def namespaces(resources: list[PolicyResource], settings: Settings) -> Iterator[Problem]:
    outputs = list(of_kind(resources, "streamanalytics:Output"))
    spaces = list(of_kind(resources, "machinelearningservices:Workspace"))
    for account in of_kind(resources, ACCOUNT):
        found = read(inputs(account), "isHnsEnabled")
        problem = {"resource": account, "property": "isHnsEnabled", "found": show(found)}
        if any(refers(space, "storageAccount", account) for space in spaces) and found not in (ABSENT, False):
            yield Problem(expected="false: an Azure ML workspace uses this account", **problem)
        if any(writes_to(output, account) for output in outputs) and not same(found, True):
            yield Problem(expected="true: Stream Analytics writes to this account", **problem)


def writes_to(output: PolicyResource, account: PolicyResource) -> bool:
    names = [read(each, "accountName") for each in items(inputs(output), "datasource.storageAccounts")]
    return refers(output, "datasource", account) or any(named([account], ACCOUNT, "accountName", n) for n in names)


@rules.stack_rule(
    "storage-lifecycle",
    on=ACCOUNT,
    property="storage:ManagementPolicy",
    expected="one for each lake",
    title="A lake has a lifecycle policy.",
    why="Raw events are kept for ever otherwise, and billed at the highest tier.",
    fix="declare a storage.ManagementPolicy for the account.",
    severity=LOW,
    sources=("WAF cost",),
)
def lifecycle(resources: list[PolicyResource], settings: Settings) -> Iterator[Problem]:
    lakes = (account for account in of_kind(resources, ACCOUNT) if same(read(inputs(account), "isHnsEnabled"), True))
    yield from lacking(resources, "storage:ManagementPolicy", lakes)


def lacking(resources: list[PolicyResource], token: str, accounts: Iterable[PolicyResource]) -> Iterator[Problem]:
    """A problem for each account that no resource of this type names."""
    parts = list(of_kind(resources, token))
    for account in accounts:
        if not any(belongs(part, account) for part in parts):
            yield Problem(resource=account, property=token, found="absent", expected="one for this account")


def belongs(part: PolicyResource, account: PolicyResource) -> bool:
    """Whether `part` names `account`: by its output, or by the same plain string."""
    name = read(inputs(part), "accountName")
    return refers(part, "accountName", account) or bool(named([account], ACCOUNT, "accountName", name))
