"""The conducted half: a warehouse for results, serverless SQL over the lake, and the factory that scores windows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_azure_native import managedidentity

from components import pipelines, schema
from components.factory import Conducted, Factory
from components.place import Place
from components.private_link import PrivateLink
from components.storage import StorageAccount
from components.synapse import Synapse
from components.warehouse import Warehouse
from scoring.contract import Contract
from settings import Settings

Assign = Callable[..., list[Any]]


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What stands before anything runs: declared early, since the roles of its identities take minutes to arrive."""

    factory: Factory
    warehouse: Warehouse
    synapse: Synapse
    ways: Sequence[pulumi.Resource]


def stand(
    config: Settings,
    *,
    admin: managedidentity.UserAssignedIdentity,
    lake: StorageAccount,
    place: Place,
) -> Parts:
    """Server, database, Synapse workspace and factory; `admin` is who alone may change tables.

    Where the server has no public door, the factory gets a private way to it.
    """
    warehouse = Warehouse("warehouse", warehouse=config.warehouse, admin_client_id=admin.client_id, place=place)
    serverless = Synapse("synapse", lake=lake, warehouse=config.warehouse, admin_client_id=admin.client_id, place=place)
    factory = Factory("factory", place=place, after=[admin])
    ways = []
    if not config.warehouse.public_access:
        ways = [PrivateLink("private-link", factory=factory, server_id=warehouse.server_id, place=place).approved]
    return Parts(factory=factory, warehouse=warehouse, synapse=serverless, ways=ways)


def run(
    parts: Parts,
    config: Settings,
    contract: Contract,
    definitions: pipelines.Definitions,
    *,
    model_digest: str,
    deployment: str,
    place: Place,
    after: Sequence[pulumi.Resource],
) -> None:
    """Pipelines, the schema, the schedule: once there is a database to fill and a deployment to ask."""
    people = config.people
    named = people.operator_object_id and people.operator_kind != "ServicePrincipal"
    person = schema.Person(object_id=people.operator_object_id, kind=people.operator_kind) if named else None
    promoted = schema.Promoted(digest=model_digest, deployment=deployment) if deployment else None
    Conducted(
        "conduct",
        factory=parts.factory,
        definitions=definitions,
        script=schema.script(contract, promoted=promoted, person=person),
        columns=schema.columns(contract),
        schedule=config.windows.schedule and bool(deployment),
        place=place,
        ways=parts.ways,
        after=[parts.warehouse.database, parts.synapse, *after],
    )
