"""The services of a sandbox: where each is hooked into Resource Manager, the hosts and the clock.

Packages bring them by two entry points each: `azure_sandbox.rules` names a module whose import hangs code into the
rules of its types, `azure_sandbox.services` one like `Module`.
"""

from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from importlib.metadata import entry_points
from typing import Any, Protocol, TypeVar

from azure_sandbox.context import Sandbox
from azure_sandbox.web import Web

GROUP = "azure_sandbox.services"
Door = Callable[[StreamReader, StreamWriter], Awaitable[None]]
T = TypeVar("T")


class Service(Protocol):
    def start(self) -> None: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """What a service hooks itself into, and what it finds there.

    offers  what services give to those that come after them, by class
    doors   handlers of TLS connections, for what is no plain web application: see `proxy.door_of`
    """

    sandbox: Sandbox
    web: Web
    offers: dict[type, Any] = field(default_factory=dict)
    doors: dict[str, Door] = field(default_factory=dict)

    def offered(self, kind: type[T]) -> T:
        return self.offers[kind]


class Module(Protocol):
    """`AFTER`: entry points whose services must be there first. `install` returns what lives with the process."""

    AFTER: tuple[str, ...]

    def install(self, hooks: Hooks) -> Sequence[Service]: ...


def install(hooks: Hooks) -> list[Service]:
    """Returns what is started, and ended in the reverse order, with the process."""
    modules: dict[str, Module] = {point.name: point.load() for point in entry_points(group=GROUP)}
    order = TopologicalSorter({name: module.AFTER for name, module in sorted(modules.items())}).static_order()
    return [service for name in order for service in modules[name].install(hooks)]
