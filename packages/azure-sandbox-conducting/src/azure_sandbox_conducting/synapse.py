"""Who may use a workspace's serverless SQL pool.

learn.microsoft.com/azure/synapse-analytics/sql/sql-authentication and security/how-to-set-up-access-control: the
workspace's SQL Microsoft Entra admin and its first Synapse administrator (`cspWorkspaceAdminProperties`) may do
everything; anybody else needs a login in master, made by one of them, and ADMINISTER BULK OPERATIONS for OPENROWSET.
Synapse roles given in Synapse Studio or by its data plane are not offered.
"""

import json
import re
from typing import Any

from azure_sandbox.context import Sandbox
from azure_sandbox.directory import Principal
from azure_sandbox.ids import normal
from sql_engine import Principal as Caller
from sql_engine import SqlError, sid_of

WORKSPACES = "microsoft.synapse/workspaces"
TABLE = """CREATE TABLE IF NOT EXISTS synapse_logins
  (workspace TEXT, name TEXT, sid BLOB, may TEXT, PRIMARY KEY (workspace, name))"""
NAME = r"\[(?P<name>[^\]]+)\]"
GUARD = r"(?:IF\s+(?:NOT\s+EXISTS\s*\([^()]*sys\.server_principals[^()]*\)|SUSER_ID\s*\([^()]*\)\s+IS\s+NULL)\s+)?"
FORMS = {
    "create": re.compile(rf"(?P<guard>{GUARD})CREATE\s+LOGIN\s+{NAME}\s+FROM\s+EXTERNAL\s+PROVIDER", re.IGNORECASE),
    "bulk": re.compile(rf"GRANT\s+ADMINISTER\s+(?:DATABASE\s+)?BULK\s+OPERATIONS\s+TO\s+{NAME}", re.IGNORECASE),
    "sysadmin": re.compile(rf"ALTER\s+SERVER\s+ROLE\s+\[?sysadmin\]?\s+ADD\s+MEMBER\s+{NAME}", re.IGNORECASE),
}
FAILED = "Login failed for user '<token-identified principal>'."


class Logins:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        sandbox.store.execute(TABLE)

    def require(self, workspace: str, who: Principal, caller: Caller) -> None:
        """SqlError 18456 without a login, 4834 where it may not use OPENROWSET."""
        if self._is_admin(workspace, who, caller):
            return
        found = self._rights(workspace, caller)
        if found is None:
            raise SqlError(18456, FAILED)
        if not found & {"bulk", "sysadmin"}:
            raise SqlError(4834, "You do not have permission to use the bulk load statement.")

    def manages(self, workspace: str, who: Principal, caller: Caller, script: str) -> bool:
        """Runs a script of nothing but statements about logins; False for any other."""
        statements = [part.strip() for part in re.split(r";|^\s*GO\s*$", script, flags=re.MULTILINE | re.IGNORECASE)]
        statements = [part for part in statements if part and not re.fullmatch(r"USE\s+\[?master\]?", part, re.I)]
        found = [
            (form, match) for part in statements for form, regex in FORMS.items() if (match := regex.fullmatch(part))
        ]
        if not found:
            return False
        if len(found) < len(statements):
            raise SqlError(0, "a script about logins holds nothing else on this serverless SQL pool")
        if not self._is_admin(workspace, who, caller) and "sysadmin" not in (self._rights(workspace, caller) or ()):
            raise SqlError(15247, "User does not have permission to perform this action.")
        for form, match in found:
            self._run(workspace, form, match["name"], guarded=form == "create" and bool(match["guard"]))
        return True

    async def workspace_deleted(self, resource: dict[str, Any]) -> None:
        self._sandbox.store.execute("DELETE FROM synapse_logins WHERE workspace = ?", (normal(resource["id"]),))

    def _run(self, workspace: str, form: str, name: str, *, guarded: bool) -> None:
        store, key = self._sandbox.store, (normal(workspace), name.lower())
        rows = store.execute("SELECT may FROM synapse_logins WHERE workspace = ? AND name = ?", key)
        if form == "create":
            if rows and not guarded:
                raise SqlError(15025, f"The server principal '{name}' already exists.")
            principal = self._sandbox.directory.find(name)
            if principal is None:
                raise SqlError(33134, f"Principal '{name}' could not be found or this principal type is not supported.")
            number = principal.client_id if principal.kind == "ServicePrincipal" else principal.object_id
            if not rows:
                store.execute("INSERT INTO synapse_logins VALUES (?, ?, ?, '[]')", (*key, sid_of(number)))
            return
        if not rows:
            raise SqlError(
                15151, f"Cannot find the login '{name}', because it does not exist or you do not have permission."
            )
        may = json.dumps(sorted({*json.loads(rows[0][0]), form}))
        store.execute("UPDATE synapse_logins SET may = ? WHERE workspace = ? AND name = ?", (may, *key))

    def _rights(self, workspace: str, caller: Caller) -> set[str] | None:
        query = "SELECT sid, may FROM synapse_logins WHERE workspace = ?"
        rows = self._sandbox.store.execute(query, (normal(workspace),))
        mine = [set(json.loads(may)) for sid, may in rows if sid in caller.sids]
        return set().union(*mine) if mine else None

    def _is_admin(self, workspace: str, who: Principal, caller: Caller) -> bool:
        store = self._sandbox.store
        for part in ("sqlAdministrators", "administrators"):
            admin = store.resource(f"{workspace}/{part}/activeDirectory") or {}
            sid = admin.get("properties", {}).get("sid")
            if sid and (sid_of(sid) in caller.sids or sid.lower() == who.object_id):
                return True
        properties = (store.resource(workspace) or {}).get("properties") or {}
        first = (properties.get("cspWorkspaceAdminProperties") or {}).get("initialWorkspaceAdminObjectId")
        return bool(first) and str(first).lower() == who.object_id
