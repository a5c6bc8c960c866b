"""Azure Machine Learning: the workspace, its datastores, and a cluster that costs nothing while nobody needs it."""

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs

from policies.inputs import ABSENT, UNKNOWN, one_of, read, seconds, show
from policies.rule import CRITICAL, HIGH, MEDIUM, Problem, Rules, Settings, differs, exceeds

rules = Rules("Azure Machine Learning: workspace and cluster")

WORKSPACE, DATASTORE, COMPUTE = (
    "machinelearningservices:Workspace",
    "machinelearningservices:Datastore",
    "machinelearningservices:Compute",
)
SCALE = "properties.properties.scaleSettings"


@rules.rule(
    "workspace-identity",
    on=WORKSPACE,
    property="identity.type, primaryUserAssignedIdentity",
    expected='"UserAssigned", and set',
    title="An Azure ML workspace works under a user-assigned identity.",
    why="A system-assigned one gets Contributor on the whole resource group by itself.",
    fix='set identity=ManagedServiceIdentityArgs(type="UserAssigned", …) and primary_user_assigned_identity.',
    severity=HIGH,
    sources=("AZR-000407", "AP 5f0c7d88", "MCSB IM-3"),
)
def workspace_identity(workspace: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    yield from differs(workspace, "identity.type", "UserAssigned")
    if read(workspace.props, "primaryUserAssignedIdentity") is ABSENT:
        yield Problem(property="primaryUserAssignedIdentity", found="absent", expected="the identity's id")


rules.requires(
    "workspace-identity-datastores",
    "Identity",
    on=WORKSPACE,
    property="systemDatastoresAuthMode",
    title="The workspace's own datastores are opened by identity.",
    why="The default stores the account's key, which is off.",
    fix='set system_datastores_auth_mode="Identity".',
    severity=CRITICAL,
    sources=("AML",),
)

rules.requires(
    "workspace-api-v2",
    False,
    on=WORKSPACE,
    property="v1LegacyMode",
    absent=True,
    title="An Azure ML workspace is not in v1 legacy mode.",
    why="Batch endpoints do not exist there; Azure Policy e413671a asks for the opposite and is waived.",
    fix="remove v1_legacy_mode.",
    severity=MEDIUM,
    sources=("AML", "waives AP e413671a"),
)

rules.requires(
    "workspace-no-customer-key",
    "Disabled",
    on=WORKSPACE,
    property="encryption.status",
    absent=True,
    title="An Azure ML workspace is encrypted with Microsoft's keys.",
    why="Batch deployments do not work in workspaces with customer-managed keys; Azure Policy ba769a63 is waived.",
    fix="remove encryption.",
    severity=MEDIUM,
    sources=("AML", "waives AP ba769a63"),
)

rules.requires(
    "datastore-no-credentials",
    "None",
    on=DATASTORE,
    property="properties.credentials.credentialsType",
    title="A datastore holds no key, SAS or password.",
    why="Everybody who may read the workspace could read the credential; with identities the reader's own role counts.",
    fix="set credentials=NoneDatastoreCredentialsArgs().",
    severity=CRITICAL,
    sources=("AML",),
)


def is_cluster(compute: ResourceValidationArgs) -> bool:
    """Other kinds of compute break compute-is-cluster, and have none of a cluster's properties."""
    return read(compute.props, "properties.computeType") in ("AmlCompute", ABSENT, UNKNOWN)


rules.requires(
    "compute-is-cluster",
    "AmlCompute",
    on=COMPUTE,
    property="properties.computeType",
    title="Compute is an autoscaling cluster, never an instance.",
    why="An instance runs, and is billed, until somebody remembers to stop it.",
    fix="declare AmlComputeArgs.",
    severity=HIGH,
    sources=("AZR-000403", "WAF cost"),
)

rules.requires(
    "cluster-no-local-auth",
    True,
    on=COMPUTE,
    where=is_cluster,
    property="properties.disableLocalAuth",
    title="A cluster accepts Entra identities only.",
    why="A local account signs in with a key that names nobody.",
    fix="set disable_local_auth=True.",
    severity=CRITICAL,
    sources=("AZR-000404", "AP e96a9a5f", "MCSB IM-1"),
)

rules.requires(
    "cluster-no-ssh",
    "Disabled",
    on=COMPUTE,
    where=is_cluster,
    property="properties.properties.remoteLoginPortPublicAccess",
    title="A cluster's nodes cannot be reached by SSH.",
    why="Azure otherwise opens the port to the world on each node.",
    fix='set remote_login_port_public_access="Disabled".',
    severity=HIGH,
    sources=("WAF security",),
)

rules.requires(
    "cluster-identity",
    "UserAssigned",
    on=COMPUTE,
    where=is_cluster,
    property="identity.type",
    title="A cluster has a user-assigned identity.",
    why="The job mounts data and pulls its image under it, and its roles can be assigned before the cluster exists.",
    fix='set identity=ManagedServiceIdentityArgs(type="UserAssigned", …).',
    severity=HIGH,
    sources=("AML",),
)

rules.requires(
    "cluster-no-idle-nodes",
    0,
    on=COMPUTE,
    where=is_cluster,
    property=f"{SCALE}.minNodeCount",
    title="A cluster keeps no node while there is no job.",
    why="An idle node is billed by the hour, for nothing.",
    fix="set min_node_count=0.",
    severity=HIGH,
    sources=("WAF cost",),
)


@rules.rule(
    "cluster-max-nodes",
    on=COMPUTE,
    where=is_cluster,
    property=f"{SCALE}.maxNodeCount",
    expected="1 to `most`",
    title="A cluster grows no further than the stack allows.",
    why="It is the only bound on what one faulty job can cost.",
    fix="lower max_node_count, or raise `most` in the stack's policy settings.",
    severity=HIGH,
    sources=("WAF cost",),
    settings={"most": {"type": "number", "default": 4}},
)
def max_nodes(compute: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    yield from exceeds(compute, f"{SCALE}.maxNodeCount", settings["most"], least=1)


@rules.rule(
    "cluster-idle-time",
    on=COMPUTE,
    where=is_cluster,
    property=f"{SCALE}.nodeIdleTimeBeforeScaleDown",
    expected="at most `most`",
    title="A cluster gives idle nodes back soon.",
    why="Each node is billed until then, after every job.",
    fix='lower node_idle_time_before_scale_down, for instance to "PT2M".',
    severity=MEDIUM,
    sources=("WAF cost",),
    settings={"most": {"type": "string", "default": "PT15M"}},
)
def idle_time(compute: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    yield from outlasts(compute, f"{SCALE}.nodeIdleTimeBeforeScaleDown", settings["most"])


@rules.rule(
    "cluster-vm-size",
    on=COMPUTE,
    where=is_cluster,
    property="properties.properties.vmSize",
    expected="one of `sizes`",
    title="A cluster's machines are of a size that the stack allows.",
    why="A GPU or a large machine costs fifty times as much, by one word.",
    fix="choose a size that the stack's policy settings list.",
    severity=MEDIUM,
    sources=("WAF cost",),
    settings={
        "sizes": {
            "type": "array",
            "default": ["Standard_D2s_v3", "Standard_D4s_v3", "Standard_D2s_v5", "Standard_D4s_v5", "Standard_F4s_v2"],
        }
    },
)
def vm_size(compute: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    path = "properties.properties.vmSize"
    found = read(compute.props, path)
    if not isinstance(found, str) or found.lower() not in (size.lower() for size in settings["sizes"]):
        yield Problem(property=path, found=show(found), expected=one_of(settings["sizes"]))


@rules.rule(
    "cluster-priority",
    on=COMPUTE,
    where=is_cluster,
    property="properties.properties.vmPriority",
    expected="one of `priorities`",
    title="A cluster's machines are as dependable as the stack demands.",
    why="A low-priority node can be taken away in the middle of a mini-batch.",
    fix='set vm_priority="Dedicated", or allow "LowPriority" in the stack\'s policy settings.',
    severity=MEDIUM,
    sources=("WAF reliability",),
    settings={"priorities": {"type": "array", "default": ["Dedicated", "LowPriority"]}},
)
def priority(compute: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    yield from differs(compute, "properties.properties.vmPriority", *settings["priorities"])


def outlasts(resource: ResourceValidationArgs, path: str, most: str) -> Iterator[Problem]:
    """A problem unless the ISO 8601 duration at `path` is more than nothing and at most `most`."""
    found, limit = read(resource.props, path), seconds(most)
    if limit is None:
        raise ValueError(f"the policy setting {most!r} is no ISO 8601 duration such as PT15M")
    length = None if found is UNKNOWN else seconds(found)
    if length is None or not 0 < length <= limit:
        yield Problem(property=path, found=show(found), expected=f"a duration up to {most}")
