"""What the services of one sandbox share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from azure_sandbox.access import Access
from azure_sandbox.azurite import Azurite
from azure_sandbox.clock import Clock
from azure_sandbox.directory import Directory
from azure_sandbox.resource_manager import ResourceManager
from azure_sandbox.store import Store
from azure_sandbox.tokens import Tokens


@dataclass(kw_only=True)
class Sandbox:
    """`ports`: of the listeners `proxy`, `web`, `blob` and `control`. `status`: what each service adds to `status`."""

    state: Path
    store: Store
    clock: Clock
    directory: Directory
    access: Access
    manager: ResourceManager
    tokens: Tokens
    azurite: Azurite
    ports: dict[str, int] = field(default_factory=dict)
    status: dict[str, Callable[[], Any]] = field(default_factory=dict)
