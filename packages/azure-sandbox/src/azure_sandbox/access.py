"""Who may do what: role assignments in the store, judged with the roles' real action lists.

An assignment takes effect some time after it was made ("up to 10 minutes", learn.microsoft.com/azure/
role-based-access-control/troubleshooting); here after the store's value `propagation`, 120 seconds of the clock unless
set. A removed assignment stops at once.
"""

import functools
import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from azure_sandbox.clock import Clock
from azure_sandbox.directory import Directory
from azure_sandbox.errors import AzureError
from azure_sandbox.ids import name_of, normal, parent_of, scopes_of
from azure_sandbox.roles import BY_ID, OWNER, Role, custom_role
from azure_sandbox.store import Store

ASSIGNMENTS = "microsoft.authorization/roleassignments"
DEFINITIONS = "microsoft.authorization/roledefinitions"
PROPAGATION = 120.0


class Access:
    """Reads assignments from the store at most once per change of any of them."""

    def __init__(self, store: Store, clock: Clock, directory: Directory) -> None:
        self._store, self._clock, self._directory = store, clock, directory
        self._read: tuple[int, int] = (-1, -1)
        self._assignments: dict[str, list[tuple[str, Role, datetime]]] = {}
        for subscription in {directory.subscription_id, *store.value("subscriptions", [])}:
            self._make_owner(subscription, directory.deployer.object_id)

    def allows(self, principal_id: str, action: str, scope: str, *, data: bool = False) -> bool:
        """Whether an assignment that has taken effect, at the scope or above it, to the principal or a group of it,
        grants the action. `data` asks the DataActions."""
        above, active = set(scopes_of(scope)), self._clock.now() - self._delay()
        return any(
            where in above and since <= active and grants(role, action, data)
            for who in (principal_id.lower(), *self._directory.groups_of(principal_id))
            for where, role, since in self._current().get(who, ())
        )

    def require(self, principal_id: str, action: str, scope: str, *, data: bool = False) -> None:
        """Raises AzureError 403 AuthorizationFailed, naming principal, action and scope."""
        if self.allows(principal_id, action, scope, data=data):
            return
        who = self._directory.find(principal_id)
        name = who.client_id if who and who.kind == "ServicePrincipal" else who.name if who else principal_id
        message = (
            f"The client '{name}' with object id '{principal_id}' does not have authorization to perform action "
            f"'{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please refresh "
            "your credentials."
        )
        raise AzureError(403, "AuthorizationFailed", message)

    def explain(self, principal_id: str, action: str, scope: str, *, data: bool = False) -> str:
        """Why it is not allowed, '' when it is: the name, and whether a fitting assignment has not taken effect yet."""
        if self.allows(principal_id, action, scope, data=data):
            return ""
        who = self._directory.find(principal_id)
        name = who.name if who else principal_id
        above, now = set(scopes_of(scope)), self._clock.now()
        for where, role, since in self._current().get(principal_id.lower(), ()):
            if where in above and grants(role, action, data):
                wait = (since + self._delay() - now).total_seconds()
                return f"'{role.name}' of {name} at {where} takes effect in {wait:.0f} s"
        return f"no role assignment of {name} grants {action} at {scope}"

    def seconds_until_active(self, assignment: dict[str, Any]) -> float:
        """Below 0 once an assignment has taken effect."""
        created = datetime.fromisoformat(assignment["properties"]["createdOn"])
        return (created + self._delay() - self._clock.now()).total_seconds()

    def role(self, definition_id: str) -> Role | None:
        """A built-in role, or one that was declared, by the last segment of its id."""
        name = name_of(definition_id).lower()
        if name in BY_ID:
            return BY_ID[name]
        found = [d for d in self._store.resources(kind=DEFINITIONS) if d["name"].lower() == name]
        return custom_role(found[0]) if found else None

    def _delay(self) -> timedelta:
        return timedelta(seconds=float(self._store.value("propagation", PROPAGATION)))

    def _current(self) -> dict[str, list[tuple[str, Role, datetime]]]:
        changes = (self._store.changes[ASSIGNMENTS], self._store.changes[DEFINITIONS])
        if changes != self._read:
            found: dict[str, list[tuple[str, Role, datetime]]] = {}
            for assignment in self._store.resources(kind=ASSIGNMENTS):
                properties = assignment["properties"]
                role = self.role(properties["roleDefinitionId"])
                if role:
                    since = datetime.fromisoformat(properties["createdOn"])
                    entry = (normal(parent_of(assignment["id"])), role, since)
                    found.setdefault(properties["principalId"].lower(), []).append(entry)
            self._assignments, self._read = found, changes
        return self._assignments

    def _make_owner(self, subscription: str, principal_id: str) -> None:
        """The deployer owns the subscription from the beginning of time."""
        scope = f"/subscriptions/{subscription}"
        name = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{scope}:{principal_id}:owner"))
        assignment = assignment_body(
            scope, name, principal_id, OWNER, "ServicePrincipal", datetime(2000, 1, 1, tzinfo=UTC)
        )
        if self._store.resource(assignment["id"]) is None:
            self._store.put_resource(assignment["id"], assignment)


def assignment_body(
    scope: str, name: str, principal_id: str, role: str, principal_type: str, created: datetime
) -> dict[str, Any]:
    """A role assignment as it is stored; `role` is the GUID of a built-in role."""
    return {
        "id": f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}",
        "name": name,
        "type": "Microsoft.Authorization/roleAssignments",
        "properties": {
            "roleDefinitionId": f"{scope}/providers/Microsoft.Authorization/roleDefinitions/{role}",
            "principalId": principal_id,
            "principalType": principal_type,
            "scope": scope,
            "createdOn": created.isoformat(),
        },
    }


@functools.lru_cache(65536)
def grants(role: Role, action: str, data: bool) -> bool:
    wanted = role.data_actions if data else role.actions
    refused = role.not_data_actions if data else role.not_actions
    return any(_matches(p, action) for p in wanted) and not any(_matches(p, action) for p in refused)


@functools.lru_cache(4096)
def _pattern(text: str) -> re.Pattern[str]:
    """`a/*/b` also means `a/b`: only so does the role AzureML Data Scientist, whose NotActions say `computes/*/write`,
    do what its description says, "except for creating or deleting compute resources"."""
    parts = [".*".join(map(re.escape, part.split("*"))) for part in text.split("/*/")]
    return re.compile("/(?:.*/)?".join(parts), re.IGNORECASE)


def _matches(pattern: str, action: str) -> bool:
    return _pattern(pattern).fullmatch(action) is not None
