"""What an expression may refer to, checked before anything runs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from factory_engine.expressions.dotnet_format import format_moment
from factory_engine.expressions.errors import ExpressionError
from factory_engine.expressions.functions import FUNCTIONS
from factory_engine.expressions.moment import Moment
from factory_engine.expressions.nodes import Access, Call, Literal, Node, Path
from factory_engine.expressions.signature import Function
from factory_engine.expressions.template import parse

# https://learn.microsoft.com/azure/data-factory/control-flow-system-variables
PIPELINE = ("DataFactory", "Pipeline", "RunId", "TriggerType", "TriggerId", "TriggerName", "TriggerTime")
ACTIVITY = ("output", "error", "status")
ERROR = ("errorCode", "message", "failureType", "target")
WINDOW = ("outputs.windowStartTime", "outputs.windowEndTime", "scheduledTime", "startTime")
SCHEDULE = ("scheduledTime", "startTime")


@dataclass(frozen=True, kw_only=True)
class Place:
    """What can be seen where an expression stands; None means that the function is not to be had there.

    `activities` are those that have certainly ended before; `parameters` the names after `pipeline().parameters.`.
    """

    parameters: frozenset[str] | None = None
    global_parameters: frozenset[str] = frozenset()
    variables: frozenset[str] | None = None
    activities: frozenset[str] | None = None
    dataset: frozenset[str] | None = None
    linked_service: frozenset[str] | None = None
    trigger: tuple[str, ...] | None = None
    hidden: frozenset[str] = field(default_factory=frozenset)


def check(source: str, place: Place) -> list[ExpressionError]:
    """What is wrong with a string of a definition: syntax, functions, number of arguments, references."""
    try:
        template = parse(source)
    except ExpressionError as error:
        return [error]
    problems: list[ExpressionError] = []
    for node in template.nodes:
        problems += [error.at(source, position) for error, position in _problems(node, place)]
    return problems


Finding = tuple[ExpressionError, int]


def _problems(node: Node, place: Place) -> Iterator[Finding]:
    if isinstance(node, Literal):
        return
    call = node if isinstance(node, Call) else node.root
    yield from _call(call, place)
    accesses = node.accesses if isinstance(node, Path) else ()
    yield from _accesses(call, accesses, place)
    for each in (*call.arguments, *(access.key for access in accesses)):
        yield from _problems(each, place)


def _call(call: Call, place: Place) -> Iterator[Finding]:
    name = call.name.lower()
    seen = _SEEN.get(name)
    if seen is None:
        yield from _function(call)
        return
    attribute, arguments = seen
    if getattr(place, attribute) is None:
        yield _found(f"the function '{call.name}' is not expected at this location", call.position)
    elif len(call.arguments) != arguments:
        yield _found(f"{call.name}() expects {arguments} argument(s), found {len(call.arguments)}", call.position)
    elif arguments:
        yield from _named(call, place)


_SEEN = {
    "pipeline": ("parameters", 0),
    "dataset": ("dataset", 0),
    "linkedservice": ("linked_service", 0),
    "trigger": ("trigger", 0),
    "activity": ("activities", 1),
    "variables": ("variables", 1),
}


def _function(call: Call) -> Iterator[Finding]:
    function = FUNCTIONS.get(call.name.lower())
    if function is None:
        yield _found(f"the function '{call.name}' is not supported", call.position)
        return
    try:
        function.check_count(len(call.arguments))
        for index, argument in enumerate(call.arguments):
            if isinstance(argument, Literal) and not function.lazy:
                function.check_kind(index, argument.value)
                _check_format(function, index, argument.value)
    except ExpressionError as error:
        yield error, call.position


def _check_format(function: Function, index: int, value: object) -> None:
    if function.group == "time" and isinstance(value, str) and function.parameters[index].name == "format":
        format_moment(Moment(ticks=0, kind="Z"), value)


def _named(call: Call, place: Place) -> Iterator[Finding]:
    argument, name = call.arguments[0], call.name.lower()
    if not isinstance(argument, Literal) or not isinstance(argument.value, str):
        yield _found(f"{call.name}() is supported with a name in quotes only", call.position)
    elif name == "variables" and not _among(argument.value, place.variables or ()):
        yield _found(f"the variable '{argument.value}' is not declared", argument.position)
    elif name == "activity" and not _among(argument.value, place.activities or ()):
        reason = "which is not an ancestor" if _among(argument.value, place.hidden) else "which does not exist"
        yield _found(f"activity('{argument.value}') refers to an activity {reason}", argument.position)


def _accesses(call: Call, accesses: tuple[Access, ...], place: Place) -> Iterator[Finding]:
    """Checks the fixed part of `pipeline().parameters.x`, `activity('a').error.message`, `trigger().outputs.x`."""
    keys = [access.key.value if isinstance(access.key, Literal) else None for access in accesses]
    known = _known(call.name.lower(), keys, place)
    for access, key, names in zip(accesses, keys, known, strict=False):
        if not access.optional and isinstance(key, str) and not _among(key, names):
            listed = ", ".join(sorted(names)) or "none"
            yield _found(f"'{key}' is no property here, known are: {listed}", access.position)
            return


def _known(name: str, keys: Sequence[object], place: Place) -> list[frozenset[str]]:
    first = keys[0].lower() if keys and isinstance(keys[0], str) else ""
    if name == "pipeline" and place.parameters is not None:
        below = {"parameters": place.parameters, "globalparameters": place.global_parameters}
        return [frozenset((*PIPELINE, "parameters", "globalParameters")), *([below[first]] if first in below else [])]
    if name == "activity":
        return [frozenset(ACTIVITY), *([frozenset(ERROR)] if first == "error" else [])]
    if name == "trigger" and place.trigger is not None:
        outputs = frozenset(each.partition(".")[2] for each in place.trigger if "." in each)
        heads = frozenset(each.partition(".")[0] for each in place.trigger)
        return [heads, *([outputs] if first == "outputs" else [])]
    if name == "dataset" and place.dataset is not None:
        return [place.dataset]
    if name == "linkedservice" and place.linked_service is not None:
        return [place.linked_service]
    return []


def _among(name: str, names: object) -> bool:
    return isinstance(names, frozenset | tuple) and name.lower() in {each.lower() for each in names}


def _found(reason: str, position: int) -> Finding:
    return ExpressionError(reason), position
