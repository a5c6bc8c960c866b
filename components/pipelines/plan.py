"""What the pipelines are made from: names and settings, all known before a deployment."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from components.place import Place
from settings import Settings

DATABASE = "scores"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One stack's windows. `stream` is the id of the stream job whose watermark they wait for, or None.

    `template` is the problem's statement, `key` identifies a row of predictions, `deployment` is "" where nothing
    serves yet. `private`: the factory reaches the database's server by a private link alone.
    """

    problem: str
    template: str
    key: Sequence[str]
    stream: str | None
    workspace: str
    location: str
    lake: str
    account: str
    server: str
    synapse: str
    factory: str
    scoring_uri: str
    deployment: str
    window_hours: int
    rows_per_file: int
    timeout_hours: int
    delay_seconds: int
    private: bool

    @property
    def sources(self) -> list[str]:
        """The lake's containers that the statement reads; none where it reads a table."""
        return sorted(set(re.findall(r"dfs\.core\.windows\.net/([a-z0-9-]+)/", self.template)))

    @property
    def tables(self) -> list[str]:
        """The tables that it reads."""
        bare = re.sub(r"(?m)^--.*$", "", self.template)
        return sorted(set(re.findall(r"\b(?:FROM|JOIN)\s+((?:\w+\.)?dbo\.\w+)", bare, re.IGNORECASE)))


def plan(settings: Settings, place: Place, *, template: str, key: Sequence[str], deployment: str) -> Plan:
    """The plan of a stack. A window is due once its last event can no longer come."""
    names = place.names
    stream = settings.stream
    waits = stream.late_arrival_seconds + stream.out_of_order_seconds + stream.flush_seconds if settings.streams else 0
    return Plan(
        problem=place.problem,
        template=template,
        key=[*key, *(["Job"] if "Job" not in key else [])],
        stream=place.id_of(f"Microsoft.StreamAnalytics/streamingjobs/{names.stream}") if settings.streams else None,
        workspace=place.id_of(f"Microsoft.MachineLearningServices/workspaces/{names.workspace}"),
        location=place.location,
        lake=names.lake_account,
        account=names.workspace_account,
        server=names.server,
        synapse=names.synapse,
        factory=names.factory,
        # https://learn.microsoft.com/azure/machine-learning/how-to-use-batch-model-deployments
        scoring_uri=f"https://{names.endpoint}.{place.location}.inference.ml.azure.com/jobs",
        deployment=deployment,
        window_hours=settings.windows.hours,
        rows_per_file=settings.windows.rows_per_file,
        timeout_hours=settings.windows.timeout_hours,
        delay_seconds=waits + 120,
        private=not settings.warehouse.public_access,
    )
