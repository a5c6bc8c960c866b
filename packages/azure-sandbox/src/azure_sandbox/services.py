"""The services of a sandbox: where each is hooked into Resource Manager, the hosts and the clock.

The core brings Storage. Packages bring the others by two entry points each: `azure_sandbox.rules` names a
module whose import declares resource types, `azure_sandbox.services` one like `Module`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from importlib.metadata import entry_points
from typing import Any, Protocol, TypeVar

from azure_sandbox import dfs, storage
from azure_sandbox.blobs import Blobs
from azure_sandbox.context import Sandbox
from azure_sandbox.web import Web

GROUP = "azure_sandbox.services"
T = TypeVar("T")


class Service(Protocol):
    def start(self) -> None: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """What a service hooks itself into, and what it finds there. `offers`: by class, for services that come after."""

    sandbox: Sandbox
    web: Web
    blobs: Blobs
    offers: dict[type, Any] = field(default_factory=dict)

    def offered(self, kind: type[T]) -> T:
        return self.offers[kind]


class Module(Protocol):
    """`AFTER`: entry points whose services must be there first. `install` returns what lives with the process."""

    AFTER: tuple[str, ...]

    def install(self, hooks: Hooks) -> Sequence[Service]: ...


def install(sandbox: Sandbox, web: Web) -> list[Service]:
    """Returns what is started, and ended in the reverse order, with the process."""
    blobs = Blobs(sandbox)
    hooks = Hooks(sandbox=sandbox, web=web, blobs=blobs)
    storage.install(sandbox, blobs)
    dfs.install(blobs, web)
    modules: dict[str, Module] = {point.name: point.load() for point in entry_points(group=GROUP)}
    order = TopologicalSorter({name: module.AFTER for name, module in sorted(modules.items())}).static_order()
    return [service for name in order for service in modules[name].install(hooks)]
