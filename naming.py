"""Azure's names of everything in a stack, and Azure's rules for them. Pure.

Every name is made of the problem, the environment and a suffix that is stable for one stack in one subscription,
because half of the names are unique in all of Azure. Where Azure allows few characters the environment is shortened:
the suffix already tells environments apart, the problem stays readable.
"""

import hashlib
import re
import uuid
from dataclasses import dataclass, fields

PROJECT = "batch-scoring"
NAMESPACE = uuid.uuid5(
    uuid.NAMESPACE_URL, "https://github.com/batch-scoring"
)  # of role assignments' GUIDs; never change it


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Azure's rule for a name: how long it may be and how it is written."""

    minimum: int
    maximum: int
    pattern: str
    says: str

    def broken_by(self, name: str) -> str | None:
        """What the name breaks, or None."""
        if not self.minimum <= len(name) <= self.maximum:
            return f"{len(name)} characters, allowed: {self.minimum} to {self.maximum}"
        return None if re.fullmatch(self.pattern, name) else f"allowed: {self.says}"


# Azure's resource-name-rules.md; for Azure ML the patterns in its API description.
_HYPHENS = "letters, digits and single hyphens, a letter first, no hyphen last"
RULES = {
    "group": Rule(
        minimum=1, maximum=90, pattern=r"[-\w.()]*[-\w()]", says="letters, digits, . - _ ( ), no period last"
    ),
    "namespace": Rule(minimum=6, maximum=50, pattern=r"[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]", says=_HYPHENS),
    "hub": Rule(minimum=1, maximum=50, pattern=r"[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?", says="letters, digits, . - _"),
    "stream": Rule(minimum=3, maximum=63, pattern=r"[\w-]+", says="letters, digits, hyphens, underscores"),
    "storage": Rule(minimum=3, maximum=24, pattern=r"[a-z0-9]+", says="lower-case letters and digits"),
    "registry": Rule(minimum=5, maximum=50, pattern=r"[A-Za-z0-9]+", says="letters and digits"),
    "vault": Rule(minimum=3, maximum=24, pattern=r"(?!.*--)[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]", says=_HYPHENS),
    "logs": Rule(
        minimum=4, maximum=63, pattern=r"[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9]", says="letters, digits, hyphens"
    ),
    "insights": Rule(
        minimum=1, maximum=260, pattern=r"[^%&\\?/]*[^%&\\?/. ]", says="no % & \\ ? /, no period or space last"
    ),
    "identity": Rule(
        minimum=3, maximum=128, pattern=r"[A-Za-z0-9][\w-]*", says="letters, digits, hyphens, underscores"
    ),
    "workspace": Rule(
        minimum=3, maximum=33, pattern=r"[A-Za-z0-9][\w-]*", says="letters, digits, hyphens, underscores"
    ),
    "cluster": Rule(
        minimum=3,
        maximum=24,
        pattern=r"[A-Za-z](?![A-Za-z0-9-]*-\d+$)[A-Za-z0-9-]+",
        says=f"{_HYPHENS}, no -<digits> last",
    ),
    # unique in a region, among all customers
    "endpoint": Rule(minimum=3, maximum=32, pattern=r"[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])?", says=_HYPHENS),
    "server": Rule(
        minimum=1, maximum=63, pattern=r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", says="lower-case letters, digits, hyphens"
    ),
    "synapse": Rule(
        minimum=1,
        maximum=50,
        pattern=r"(?!.*-ondemand)[a-z0-9]([a-z0-9-]*[a-z0-9])?",
        says="lower-case letters, digits, hyphens, not -ondemand",
    ),
    "factory": Rule(minimum=3, maximum=63, pattern=r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])", says=_HYPHENS),
    "deployment": Rule(minimum=3, maximum=32, pattern=r"[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])?", says=_HYPHENS),
}


class NamingError(ValueError):
    """Names that Azure would refuse: one line for each."""


@dataclass(frozen=True, kw_only=True)
class Names:
    """The Azure name of each resource of a stack that has one of its own."""

    group: str
    namespace: str
    hub: str
    stream: str
    lake_account: str
    workspace_account: str
    registry: str
    vault: str
    logs: str
    insights: str
    sensors_identity: str
    cluster_identity: str
    workspace_identity: str
    warehouse_identity: str
    workspace: str
    cluster: str
    endpoint: str
    server: str
    synapse: str
    factory: str


def names(*, problem: str, environment: str, suffix: str) -> Names:
    """All names of a stack. Raises NamingError that lists every name that breaks a rule of Azure, and the rule."""

    def name(kind: str, prefix: str, *, separator: str = "-") -> str:
        return _fit(RULES[kind].maximum, [prefix, problem, environment, suffix], separator)

    made = Names(
        group=name("group", f"rg-{PROJECT}"),
        namespace=name("namespace", "evhns"),
        hub=f"{problem}-events",
        stream=name("stream", "asa"),
        lake_account=name("storage", "lake", separator=""),
        workspace_account=name("storage", "mlst", separator=""),
        registry=name("registry", "cr", separator=""),
        vault=name("vault", "kv"),
        logs=name("logs", "log"),
        insights=name("insights", "appi"),
        sensors_identity=name("identity", "id-sensors"),
        cluster_identity=name("identity", "id-cluster"),
        workspace_identity=name("identity", "id-workspace"),
        warehouse_identity=name("identity", "id-warehouse"),
        workspace=name("workspace", "mlw"),
        cluster=f"cpu-{problem}",
        endpoint=name("endpoint", "score"),
        server=name("server", "sql"),
        synapse=name("synapse", "syn"),
        factory=name("factory", "adf"),
    )
    check(made)
    return made


def check(made: Names) -> None:
    """Raises NamingError unless Azure takes every name."""
    broken = []
    for field in fields(made):
        kind = "storage" if field.name.endswith("_account") else field.name.rpartition("_")[2]
        found = getattr(made, field.name)
        if reason := RULES[kind].broken_by(found):
            broken.append(f"{field.name}: found {found!r}, {reason}")
    if broken:
        raise NamingError("\n  - ".join(["Azure would refuse these names:", *broken]))


def suffix(subscription_id: str, stack: str) -> str:
    """Six characters that are the same for a stack of a subscription, always."""
    return hashlib.sha256(f"{subscription_id.lower()}/{PROJECT}/{stack}".encode()).hexdigest()[:6]


def deployment(problem: str, digest: str) -> str:
    """Name of the deployment with that content. Azure ML keeps deployments immutable, so content names them."""
    return f"{problem}-{digest[:8]}"


def assignment(group: str, identity: str, role: str, scope: str) -> str:
    """GUID of the role assignment that gives an identity of a stack a role at a scope, the same in every deployment."""
    return str(uuid.uuid5(NAMESPACE, f"{group}/{identity}/{role}/{scope}"))


def _fit(limit: int, parts: list[str], separator: str) -> str:
    """The parts joined; when too long the third, the environment, is cut or left out."""
    prefix, problem, environment, end = parts
    room = limit - len(separator.join([prefix, problem, end])) - len(separator)
    plain = re.sub("-+", "-", environment)  # vaults and factories take single hyphens only
    short = (plain.replace("-", "") if not separator else plain)[: max(room, 0)].strip("-")
    return separator.join(part for part in (prefix, problem, short, end) if part)
