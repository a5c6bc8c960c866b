"""The sandbox seen from inside: one page with what there is and what was asked, and a request looked up by its id."""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from azure_sandbox.access import ASSIGNMENTS
from azure_sandbox.context import Sandbox
from azure_sandbox.ids import name_of, parent_of

MOST = 200
STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 1200px; padding: 0 1em; color: #222; }
h1 { font-size: 1.4em; } h2 { font-size: 1.1em; margin: 2em 0 .4em; } h2 small { font-weight: normal; color: #777; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; padding: .2em .8em .2em 0; }
td { vertical-align: top; border-top: 1px solid #ddd; overflow-wrap: anywhere; }
th { color: #777; font-weight: normal; }
td:first-child { white-space: nowrap; } .refused td:nth-child(2) { color: #b00020; font-weight: 600; }
code, .id { font: 12px ui-monospace, monospace; } nav a { margin-right: 1em; }
"""


def found(sandbox: Sandbox, request_id: str) -> dict[str, Any] | None:
    """The log's entry of a request, with the name of who asked; None when there is none (any more)."""
    entries = sandbox.store.requests(request_id)
    return named(sandbox, entries[0]) if entries else None


def named(sandbox: Sandbox, entry: dict[str, Any]) -> dict[str, Any]:
    who = sandbox.directory.find(entry["principal"])
    return entry | {"principal": who.name if who else entry["principal"]}


def page(sandbox: Sandbox, *, refused: bool) -> str:
    """`refused`: only the refusals of the request log."""
    clock = f"{sandbox.clock.now():%Y-%m-%d %H:%M:%S}Z at speed {sandbox.clock.speed:g}"
    log = [named(sandbox, entry) for entry in sandbox.store.requests(refused=refused, limit=MOST)]
    resources = (one for one in sandbox.store.resources() if one["type"].lower() != ASSIGNMENTS)
    parts = [_table("Resources", ("name", "type", "in", "state"), map(_resource, resources))]
    parts += [_section(name, read()) for name, read in sandbox.status.items()]
    assignments = sandbox.store.resources(kind=ASSIGNMENTS)
    parts.append(_table("Roles", ("who", "role", "scope"), (_role(sandbox, one) for one in assignments)))
    choice = '<a href="/">all</a> <a href="/?refused=1">refusals</a>'
    parts.append(f'<h2 id="requests">Requests <small>newest {len(log)}, {choice}</small></h2>{_log(log)}')
    names = ("resources", *sandbox.status, "roles", "requests")
    links = "".join(f'<a href="#{name}">{name}</a>' for name in names)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>azure-sandbox</title><style>{STYLE}</style>'
        f"<h1>azure-sandbox</h1><p>{escape(clock)}<br><code>{escape(str(sandbox.state))}</code></p>"
        f"<nav>{links}</nav>{''.join(parts)}</html>"
    )


def _resource(resource: Mapping[str, Any]) -> tuple[str, ...]:
    properties = resource.get("properties") or {}
    state = properties.get("jobState") or properties.get("state") or properties.get("allocationState") or ""
    above = parent_of(resource["id"])
    return resource["name"], resource["type"].removeprefix("Microsoft."), name_of(above) if above else "", str(state)


def _role(sandbox: Sandbox, assignment: dict[str, Any]) -> tuple[str, ...]:
    properties = assignment["properties"]
    who, role = sandbox.directory.find(properties["principalId"]), sandbox.access.role(properties["roleDefinitionId"])
    scope = parent_of(assignment["id"])
    wait = sandbox.access.seconds_until_active(assignment)
    name = role.name if role else properties["roleDefinitionId"]
    return (
        who.name if who else f"{properties['principalId']} (gone)",
        f"{name}, takes effect in {wait:.0f} s" if wait > 0 else name,
        scope.partition("/providers/Microsoft.")[2] or scope,
    )


def _section(title: str, content: Any) -> str:
    rows = content.items() if isinstance(content, Mapping) else ((line,) for line in content)
    return _table(title.capitalize(), (), ([str(cell) for cell in row] for row in rows), title)


def _table(title: str, head: Iterable[str], rows: Iterable[Iterable[str]], anchor: str = "") -> str:
    lines = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]
    top = "".join(f"<th>{name}</th>" for name in head)
    body = "".join(f"<tr>{line}</tr>" for line in lines) or "<tr><td>none</td></tr>"
    heading = f'<h2 id="{anchor or title.lower()}">{escape(title)} <small>{len(lines)}</small></h2>'
    return f"{heading}<table><tr>{top}</tr>{body}</table>"


def _log(entries: Iterable[Mapping[str, Any]]) -> str:
    rows = []
    for entry in entries:
        kind = ' class="refused"' if entry["status"] >= 400 else ""
        answer = f"{entry['status']} {entry['code'] or ''}"
        request = f"{entry['method']} {entry['host'] or ''}{entry['path']}"
        cells = (entry["at"][:19].replace("T", " "), answer, entry["principal"] or "", request, entry["message"] or "")
        line = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        rows.append(f'<tr{kind}>{line}<td class="id">{escape(entry["id"])}</td></tr>')
    head = "".join(f"<th>{name}</th>" for name in ("at", "answer", "who", "request", "reason", "request id"))
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>"
