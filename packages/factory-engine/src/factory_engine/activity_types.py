"""The closed list of activity types."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class ActivityType:
    """`required` are typeProperties; `refused` are those that would change what happens and are not supported."""

    name: str
    kind: Literal["control", "world"]
    required: tuple[str, ...]
    refused: tuple[str, ...] = ()
    runs: str


_TYPES = (
    ActivityType(
        name="WebActivity",
        kind="world",
        required=("url", "method"),
        refused=("datasets", "linkedServices"),
        runs="World.web; response as output, with ADFWebActivityResponseHeaders",
    ),
    ActivityType(
        name="Copy", kind="world", required=("source", "sink"), runs="World.copy; one input, one output dataset"
    ),
    ActivityType(
        name="Script",
        kind="world",
        required=("scripts",),
        refused=("scriptReference",),
        runs="World.script; resultSets, recordsAffected",
    ),
    ActivityType(
        name="GetMetadata",
        kind="world",
        required=("dataset", "fieldList"),
        runs="World.get_metadata; exists, itemName, childItems, …",
    ),
    ActivityType(name="Delete", kind="world", required=("dataset",), runs="World.delete; filesDeleted"),
    ActivityType(name="Wait", kind="control", required=("waitTimeInSeconds",), runs="sleeps on the clock"),
    ActivityType(
        name="SetVariable",
        kind="control",
        required=("variableName", "value"),
        refused=("setSystemVariable",),
        runs="sets a String, Bool or Array variable",
    ),
    ActivityType(
        name="Fail", kind="control", required=("message", "errorCode"), runs="fails with a message and a code"
    ),
    ActivityType(name="IfCondition", kind="control", required=("expression",), runs="one of two lists of activities"),
    ActivityType(
        name="Until",
        kind="control",
        required=("expression", "activities"),
        runs="repeats its activities until true or timed out",
    ),
)

ACTIVITY_TYPES = {each.name: each for each in _TYPES}
