"""Who calls, and what they may do: users by SID, roles, GRANT and DENY, with SQL Server's errors."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import duckdb

from . import statements, tree
from .catalog import FIXED_ROLES, Catalog
from .environment import Relation
from .errors import Fault
from .parse_definitions import DATABASE_PERMISSIONS

# What a fixed role may do everywhere in the database.
_ROLE_GRANTS = {
    "db_datareader": ("SELECT",),
    "db_datawriter": ("INSERT", "UPDATE", "DELETE"),
    "db_ddladmin": ("ALTER", "CREATE TABLE", "CREATE VIEW", "CREATE SCHEMA"),
}
_ROLE_DENIALS = {"db_denydatareader": ("SELECT",), "db_denydatawriter": ("INSERT", "UPDATE", "DELETE")}
_IMPLIED_BY_CONTROL = ("SELECT", "INSERT", "UPDATE", "DELETE", "EXECUTE", "ALTER", "REFERENCES")


@dataclass(frozen=True, kw_only=True)
class Principal:
    """Who calls. `id` is the client id of an identity, the object id of a person; `groups` are object ids of groups."""

    name: str
    id: str
    groups: tuple[str, ...] = ()

    @property
    def sids(self) -> tuple[bytes, ...]:
        return tuple(sid_of(number) for number in (self.id, *self.groups))


def sid_of(number: str) -> bytes:
    """The SID of a client or object id: its bytes as SQL Server casts a UNIQUEIDENTIFIER to VARBINARY(16)."""
    return uuid.UUID(number).bytes_le


def sid_literal(number: str) -> str:
    """The SID as CREATE USER … WITH SID wants it: 0x and 32 digits."""
    return "0x" + sid_of(number).hex().upper()


class Security:
    """What one caller may do in one database. `admins` are the SIDs of the server's Entra admin."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, database: str, principal: Principal, admins: Sequence[bytes]
    ) -> None:
        self._connection = connection
        self._database = database
        self.is_admin = any(sid in admins for sid in principal.sids)
        self.users = [] if self.is_admin else self._users(principal)
        if not self.is_admin and not self.users:
            # The text for every token-identified caller; the name is in the server's own log only.
            raise Fault(18456, "Login failed for user '<token-identified principal>'.", 0)
        self.name = "dbo" if self.is_admin else self.users[0][1]

    def _users(self, principal: Principal) -> list[tuple[int, str]]:
        sids = principal.sids
        rows = self._connection.execute(
            "SELECT id, name, kind, sid FROM meta.principals WHERE sid IS NOT NULL"
        ).fetchall()
        own = [(number, name) for number, name, kind, sid in rows if sid == sids[0] and kind == "E"]
        groups = [(number, name) for number, name, kind, sid in rows if sid in sids[1:] and kind == "X"]
        return own + groups

    def _principals(self) -> set[int]:
        """The caller's users, every role they are in, by whatever way, and public."""
        found = {number for number, _ in self.users} | {FIXED_ROLES["public"]}
        members = self._connection.execute("SELECT role, member FROM meta.members").fetchall()
        while more := {role for role, member in members if member in found} - found:
            found |= more
        return found

    def _roles(self, principals: set[int]) -> set[str]:
        return {name for name, number in FIXED_ROLES.items() if number in principals}

    def allows(self, permission: str, relation: Relation | None = None, schema_id: int | None = None) -> bool:
        """Whether the caller has the permission on an object, on a schema, or (neither given) on the database."""
        if self.is_admin:
            return True
        principals = self._principals()
        roles = self._roles(principals)
        entries = [
            state
            for grantee, kind, target, held, state in self._entries()
            if grantee in principals
            and (held == permission or (held == "CONTROL" and permission in _IMPLIED_BY_CONTROL))
            and (kind == "DATABASE" or (kind, target) in self._targets(relation, schema_id))
        ]
        if "D" in entries or any(permission in _ROLE_DENIALS.get(role, ()) for role in roles):
            return False
        return bool(entries) or "db_owner" in roles or any(permission in _ROLE_GRANTS.get(role, ()) for role in roles)

    def _entries(self) -> list[tuple]:
        return self._connection.execute(
            "SELECT grantee, class, target, permission, state FROM meta.permissions"
        ).fetchall()

    def _targets(self, relation: Relation | None, schema_id: int | None) -> set[tuple[str, int]]:
        targets: set[tuple[str, int]] = set()
        if relation is not None:
            targets.add(("OBJECT", relation.id))
            schema_id = Catalog(self._connection).schema_id(relation.schema)
        if schema_id is not None:
            targets.add(("SCHEMA", schema_id))
        return targets

    def require(self, permission: str, relation: Relation, at: int) -> None:
        """Fault 229 when the caller lacks the permission on the object; the system's views are for everybody."""
        if relation.sql is None and not self.allows(permission, relation):
            message = (
                f"The {permission} permission was denied on the object '{relation.name}', "
                f"database '{self._database}', schema '{relation.schema}'."
            )
            raise Fault(229, message, at)

    def require_database(self, permission: str, at: int) -> None:
        """Fault 262 when the caller lacks a permission on the database."""
        if not self.allows(permission):
            raise Fault(262, f"{permission} permission denied in database '{self._database}'.", at)

    def require_schema(self, schema_id: int, schema: str, at: int) -> None:
        """Fault 2760 when the caller may not alter the schema, as whoever makes something in it must."""
        if not self.allows("ALTER", schema_id=schema_id):
            message = (
                f'The specified schema name "{schema}" either does not exist or you do not have permission to use it.'
            )
            raise Fault(2760, message, at)

    def require_roles(self, roles: Iterable[str], at: int) -> None:
        """Fault 15247 when the caller is neither db_owner nor in one of the roles."""
        if not self.is_admin and not self._roles(self._principals()) & {"db_owner", *roles}:
            raise Fault(15247, "User does not have permission to perform this action.", at)


class Principals:
    """Runs CREATE USER, CREATE ROLE, ALTER ROLE, GRANT, DENY and REVOKE."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, catalog: Catalog, security: Security) -> None:
        self._connection = connection
        self._catalog = catalog
        self._security = security

    def create_user(self, statement: statements.CreateUser) -> None:
        self._security.require_roles(["db_accessadmin"], statement.at)
        name = statement.name
        self._must_be_new(name)
        taken = self._connection.execute("SELECT name FROM meta.principals WHERE sid = ?", [statement.sid]).fetchall()
        if taken:
            message = f"The login already has an account under a different user name ('{taken[0][0]}')."
            raise Fault(15063, message, name.at)
        self._add(name, statement.kind, statement.sid)

    def create_role(self, statement: statements.CreateRole) -> None:
        self._security.require_roles(["db_securityadmin"], statement.at)
        self._must_be_new(statement.name)
        self._add(statement.name, "R", None)

    def _must_be_new(self, name: tree.Name) -> None:
        if self._catalog.principal_id(name.text) is not None:
            raise Fault(15023, f"User, group, or role '{name.text}' already exists in the current database.", name.at)

    def _add(self, name: tree.Name, kind: str, sid: bytes | None) -> None:
        values = [name.text, kind, sid]
        self._connection.execute("INSERT INTO meta.principals VALUES (nextval('meta.ids'), ?, ?, ?)", values)

    def change_member(self, statement: statements.ChangeMember) -> None:
        self._security.require_roles(["db_securityadmin"] if self._is_own(statement.role) else [], statement.at)
        role, member = self._existing(statement.role, "role"), self._existing(statement.member, "user")
        kinds = self._connection.execute("SELECT kind FROM meta.principals WHERE id = ?", [role]).fetchall()
        if kinds[0][0] != "R" or statement.role.text.lower() == "public":
            raise self._missing(statement.role, "role")
        values = [role, member]
        self._connection.execute("DELETE FROM meta.members WHERE role = ? AND member = ?", values)
        if statement.add:
            self._connection.execute("INSERT INTO meta.members VALUES (?, ?)", values)

    def _is_own(self, role: tree.Name) -> bool:
        return role.text.lower() not in FIXED_ROLES

    def permit(self, statement: statements.Permit) -> None:
        self._security.require_roles(["db_securityadmin"], statement.at)
        kind, target = self._target(statement)
        for permission in statement.permissions:
            wrong = permission in DATABASE_PERMISSIONS and kind != "DATABASE"
            if wrong or (permission == "EXECUTE" and kind == "OBJECT"):
                message = f"Granted or revoked privilege {permission} is not compatible with object."
                raise Fault(4606, message, statement.at)
            for principal in statement.principals:
                if principal.text.lower() in ("dbo", "sys", "information_schema"):
                    message = (
                        "Cannot grant, deny, or revoke permissions to sa, dbo, entity owner, information_schema, sys,"
                    )
                    raise Fault(15151, f"{message} or yourself.", principal.at)
                entry = [self._existing(principal, "user"), kind, target, permission]
                self._connection.execute(
                    "DELETE FROM meta.permissions WHERE grantee = ? AND class = ? AND target = ? AND permission = ?",
                    entry,
                )
                if statement.verb != "REVOKE":
                    state = "G" if statement.verb == "GRANT" else "D"
                    self._connection.execute("INSERT INTO meta.permissions VALUES (?, ?, ?, ?, ?)", [*entry, state])

    def _target(self, statement: statements.Permit) -> tuple[str, int]:
        kind, parts = statement.securable
        if kind == "DATABASE":
            return kind, 0
        if kind == "SCHEMA":
            number = self._catalog.schema_id(parts[0].text)
            if number is None:
                raise self._missing(parts[0], "schema")
            return kind, number
        relation = self._catalog.find([part.text for part in parts])
        if relation is None:
            raise self._missing(parts[-1], "object")
        return kind, relation.id

    def _existing(self, name: tree.Name, kind: str) -> int:
        number = self._catalog.principal_id(name.text)
        if number is None:
            raise self._missing(name, kind)
        return number

    def _missing(self, name: tree.Name, kind: str) -> Fault:
        message = f"Cannot find the {kind} '{name.text}', because it does not exist or you do not have permission."
        return Fault(15151, message, name.at)
