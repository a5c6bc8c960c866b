"""What a case is: one thing that breaks a rule, or just keeps it, changed in the stack of sample.py.

A path is `<resource>.<property path>`; the value None takes the property away, UNKNOWN is one that only the deployment
knows. `breaks` names the resource that the finding is about.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.policy.analyzer import UNKNOWN, Declared


@dataclass(frozen=True, kw_only=True)
class Case:
    rule: str
    breaks: str = ""
    change: Mapping[str, Any] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    add: tuple[Declared, ...] = ()
    without: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        what = [f"{path}={'absent' if value is None else value}" for path, value in self.change.items()]
        what += [f"{path}<-{names or 'nothing'}" for path, names in self.links.items()]
        what += [f"+{each.name}" for each in self.add] + [f"-{name}" for name in self.without.split()]
        what += [f"{key}:{value}" for key, value in self.settings.items()]
        verb = "breaks" if self.breaks else "keeps"
        return f"{self.rule} {verb} {', '.join(what) or 'the stack as it is'}".replace(UNKNOWN, "unknown")[:150]


def values(rule: str, path: str, *, bad: tuple = (), good: tuple = (), **settings: Any) -> list[Case]:
    """Cases of one property of one resource."""
    resource = path.split(".")[0]
    return [Case(rule=rule, breaks=resource, change={path: value}, settings=settings) for value in bad] + [
        Case(rule=rule, change={path: value}, settings=settings) for value in good
    ]
