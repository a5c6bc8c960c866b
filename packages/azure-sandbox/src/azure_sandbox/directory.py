"""Who there is: the tenant's users, groups and service principals (Entra's part of Azure)."""

import uuid
from dataclasses import dataclass
from typing import Any, Literal

from azure_sandbox.ids import normal
from azure_sandbox.store import Store

TENANT = "11111111-1111-4111-8111-111111111111"
SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
Kind = Literal["User", "Group", "ServicePrincipal"]

TABLES = (
    """CREATE TABLE IF NOT EXISTS principals (object_id TEXT PRIMARY KEY, client_id TEXT NOT NULL, name TEXT NOT NULL,
       kind TEXT NOT NULL, resource_id TEXT, created TEXT NOT NULL)""",
    "CREATE TABLE IF NOT EXISTS members (group_id TEXT, member_id TEXT, PRIMARY KEY (group_id, member_id))",
)
FIND = "SELECT object_id, client_id, name, kind, resource_id, created FROM principals "


@dataclass(frozen=True, kw_only=True)
class Principal:
    """`resource_id`: the resource whose managed identity this is. `created`: on the sandbox's clock ('' = always)."""

    object_id: str
    client_id: str
    name: str
    kind: Kind
    resource_id: str | None = None
    created: str = ""


class Directory:
    def __init__(self, store: Store) -> None:
        self._store = store
        for table in TABLES:
            store.execute(table)
        self.tenant_id: str = store.value("tenant", TENANT)
        self.subscription_id: str = store.value("subscription", SUBSCRIPTION)
        self.deployer = self.find("deployer") or self.create(
            "deployer", "ServicePrincipal", object_id=_stable("deployer")
        )

    def find(self, text: str | None) -> Principal | None:
        """By name, object id, client id or the id of the resource that owns the identity; for a name that several
        identities share, the one that is most recent."""
        if not text:
            return None
        if text.startswith("user:"):
            return self.user(text.removeprefix("user:"))
        where = "object_id = ?1 OR client_id = ?1 OR lower(name) = ?1 OR resource_id = ?2"
        values = (text.lower(), normal(text))
        rows = self._store.execute(FIND + f"WHERE {where} ORDER BY rowid DESC LIMIT 1", values)
        return _principal(rows[0]) if rows else None

    def create(
        self, name: str, kind: Kind, *, resource_id: str | None = None, object_id: str | None = None, created: str = ""
    ) -> Principal:
        found = Principal(
            object_id=object_id or str(uuid.uuid4()),
            client_id=str(uuid.uuid4()) if object_id is None else _stable("client", object_id),
            name=name,
            kind=kind,
            resource_id=normal(resource_id) if resource_id else None,
            created=created,
        )
        values = (found.object_id, found.client_id, name, kind, found.resource_id, created)
        self._store.execute("INSERT INTO principals VALUES (?, ?, ?, ?, ?, ?)", values)
        return found

    def remove(self, object_id: str) -> None:
        """Role assignments of the principal stay behind, as in Azure."""
        self._store.execute("DELETE FROM principals WHERE object_id = ?", (object_id,))
        self._store.execute("DELETE FROM members WHERE member_id = ?1 OR group_id = ?1", (object_id,))

    def user(self, name: str) -> Principal:
        """The person of that name; exists from the first time somebody asks."""
        object_id = _stable("user", name.lower())
        rows = self._store.execute(FIND + "WHERE object_id = ?", (object_id,))
        return _principal(rows[0]) if rows else self.create(name, "User", object_id=object_id)

    def group(self, name: str, *members: str) -> Principal:
        """The group of that name, with these object ids added to it."""
        found = self.find(name) or self.create(name, "Group", object_id=_stable("group", name.lower()))
        self._store.executemany("INSERT OR IGNORE INTO members VALUES (?, ?)", [(found.object_id, m) for m in members])
        return found

    def groups_of(self, object_id: str) -> list[str]:
        """Object ids of all groups, nested ones included."""
        query = """WITH RECURSIVE g(id) AS (SELECT group_id FROM members WHERE member_id = ?
                   UNION SELECT group_id FROM members JOIN g ON member_id = id) SELECT id FROM g"""
        return [row[0] for row in self._store.execute(query, (object_id,))]

    def principals(self) -> list[Principal]:
        return [_principal(row) for row in self._store.execute(FIND + "ORDER BY rowid")]


def _principal(row: tuple[Any, ...]) -> Principal:
    object_id, client_id, name, kind, resource_id, created = row
    return Principal(
        object_id=object_id, client_id=client_id, name=name, kind=kind, resource_id=resource_id, created=created
    )


def _stable(*parts: str) -> str:
    """The same principal has the same id in every sandbox: it can be written into a stack's configuration."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "azure-sandbox:" + ":".join(parts)))
