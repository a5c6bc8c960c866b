"""The stack's configuration: read once, checked at once, a frozen tree ever after.

`Pulumi.yaml` declares every key with its type and default; here are the ranges, the rules between keys and the sizes
that follow from the load. `parse` is pure and reports all problems together.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sizing
from configuration import Reader, SettingsError

__all__ = ["Settings", "SettingsError", "parse", "read"]

REPLICATION = ("LRS", "ZRS", "GRS", "RAGRS", "GZRS", "RAGZRS")
ENVIRONMENT = r"[a-z][a-z0-9-]{0,14}[a-z0-9]"


@dataclass(frozen=True, kw_only=True)
class Hub:
    events_per_second: int
    event_bytes: int
    retention_hours: int
    auto_inflate: bool

    @property
    def partitions(self) -> int:
        return sizing.partitions(self.events_per_second)

    @property
    def throughput_units(self) -> int:
        return sizing.throughput_units(self.events_per_second, self.event_bytes)

    @property
    def maximum_throughput_units(self) -> int:
        """Where auto-inflate stops: twice the stated peak."""
        return min(sizing.MAXIMUM_UNITS, 2 * self.throughput_units)


@dataclass(frozen=True, kw_only=True)
class Stream:
    late_arrival_seconds: int
    out_of_order_seconds: int
    flush_seconds: int
    minimum_rows: int
    streaming_units: int


@dataclass(frozen=True, kw_only=True)
class Storage:
    replication: str
    soft_delete_days: int
    raw_days: int
    feature_days: int
    scratch_days: int


@dataclass(frozen=True, kw_only=True)
class Vault:
    retention_days: int
    purge_protection: bool


@dataclass(frozen=True, kw_only=True)
class Watch:
    retention_days: int
    daily_cap_gb: int


@dataclass(frozen=True, kw_only=True)
class Cluster:
    vm_size: str
    vm_priority: str
    maximum_nodes: int
    idle_seconds: int


@dataclass(frozen=True, kw_only=True)
class Scoring:
    instances: int
    concurrency: int
    mini_batch_files: int
    timeout_seconds: int
    retries: int
    smoke_minutes: int
    model_path: str
    model_version: str


@dataclass(frozen=True, kw_only=True)
class Windows:
    """What the schedule scores: windows of whole hours, of which a day is a multiple."""

    hours: int
    schedule: bool
    rows_per_file: int
    timeout_hours: int


@dataclass(frozen=True, kw_only=True)
class Warehouse:
    """The database of results; `pause_minutes` is None where it never pauses.

    Without `public_access` its server is reached by private links alone.
    """

    zone_redundant: bool
    pause_minutes: int | None
    public_access: bool
    dedicated_pool: bool
    spark_pool: bool


@dataclass(frozen=True, kw_only=True)
class People:
    deployer_kind: str
    operator_object_id: str
    operator_kind: str


@dataclass(frozen=True, kw_only=True)
class Settings:
    problem: str
    environment: str
    location: str
    ephemeral: bool
    protect: bool
    tags: Mapping[str, str]
    ingestion: str
    static_table: bool
    people: People
    hub: Hub
    stream: Stream
    storage: Storage
    registry_sku: str
    vault: Vault
    watch: Watch
    cluster: Cluster
    scoring: Scoring
    windows: Windows
    warehouse: Warehouse

    @property
    def streams(self) -> bool:
        """Whether sensors send events; otherwise rows come in files alone."""
        return self.ingestion != "static"


def read() -> Settings:
    """The settings of the stack that is being deployed."""
    import pulumi
    from pulumi.runtime import config

    # pulumi.Config answers for one key only; a misspelt key is visible in the whole bag alone.
    bag = {**config.get_config_env(), **config.CONFIG.get()}
    return parse(bag, stack=pulumi.get_stack())


def parse(values: Mapping[str, Any], *, stack: str) -> Settings:
    """Settings from configuration as the engine hands it over (`batch-scoring:key` → text), defaults already applied.

    Raises SettingsError that names every missing, unknown and impossible value: key, what was found, what is allowed.
    """
    r = Reader(values)
    letters = "2 to 12 lower-case letters and digits, a letter first: it is part of every name"
    problem = r.text("problem", r"[a-z][a-z0-9]{1,11}", letters)
    environment = r.text("environment", f"({ENVIRONMENT})?", "2 to 16 lower-case letters, digits, hyphens; or empty")
    ephemeral = r.flag("ephemeral")
    settings = Settings(
        problem=problem,
        environment=environment or stack,
        location=r.location(),
        ephemeral=ephemeral,
        protect=r.flag("protect"),
        tags=_tags(r, problem, environment or stack),
        ingestion=r.choice("ingestion", "streaming", "static", "both"),
        static_table=r.choice("staticSource", "files", "table") == "table",
        people=_people(r),
        hub=(hub := _hub(r)),
        stream=_stream(r, sizing.streaming_units(hub.events_per_second)),
        storage=_storage(r),
        registry_sku=r.choice("registrySku", "Standard", "Premium"),
        vault=Vault(retention_days=r.whole("vaultRetentionDays", 7, 90), purge_protection=not ephemeral),
        watch=Watch(
            retention_days=r.whole("logRetentionDays", 30, 730), daily_cap_gb=r.whole("logDailyCapGb", 1, 4_000)
        ),
        cluster=_cluster(r),
        scoring=_scoring(r),
        windows=Windows(
            hours=r.whole("windowHours", 1, 24),
            schedule=r.flag("schedule"),
            rows_per_file=r.whole("rowsPerFile", 1, 10_000_000),
            timeout_hours=r.whole("windowTimeoutHours", 1, 168),
        ),
        warehouse=_warehouse(r),
    )
    r.refuse_unknown()
    r.problems += [problem for keys, problem in _contradictions(settings) if not keys & r.wrong]
    if r.problems:
        raise SettingsError(r.problems)
    return settings


def _hub(r: Reader) -> Hub:
    return Hub(
        events_per_second=r.whole("eventsPerSecond", 1, sizing.MAXIMUM_EVENTS),
        event_bytes=r.whole("eventBytes", 1, 1_000_000),
        retention_hours=r.whole("hubRetentionHours", 1, 168),
        auto_inflate=r.flag("autoInflate"),
    )


def _stream(r: Reader, streaming_units: int) -> Stream:
    return Stream(
        late_arrival_seconds=r.whole("lateArrivalSeconds", 0, 1_814_399),
        out_of_order_seconds=r.whole("outOfOrderSeconds", 0, 599),
        flush_seconds=r.whole("flushSeconds", 60, 3_600),
        minimum_rows=r.whole("minimumRows", 1, 1_000_000),
        streaming_units=streaming_units,
    )


def _storage(r: Reader) -> Storage:
    return Storage(
        replication=r.choice("replication", *(f"Standard_{kind}" for kind in REPLICATION)),
        soft_delete_days=r.whole("softDeleteDays", 1, 365),
        raw_days=r.whole("rawDays", 1, 99_999),
        feature_days=r.whole("featureDays", 1, 99_999),
        scratch_days=r.whole("scratchDays", 1, 99_999),
    )


def _cluster(r: Reader) -> Cluster:
    return Cluster(
        vm_size=r.text("vmSize", r"Standard_[DEF]\w+", "a CPU size such as Standard_D2s_v3 (families D, E and F)"),
        vm_priority=r.choice("vmPriority", "Dedicated", "LowPriority"),
        maximum_nodes=r.whole("maxNodes", 1, 100),
        idle_seconds=r.whole("idleSeconds", 60, 900),
    )


def _scoring(r: Reader) -> Scoring:
    version = "a version registered in the workspace, or empty"
    return Scoring(
        instances=r.whole("instances", 1, 100),
        concurrency=r.whole("concurrency", 1, 128),
        mini_batch_files=r.whole("miniBatchFiles", 1, 10_000),
        timeout_seconds=r.whole("timeoutSeconds", 1, 259_200),
        retries=r.whole("retries", 0, 10),
        smoke_minutes=r.whole("smokeMinutes", 1, 240),
        model_path=r.text("modelPath", r".*", "a folder"),
        model_version=r.text("modelVersion", r"([A-Za-z0-9][\w.-]{0,254})?", version),
    )


def _warehouse(r: Reader) -> Warehouse:
    minutes = r.whole("sqlAutoPauseMinutes", 0, 10_080)
    return Warehouse(
        zone_redundant=r.choice("sqlTier", "serverless", "zoneRedundant") == "zoneRedundant",
        pause_minutes=minutes or None,
        public_access=r.flag("sqlPublicAccess"),
        dedicated_pool=r.flag("dedicatedPool"),
        spark_pool=r.flag("sparkPool"),
    )


def _tags(r: Reader, problem: str, environment: str) -> dict[str, str]:
    words = "letters, digits, spaces, dots, at signs and hyphens"
    return {
        "workload": "batch-scoring",
        "problem": problem,
        "env": environment,
        "owner": r.text("owner", r"[\w .@-]{1,64}", words),
        "cost-center": r.text("costCenter", r"[\w .@-]{1,64}", words),
        "data-classification": r.choice("dataClassification", "public", "internal", "confidential"),
        "managed-by": "pulumi",
    }


def _people(r: Reader) -> People:
    guid = r"([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})?"
    return People(
        deployer_kind=r.choice("deployerKind", "ServicePrincipal", "User"),
        operator_object_id=r.text("operatorObjectId", guid, "an Entra object id (GUID), or empty"),
        operator_kind=r.choice("operatorKind", "Group", "User", "ServicePrincipal"),
    )


def _contradictions(s: Settings) -> list[tuple[set[str], str]]:
    """Problems between keys: the keys involved and what is wrong. Silent where one of the keys is wrong by itself."""
    found: list[tuple[set[str], str]] = []

    def unless(fits: bool, *keys: str, found_is: object, allowed: str) -> None:
        if not fits:
            found.append((set(keys), f"{' and '.join(keys)}: found {found_is}, allowed: {allowed}"))

    words = "2 to 16 lower-case letters, digits and hyphens, a letter first (it is the stack's name unless set)"
    unless(bool(re.fullmatch(ENVIRONMENT, s.environment)), "environment", found_is=repr(s.environment), allowed=words)
    unless(
        s.hub.throughput_units <= sizing.MAXIMUM_UNITS,
        "eventsPerSecond",
        "eventBytes",
        found_is=f"{s.hub.events_per_second} and {s.hub.event_bytes}, which need {s.hub.throughput_units} units",
        allowed=f"what {sizing.MAXIMUM_UNITS} throughput units take (Event Hubs Standard)",
    )
    limit = f"at most maxNodes ({s.cluster.maximum_nodes})"
    unless(s.scoring.instances <= s.cluster.maximum_nodes, "instances", found_is=s.scoring.instances, allowed=limit)
    fits = not s.static_table or s.ingestion == "static"
    unless(fits, "staticSource", "ingestion", found_is=f"table and {s.ingestion}", allowed="a table with static alone")
    hours, pause = s.windows.hours, s.warehouse.pause_minutes
    unless(24 % hours == 0, "windowHours", found_is=hours, allowed="a divisor of 24: no window crosses midnight")
    allowed = (
        "0 (never) or 15 to 10080"  # https://learn.microsoft.com/azure/azure-sql/database/serverless-tier-overview
    )
    unless(pause is None or pause >= 15, "sqlAutoPauseMinutes", found_is=pause, allowed=allowed)
    never = "0: only the serverless tier pauses"
    fits = pause is None or not s.warehouse.zone_redundant
    unless(fits, "sqlAutoPauseMinutes", "sqlTier", found_is=f"{pause} and zoneRedundant", allowed=never)
    path, version = s.scoring.model_path, s.scoring.model_version
    unless(not (path and version), "modelPath", "modelVersion", found_is=f"{path!r} and {version!r}", allowed="one")
    unless(not (s.ephemeral and s.protect), "ephemeral", "protect", found_is="both true", allowed="one")
    return found
