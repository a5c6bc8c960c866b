"""Roles: Azure's built-in ones (roles.toml) and those that a program declares."""

from dataclasses import dataclass
from typing import Any

from azure_sandbox.tables import tables

OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"


@dataclass(frozen=True, kw_only=True)
class Role:
    id: str
    name: str
    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    not_data_actions: tuple[str, ...] = ()
    custom: bool = False

    def definition(self, scope: str = "") -> dict[str, Any]:
        """The role definition as Resource Manager shows it."""
        permission = {
            "actions": list(self.actions),
            "notActions": list(self.not_actions),
            "dataActions": list(self.data_actions),
            "notDataActions": list(self.not_data_actions),
        }
        return {
            "id": f"{scope}/providers/Microsoft.Authorization/roleDefinitions/{self.id}",
            "name": self.id,
            "type": "Microsoft.Authorization/roleDefinitions",
            "properties": {
                "roleName": self.name,
                "type": "CustomRole" if self.custom else "BuiltInRole",
                "assignableScopes": ["/"],
                "permissions": [permission],
            },
        }


def custom_role(definition: dict[str, Any]) -> Role:
    """A role definition that a program declared."""
    permissions = definition["properties"].get("permissions") or []

    def all_of(key: str) -> tuple[str, ...]:
        return tuple(action for permission in permissions for action in permission.get(key) or ())

    return Role(
        id=definition["name"].lower(),
        name=definition["properties"].get("roleName", definition["name"]),
        actions=all_of("actions"),
        not_actions=all_of("notActions"),
        data_actions=all_of("dataActions"),
        not_data_actions=all_of("notDataActions"),
        custom=True,
    )


def _built_in() -> list[Role]:
    return [
        Role(
            id=facts["id"],
            name=name,
            actions=tuple(facts.get("actions", ())),
            not_actions=tuple(facts.get("not_actions", ())),
            data_actions=tuple(facts.get("data_actions", ())),
        )
        for name, facts in tables("roles.toml")
    ]


BUILT_IN = _built_in()
BY_ID = {role.id: role for role in BUILT_IN}
BY_NAME = {role.name.lower(): role for role in BUILT_IN}
