"""The stack's configuration: read once, checked at once, a frozen tree ever after.

`Pulumi.yaml` declares every key with its type and default; here are the ranges, the rules between keys and the sizes
that follow from the load. `parse` is pure and reports all problems together.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PREFIX = "batch-scoring:"
LOCATION = "azure-native:location"
# Streaming units and partitions that hold a load (events a second): Microsoft's streaming-at-scale measurements for
# 1,000, 5,000 and 10,000; below that one node's thirds. Units are those of API version 2020-03-01: 1, 3 or a multiple
# of 6.
LOADS = ((150, 2, 1), (500, 2, 3), (1_000, 2, 6), (5_000, 6, 12), (10_000, 12, 18), (20_000, 24, 36))
UNIT_EVENTS, UNIT_BYTES = (
    1_000,
    1_000_000,
)  # one throughput unit takes 1,000 events or 1 MB a second, whichever comes first
MAXIMUM_UNITS = 40  # throughput units of a Standard namespace


class SettingsError(ValueError):
    """What is wrong with a stack's configuration: one line for each problem."""

    def __init__(self, problems: list[str]):
        self.problems = problems
        count = "1 setting is" if len(problems) == 1 else f"{len(problems)} settings are"
        super().__init__("\n  - ".join([f"{count} wrong:", *problems]))


@dataclass(frozen=True, kw_only=True)
class Hub:
    events_per_second: int
    event_bytes: int
    retention_hours: int
    auto_inflate: bool

    @property
    def partitions(self) -> int:
        return _load(self.events_per_second)[0]

    @property
    def throughput_units(self) -> int:
        return throughput_units(self.events_per_second, self.event_bytes)

    @property
    def maximum_throughput_units(self) -> int:
        """Where auto-inflate stops: twice the stated peak."""
        return min(MAXIMUM_UNITS, 2 * self.throughput_units)


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
    daily_cap_gb: float


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
    people: People
    hub: Hub
    stream: Stream
    storage: Storage
    registry_sku: str
    vault: Vault
    watch: Watch
    cluster: Cluster
    scoring: Scoring


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
    r = _Reader(values)
    problem = r.text(
        "problem",
        r"[a-z][a-z0-9]{1,11}",
        "2 to 12 lower-case letters and digits, a letter first: it is part of every name",
    )
    environment = (
        r.text(
            "environment",
            r"([a-z][a-z0-9-]{0,14}[a-z0-9])?",
            "2 to 16 lower-case letters, digits and hyphens, or empty",
        )
        or stack
    )
    ephemeral, protect = r.flag("ephemeral"), r.flag("protect")
    hub = Hub(
        events_per_second=r.whole("eventsPerSecond", 1, LOADS[-1][0]),
        event_bytes=r.whole("eventBytes", 1, 1_000_000),
        retention_hours=r.whole("hubRetentionHours", 1, 168),
        auto_inflate=r.flag("autoInflate"),
    )
    stream = Stream(
        late_arrival_seconds=r.whole("lateArrivalSeconds", 0, 1_814_399),
        out_of_order_seconds=r.whole("outOfOrderSeconds", 0, 599),
        flush_seconds=r.whole("flushSeconds", 60, 3_600),
        minimum_rows=r.whole("minimumRows", 1, 1_000_000),
        streaming_units=_load(hub.events_per_second)[1],
    )
    storage = Storage(
        replication=r.choice(
            "replication",
            "Standard_LRS",
            "Standard_ZRS",
            "Standard_GRS",
            "Standard_RAGRS",
            "Standard_GZRS",
            "Standard_RAGZRS",
        ),
        soft_delete_days=r.whole("softDeleteDays", 1, 365),
        raw_days=r.whole("rawDays", 1, 99_999),
        feature_days=r.whole("featureDays", 1, 99_999),
        scratch_days=r.whole("scratchDays", 1, 99_999),
    )
    cluster = Cluster(
        vm_size=r.text("vmSize", r"Standard_[DEF]\w+", "a CPU size such as Standard_D2s_v3 (families D, E and F)"),
        vm_priority=r.choice("vmPriority", "Dedicated", "LowPriority"),
        maximum_nodes=r.whole("maxNodes", 1, 100),
        idle_seconds=r.whole("idleSeconds", 60, 900),
    )
    scoring = Scoring(
        instances=r.whole("instances", 1, 100),
        concurrency=r.whole("concurrency", 1, 128),
        mini_batch_files=r.whole("miniBatchFiles", 1, 10_000),
        timeout_seconds=r.whole("timeoutSeconds", 1, 259_200),
        retries=r.whole("retries", 0, 10),
        smoke_minutes=r.whole("smokeMinutes", 1, 240),
        model_path=r.text("modelPath", r".*", "a folder"),
        model_version=r.text(
            "modelVersion", r"([A-Za-z0-9][\w.-]{0,254})?", "a version registered in the workspace, or empty"
        ),
    )
    settings = Settings(
        problem=problem, environment=environment, location=r.location(), ephemeral=ephemeral, protect=protect,
        tags=_tags(r, problem, environment), people=_people(r), hub=hub, stream=stream, storage=storage,
        registry_sku=r.choice("registrySku", "Standard", "Premium"),
        vault=Vault(retention_days=r.whole("vaultRetentionDays", 7, 90), purge_protection=not ephemeral),
        watch=Watch(retention_days=r.whole("logRetentionDays", 30, 730), daily_cap_gb=r.gigabytes("logDailyCapGb")),
        cluster=cluster, scoring=scoring,
    )  # fmt: skip
    r.refuse_unknown()
    r.problems += [problem for keys, problem in _contradictions(settings) if not keys & r.wrong]
    if r.problems:
        raise SettingsError(r.problems)
    return settings


def throughput_units(events_per_second: int, event_bytes: int) -> int:
    """Throughput units that take the load in: 1,000 events or 1 MB a second each."""
    return math.ceil(max(events_per_second / UNIT_EVENTS, events_per_second * event_bytes / UNIT_BYTES))


def _load(events_per_second: int) -> tuple[int, int]:
    """Partitions and streaming units for a load."""
    for events, partitions, units in LOADS:
        if events_per_second <= events:
            return partitions, units
    return LOADS[-1][1:]


def _tags(r: "_Reader", problem: str, environment: str) -> dict[str, str]:
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


def _people(r: "_Reader") -> People:
    guid = r"([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})?"
    return People(
        deployer_kind=r.choice("deployerKind", "ServicePrincipal", "User"),
        operator_object_id=r.text("operatorObjectId", guid, "an Entra object id (GUID), or empty"),
        operator_kind=r.choice("operatorKind", "Group", "User", "ServicePrincipal"),
    )


def _contradictions(s: Settings) -> list[tuple[set[str], str]]:
    """Problems between keys: the keys involved and what is wrong. Silent where one of the keys is wrong by itself."""
    found = []
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,14}[a-z0-9]", s.environment):
        allowed = "2 to 16 lower-case letters, digits and hyphens, a letter first (it is the stack's name unless set)"
        found.append(({"environment"}, f"environment: found {s.environment!r}, allowed: {allowed}"))
    if s.hub.throughput_units > MAXIMUM_UNITS:
        found.append(
            (
                {"eventsPerSecond", "eventBytes"},
                f"eventsPerSecond x eventBytes: found {s.hub.events_per_second} x {s.hub.event_bytes} bytes, which need "
                f"{s.hub.throughput_units} throughput units, allowed: at most {MAXIMUM_UNITS} (Event Hubs Standard)",
            )
        )
    if s.scoring.instances > s.cluster.maximum_nodes:
        allowed = f"at most maxNodes ({s.cluster.maximum_nodes})"
        found.append(({"instances", "maxNodes"}, f"instances: found {s.scoring.instances}, allowed: {allowed}"))
    if s.scoring.model_path and s.scoring.model_version:
        found.append(
            (
                {"modelPath", "modelVersion"},
                f"modelPath and modelVersion: found {s.scoring.model_path!r} and {s.scoring.model_version!r}, allowed: one",
            )
        )
    if s.ephemeral and s.protect:
        found.append(({"ephemeral", "protect"}, "ephemeral and protect: found both true, allowed: one"))
    return found


class _Reader:
    """Takes values out of the bag, noting what is wrong; a wrong value is replaced by one that lets reading go on."""

    def __init__(self, values: Mapping[str, Any]):
        self.values = values
        self.problems: list[str] = []
        self.wrong: set[str] = set()
        self.known = {LOCATION}

    def whole(self, key: str, low: int, high: int) -> int:
        text = self._take(key)
        if text is not None and re.fullmatch(r"-?\d{1,9}", text) and low <= int(text) <= high:
            return int(text)
        return self._note(key, text, f"a whole number from {low} to {high}", low)

    def flag(self, key: str) -> bool:
        text = self._take(key)
        return text == "true" if text in ("true", "false") else self._note(key, text, "true or false", False)

    def choice(self, key: str, *allowed: str) -> str:
        text = self._take(key)
        return text if text in allowed else self._note(key, text, " | ".join(allowed), allowed[0])

    def text(self, key: str, pattern: str, allowed: str) -> str:
        text = self._take(key)
        return text if text is not None and re.fullmatch(pattern, text) else self._note(key, text, allowed, "")

    def gigabytes(self, key: str) -> float:
        """A daily cap: Log Analytics takes 0.023 and more, or -1 for none."""
        text = self._take(key)
        try:
            value = float(text or "")
        except ValueError:
            value = math.nan
        fits = value == -1 or 0.023 <= value <= 4_000
        return value if fits else self._note(key, text, "a number from 0.023 to 4000, or -1 for no cap", -1.0)

    def location(self) -> str:
        text = self.values.get(LOCATION)
        if isinstance(text, str) and re.fullmatch(r"[a-z][a-z0-9]+", text):
            return text
        return self._note(LOCATION, text, "the short name of an Azure region, such as westeurope", "")

    def refuse_unknown(self) -> None:
        for name in sorted(set(self.values) - self.known):
            if name.startswith(PREFIX):
                self.problems.append(f"{name.removeprefix(PREFIX)}: unknown key; Pulumi.yaml lists the known ones")

    def _take(self, key: str) -> str | None:
        self.known.add(PREFIX + key)
        value = self.values.get(PREFIX + key)
        if isinstance(value, bool):
            return str(value).lower()
        return None if value is None else str(value)

    def _note(self, key: str, found: object, allowed: str, instead: Any) -> Any:
        self.wrong.add(key)
        self.problems.append(f"{key}: {'not set' if found is None else f'found {found!r}'}, allowed: {allowed}")
        return instead
