"""The ON of a JOIN, taken apart: keys that must be equal, bounds of time from DATEDIFF, and what is left."""

from __future__ import annotations

from dataclasses import dataclass

from . import units
from .errors import Refused
from .expressions import ExpressionCompiler, unit_of
from .frame import Frame
from .joining import Bounds, Matching
from .scope import Evaluate, Scope
from .syntax import Between, Binary, Call, Column, Expression, Join, Literal, walk
from .values import Value
from .windows import longest

_flipped = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "="}
_unbounded = 2**62


@dataclass(frozen=True, kw_only=True)
class On:
    """A compiled ON; `bounds` is None when it has no DATEDIFF: a join with reference data."""

    matching: Matching
    bounds: Bounds | None


def compile_on(join: Join, scope: Scope, span: int) -> On:
    """The ON of a join; `scope` holds the left sources and, last, the right one. Raises Refused."""
    right = len(scope.relations) - 1
    left, both = ExpressionCompiler(scope.of(*scope.relations[:-1])), ExpressionCompiler(scope)
    alone = ExpressionCompiler(scope.of(*scope.relations[-1:]))
    left_keys: list[Evaluate] = []
    right_keys: list[Evaluate] = []
    conditions: list[Evaluate] = []
    found: dict[int, tuple[int, int]] = {}
    for term in terms(join.on):
        time = time_bound(term, scope)
        if time is not None:
            source, least, most = time
            known = found.get(source, (-_unbounded, _unbounded))
            found[source] = (max(known[0], least), min(known[1], most))
            continue
        sides = _sides(term, scope, right)
        if sides is not None:
            left_keys.append(left.compile(sides[0]).evaluate)
            right_keys.append(alone.compile(sides[1]).evaluate)
        else:
            conditions.append(both.condition(term))
    bounds = _bounds(found, join, span)
    for source, (least, most) in found.items():
        if bounds is not None and source != bounds.source:
            conditions.append(_within(source, right, least, most))
    condition = _all(conditions)
    matching = Matching(
        left_keys=tuple(left_keys), right_keys=tuple(right_keys), condition=condition, left_join=join.left
    )
    return On(matching=matching, bounds=bounds)


def has_time(join: Join) -> bool:
    """Whether ON has a DATEDIFF at all."""
    return any(isinstance(node, Call) and node.name.upper() == "DATEDIFF" for node in walk(join.on))


def terms(node: Expression) -> list[Expression]:
    """The conditions that AND joins."""
    if isinstance(node, Binary) and node.operator == "AND":
        return terms(node.left) + terms(node.right)
    return [node]


def _bounds(found: dict[int, tuple[int, int]], join: Join, span: int) -> Bounds | None:
    if not found:
        return None
    for source, (least, most) in found.items():
        if least > -_unbounded and most < _unbounded:
            if max(abs(least), abs(most)) > longest:
                raise Refused("a JOIN reaches over at most 7 days", join.on.at)
            return Bounds(source=source, least=least, most=most, span=span)
    raise Refused(
        "DATEDIFF bounds the time of this JOIN on one side only: write DATEDIFF(…) BETWEEN … AND …", join.on.at
    )


def time_bound(term: Expression, scope: Scope) -> tuple[int, int, int] | None:
    """Source and bounds (right's time - source's time) of a term DATEDIFF of two sources; None for another."""
    if isinstance(term, Between) and not term.negated:
        pair = _datediff(term.operand, scope)
        if pair is None:
            return None
        source, size, forward = pair
        low, high = _number(term.low) * size, _number(term.high) * size
        return (source, low, high) if forward else (source, -high, -low)
    if not isinstance(term, Binary) or term.operator not in _flipped:
        return None
    pair, other, operator = _datediff(term.left, scope), term.right, term.operator
    if pair is None:
        pair, other, operator = _datediff(term.right, scope), term.left, _flipped[term.operator]
    if pair is None:
        return None
    source, size, forward = pair
    value = _number(other) * size
    low = {"=": value, ">=": value, ">": value + 1}.get(operator, -_unbounded)
    high = {"=": value, "<=": value, "<": value - 1}.get(operator, _unbounded)
    return (source, low, high) if forward else (source, -high, -low)


def _datediff(node: Expression, scope: Scope) -> tuple[int, int, bool] | None:
    """Left source, unit in microseconds, and whether the right source is the later argument."""
    if not isinstance(node, Call) or node.name.upper() != "DATEDIFF" or len(node.arguments) != 3:
        return None
    sources = []
    for argument in node.arguments[1:]:
        if not isinstance(argument, Column) or len(argument.parts) != 1 or scope.source(argument.parts[0]) is None:
            return None
        sources.append(scope.source(argument.parts[0]))
    unit = unit_of(node.arguments[0])
    if unit not in units.lengths:
        raise Refused(f"the time of a JOIN is not measured in {unit}", node.at)
    right = len(scope.relations) - 1
    first, second = sources
    if (first == right) == (second == right):
        raise Refused(f"DATEDIFF here relates {scope.relations[right].alias} to a source before it", node.at)
    return (first, units.lengths[unit], True) if second == right else (second, units.lengths[unit], False)


def _number(node: Expression) -> int:
    if isinstance(node, Literal) and isinstance(node.value, int):
        return node.value
    raise Refused("the bounds of a JOIN are whole numbers that do not change", node.at)


def _sides(term: Expression, scope: Scope, right: int) -> tuple[Expression, Expression] | None:
    """The left and right expression of an equality between the two sides; None for any other condition."""
    if not isinstance(term, Binary) or term.operator != "=":
        return None
    found = []
    for side in (term.left, term.right):
        sources = {scope.resolve(node)[0] for node in walk(side) if isinstance(node, Column) and not _is_unit(node)}
        found.append("right" if sources == {right} else "left" if sources and right not in sources else "")
    if found == ["left", "right"]:
        return term.left, term.right
    return (term.right, term.left) if found == ["right", "left"] else None


def _is_unit(node: Column) -> bool:
    return len(node.parts) == 1 and node.parts[0].lower() in units.names


def _within(source: int, right: int, least: int, most: int) -> Evaluate:
    def evaluate(frame: Frame) -> Value:
        first, second = frame.times[source], frame.times[right]
        return first is not None and second is not None and least <= second - first <= most

    return evaluate


def _all(conditions: list[Evaluate]) -> Evaluate | None:
    if not conditions:
        return None
    return lambda frame: all(condition(frame) is True for condition in conditions)
