"""Facts as TOML tables: the core's, and those of packages that name themselves as `azure_sandbox.rules`."""

import tomllib
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from importlib.resources import files
from typing import Any

CORE = "azure_sandbox"


def packages() -> list[EntryPoint]:
    """Their `rules` modules, in a fixed order."""
    return sorted(entry_points(group="azure_sandbox.rules"), key=lambda point: point.name)


def tables(file: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each (name, table) of the files of this name. `like` is the table of the same file that a table begins with."""
    for package in (CORE, *(point.module.partition(".")[0] for point in packages())):
        found: dict[str, dict[str, Any]] = tomllib.loads((files(package) / file).read_text(encoding="utf-8"))
        for name, given in found.items():
            table = dict(found.get(given.get("like", ""), {}))
            for key, value in given.items():
                table[key] = table.get(key, {}) | value if isinstance(value, dict) else value
            table.pop("like", None)
            yield name, table
