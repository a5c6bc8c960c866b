"""Who may do what: every role assignment of a stack, as data, and the function that makes them.

Each row says why Azure needs it, where Azure's documentation says so, and whether the sandbox can prove the need: there
the main job fails when the row is missing (an operator's rows, with an operator who owns nothing). The sandbox cannot
prove what only Azure's own hidden machinery uses, nor what the main job does not touch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pulumi import Input, ResourceOptions
from pulumi_azure_native import authorization

import naming
from components.place import Place
from settings import People

# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
ROLES = {
    "AcrPull": "7f951dda-4ed3-4680-a7ca-43fe172d538d",
    "Azure Event Hubs Data Receiver": "a638d3c7-ab3a-418d-83e6-5f17a39d4fde",
    "Azure Event Hubs Data Sender": "2b629674-e913-4c01-ae53-ef4638d8f975",
    "AzureML Data Scientist": "f6c7c914-8db3-469d-8ca1-694a8f32e121",
    "Contributor": "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "Data Factory Contributor": "673868aa-7521-48a0-acc6-0f60742d39f5",
    "Key Vault Administrator": "00482a5a-887f-4fb3-b363-3b7fe8e74483",
    "Monitoring Reader": "43d0d8ad-25c7-4714-9337-8ba259a9fe05",
    "Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "Storage Blob Data Reader": "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    "Storage Queue Data Contributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "Storage Table Data Contributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
}
_LEARN = "https://learn.microsoft.com/azure/"
_STREAM_HUB = _LEARN + "stream-analytics/event-hubs-managed-identity"
_STREAM_BLOB = _LEARN + "stream-analytics/blob-output-managed-identity"
_HUB = _LEARN + "event-hubs/authorize-access-azure-active-directory"
_ML_IDENTITY = _LEARN + "machine-learning/how-to-identity-based-service-authentication"
_ML_KEYLESS = _LEARN + "machine-learning/how-to-disable-local-auth-storage"
_ML_BATCH = _LEARN + "machine-learning/how-to-authenticate-batch-endpoint"
_BLOB = _LEARN + "storage/blobs/authorize-access-azure-active-directory"
_METRICS = _LEARN + "azure-monitor/roles-permissions-security"
_SERVERLESS = _LEARN + "synapse-analytics/sql/develop-storage-files-storage-access-control"
_SYNAPSE = _LEARN + "synapse-analytics/security/how-to-grant-workspace-managed-identity-permissions"
_FACTORY_BLOB = _LEARN + "data-factory/connector-azure-blob-storage"
_FACTORY_LAKE = _LEARN + "data-factory/connector-azure-data-lake-storage"
_FACTORY_WEB = _LEARN + "machine-learning/how-to-use-batch-azure-data-factory"
_FACTORY_ROLES = _LEARN + "data-factory/concepts-roles-permissions"
_READER, _WRITER = "Storage Blob Data Reader", "Storage Blob Data Contributor"


@dataclass(frozen=True)
class Grant:
    """An identity gets a role at a scope. `scope` is a name that the program resolves to a resource's id."""

    identity: str
    role: str
    scope: str
    why: str
    source: str
    provable: bool = True


GRANTS = (
    Grant("stream", "Azure Event Hubs Data Receiver", "hub", "the job reads events", _STREAM_HUB),
    Grant("stream", _WRITER, "lake/features", "the job writes feature rows", _STREAM_BLOB),
    Grant("stream", _WRITER, "lake/raw", "the job archives every event", _STREAM_BLOB),
    Grant("stream", _WRITER, "lake/rejected", "the job diverts what it cannot read", _STREAM_BLOB),
    Grant("sensors", "Azure Event Hubs Data Sender", "hub", "sensors send events", _HUB),
    Grant("cluster", "AcrPull", "registry", "nodes pull the environment's image", _ML_IDENTITY),
    Grant("cluster", _READER, "workspace-account/assets", "nodes mount model, code and golden rows", _ML_BATCH),
    Grant("cluster", _READER, "workspace-account/scoring-input", "nodes mount a job's input", _ML_BATCH),
    Grant("cluster", _WRITER, "workspace-account/scoring-output", "nodes write a job's output", _ML_BATCH),
    Grant("cluster", _WRITER, "workspace-account/azureml", "nodes write a job's logs", _ML_KEYLESS, provable=False),
    Grant(
        "cluster", _WRITER, "workspace-account/default", "nodes use the default datastore", _ML_KEYLESS, provable=False
    ),
    Grant(
        "cluster",
        "Storage Queue Data Contributor",
        "workspace-account",
        "nodes share mini-batches",
        _ML_KEYLESS,
        provable=False,
    ),
    Grant(
        "cluster",
        "Storage Table Data Contributor",
        "workspace-account",
        "nodes share progress",
        _ML_KEYLESS,
        provable=False,
    ),
    Grant(
        "workspace",
        "Contributor",
        "workspace-account",
        "the workspace manages its account",
        _ML_IDENTITY,
        provable=False,
    ),
    Grant("workspace", "Contributor", "vault", "the workspace manages its vault", _ML_IDENTITY, provable=False),
    Grant(
        "workspace", "Contributor", "registry", "the workspace builds and pushes images", _ML_IDENTITY, provable=False
    ),
    Grant("workspace", "Contributor", "insights", "the workspace logs there", _ML_IDENTITY, provable=False),
    Grant("workspace", "Contributor", "workspace", "the workspace manages itself", _ML_IDENTITY, provable=False),
    Grant(
        "workspace",
        _WRITER,
        "workspace-account",
        "the workspace keeps snapshots and logs",
        _ML_IDENTITY,
        provable=False,
    ),
    Grant(
        "workspace",
        "Key Vault Administrator",
        "vault",
        "the workspace keeps secrets of its own",
        _ML_IDENTITY,
        provable=False,
    ),
    Grant("deployer", _WRITER, "workspace-account/assets", "`up` uploads model, code and golden rows", _BLOB),
    Grant(
        "deployer",
        _WRITER,
        "workspace-account/scoring-output",
        "the smoke run writes as its invoker; `up` reads",
        _ML_BATCH,
    ),
    # Not provable where the deployer owns the subscription, as in the sandbox: an owner may invoke anyway.
    Grant("deployer", "AzureML Data Scientist", "workspace", "`up` invokes the smoke run", _ML_BATCH, provable=False),
    Grant(
        "operator", "AzureML Data Scientist", "workspace", "the operator starts jobs and reads their logs", _ML_BATCH
    ),
    Grant("operator", _WRITER, "lake/features", "the operator reads hours to score, and rebuilds lost ones", _BLOB),
    Grant("operator", _READER, "lake/raw", "the operator replays hours from the archive", _BLOB, provable=False),
    Grant("operator", _READER, "lake/rejected", "the operator reads what was diverted", _BLOB),
    # Used by the second problem alone, whose rows come as files: tests/test_demo_plant.py shows its need.
    Grant("operator", _WRITER, "lake/static", "the operator puts files to score", _BLOB, provable=False),
    Grant("operator", _READER, "lake/predictions", "the operator reads what is published", _BLOB),
    Grant(
        "operator",
        _READER,
        "workspace-account/assets",
        "jobs read model and code as their invoker",
        _ML_BATCH,
        provable=False,
    ),
    Grant("operator", _WRITER, "workspace-account/scoring-input", "the operator prepares a job's input", _ML_BATCH),
    Grant("operator", _WRITER, "workspace-account/scoring-output", "jobs write as their invoker", _ML_BATCH),
    Grant("operator", "Monitoring Reader", "stream", "the operator reads the stream's state and metrics", _METRICS),
    Grant(
        "operator",
        "Data Factory Contributor",
        "factory",
        "the operator starts, lists and cancels runs of windows",
        _FACTORY_ROLES,
    ),
    # Serverless SQL reads files as whoever asks: the factory's identity, which looks into folders too.
    Grant("factory", _READER, "lake/features", "the factory prepares a window's rows", _SERVERLESS),
    # Not provable by the main job, whose rows come from sensors: a static stack has none of its features.
    Grant("factory", _READER, "lake/static", "the factory prepares a window's rows", _SERVERLESS, provable=False),
    Grant("factory", _WRITER, "lake/predictions", "the factory publishes scored files", _FACTORY_LAKE),
    Grant("factory", _WRITER, "workspace-account/scoring-input", "the factory writes a job's input", _FACTORY_BLOB),
    Grant("factory", _WRITER, "workspace-account/scoring-output", "jobs write as their invoker", _ML_BATCH),
    Grant(
        "factory",
        _READER,
        "workspace-account/assets",
        "jobs read model and code as their invoker",
        _ML_BATCH,
        provable=False,
    ),
    Grant("factory", "AzureML Data Scientist", "workspace", "the factory starts jobs and reads them", _FACTORY_WEB),
    Grant("factory", "Monitoring Reader", "stream", "the factory waits for the stream's watermark", _METRICS),
    Grant("synapse", _WRITER, "lake/synapse", "the workspace keeps its own files", _SYNAPSE, provable=False),
)


def assign(
    *identities: str,
    principal: Input[str],
    kind: str = "ServicePrincipal",
    scopes: Mapping[str, Input[str]],
    place: Place,
) -> list[authorization.RoleAssignment]:
    """Makes the assignments of GRANTS that the identities have at the scopes; what needs them depends on the result.

    Several identities may be one principal (the deployer is the operator unless a stack names one): Azure refuses the
    same role twice at one scope, so what both have is made once. `kind` is what the principal is; Azure's own default
    would be User, wrong for every managed identity, and stating it lets a principal be used that is not yet
    replicated.
    """
    return [
        authorization.RoleAssignment(
            f"{grant.identity}-{_slug(grant.role)}-{_slug(grant.scope)}",
            # Known before the deployment and the same in each: a retry after a lost answer does not make a second one.
            role_assignment_name=naming.assignment(place.names.group, grant.identity, grant.role, grant.scope),
            scope=scopes[grant.scope],
            principal_id=principal,
            principal_type=kind,
            role_definition_id=role_id(place.subscription_id, grant.role),
            # Azure refuses to change an assignment, and one name cannot be there twice.
            opts=ResourceOptions(delete_before_replace=True),
        )
        for grant in selected(identities, scopes)
    ]


def assign_people(
    people: People, *, deployer: Input[str], scopes: Mapping[str, Input[str]], place: Place
) -> list[authorization.RoleAssignment]:
    """The deployer's assignments and the operator's; where nobody is named, whoever deploys operates.

    Returns what the deployer's own steps wait for.
    """
    if not people.operator_object_id:
        both = ("deployer", "operator")
        return assign(*both, principal=deployer, kind=people.deployer_kind, scopes=scopes, place=place)
    operator, kind = people.operator_object_id, people.operator_kind
    assign("operator", principal=operator, kind=kind, scopes=scopes, place=place)
    return assign("deployer", principal=deployer, kind=people.deployer_kind, scopes=scopes, place=place)


def selected(identities: Sequence[str], scopes: Mapping[str, Input[str]]) -> list[Grant]:
    """The grants of the identities at the scopes; one of them where two give the same."""
    found: dict[tuple[str, str], Grant] = {}
    for grant in GRANTS:
        if grant.identity in identities and grant.scope in scopes:
            found.setdefault((grant.role, grant.scope), grant)
    # Who may write a container needs no second role to read it.
    return [g for g in found.values() if not (g.role == _READER and (_WRITER, g.scope) in found)]


def role_id(subscription_id: str, role: str) -> str:
    """Resource id of a built-in role's definition."""
    return f"/subscriptions/{subscription_id}/providers/Microsoft.Authorization/roleDefinitions/{ROLES[role]}"


def _slug(text: str) -> str:
    return text.lower().replace("/", "-").replace(" ", "-")
