"""How sensors' events become feature rows: Event Hubs, then Stream Analytics, which writes to the lake."""

from dataclasses import dataclass, field

from pulumi import Input
from pulumi_azure_native import managedidentity

from components import access, stream
from components.ingestion import Ingestion
from components.place import Place
from components.storage import StorageAccount
from settings import Settings


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """Names for the operators' commands, "" where rows come in files alone, and where roles are given."""

    namespace: Input[str] = ""
    hub: Input[str] = ""
    job: Input[str] = ""
    scopes: dict[str, Input[str]] = field(default_factory=dict)


def arrival(
    config: Settings,
    *,
    query: str,
    sensors: managedidentity.UserAssignedIdentity,
    lake: StorageAccount,
    place: Place,
) -> Arrival:
    """Declares hub, job and flow with their roles, in the order that Azure forces."""
    if not config.streams:
        return Arrival()
    ingestion = Ingestion("ingestion", hub=config.hub, place=place)
    job = stream.StreamJob("stream", stream=config.stream, query=query, place=place)
    scopes: dict[str, Input[str]] = {"hub": ingestion.hub_id, "stream": job.job_id}
    access.assign("sensors", principal=sensors.principal_id, scopes=scopes, place=place)
    writing = access.assign("stream", principal=job.principal_id, scopes=scopes | lake.scopes("lake"), place=place)
    stream.StreamFlow("flow", job=job, stream=config.stream, place=place, after=[lake, ingestion, *writing])
    return Arrival(namespace=ingestion.namespace_name, hub=ingestion.hub_name, job=job.job_name, scopes=scopes)
