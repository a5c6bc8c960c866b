"""A problem of a definition, with its place."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Problem:
    """`resource` is the pipeline, dataset, linked service or trigger; `property` a path such as `source.query`."""

    resource: str
    message: str
    activity: str = ""
    property: str = ""

    def __str__(self) -> str:
        activity = f", activity '{self.activity}'" if self.activity else ""
        place = f", {self.property}" if self.property else ""
        return f"{self.resource}{activity}{place}: {self.message}"


class DefinitionError(ValueError):
    """A definition that the service or this engine refuses; `problems` are all that were found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)
