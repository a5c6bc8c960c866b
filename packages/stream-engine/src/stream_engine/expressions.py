"""Expressions to Python functions of a frame, typed as far as the query says, with SQL's three-valued logic."""

from __future__ import annotations

from collections.abc import Callable

from . import texts, units
from .catalogue import refuse
from .errors import Refused
from .frame import Frame
from .functions import Function, NoResult, accept, expected
from .functions import scalars as catalogue
from .metadata import compile_metadata
from .operators import arithmetic, bitwise, comparison
from .scope import Compiled, Evaluate, Scope, field_of
from .syntax import (
    Between,
    Binary,
    Call,
    Case,
    Cast,
    Column,
    Expression,
    Field,
    In,
    IsNull,
    Like,
    Literal,
    Star,
    Unary,
)
from .userdefined import compile_function
from .values import Unconvertible, Value, cast, from_micros, integer, show, type_of

Special = Callable[[Expression], Compiled | None]


class ExpressionCompiler:
    """Compiles expressions of one scope; `special` is asked first (aggregates, analytic functions, group keys)."""

    def __init__(self, scope: Scope, special: Special = lambda _: None) -> None:
        self.scope = scope
        self.special = special

    def compile(self, node: Expression) -> Compiled:
        """The expression as a function of a frame. Raises Refused."""
        found = self.special(node)
        if found is not None:
            return found
        method: Callable[[Expression], Compiled] = getattr(self, f"_{type(node).__name__.lower()}")
        return method(node)

    def condition(self, node: Expression) -> Evaluate:
        """A condition; it holds when it evaluates to True (NULL and False do not hold)."""
        compiled = self.compile(node)
        if compiled.type not in ("bit", None):
            raise Refused(f"a condition is expected here, this is a {compiled.type}", node.at)
        return compiled.evaluate

    def _literal(self, node: Literal) -> Compiled:
        value = node.value
        try:
            if isinstance(value, int):
                integer(value)
        except Unconvertible:
            raise Refused("this number does not fit a bigint", node.at) from None
        return Compiled(type=None if value is None else type_of(value), evaluate=lambda _: value)

    def _column(self, node: Column) -> Compiled:
        return self.scope.column(node)

    def _field(self, node: Field) -> Compiled:
        operand = self.compile(node.operand).evaluate
        return Compiled(type=None, evaluate=lambda frame: field_of(operand(frame), node.name))

    def _unary(self, node: Unary) -> Compiled:
        if node.operator == "NOT":
            operand = self.condition(node.operand)
            return Compiled(type="bit", evaluate=lambda frame: None if (v := operand(frame)) is None else not v)
        if node.operator == "~":
            return bitwise("~", self.compile(node.operand), None, self.scope, node.at)
        zero = Compiled(type="bigint", evaluate=lambda _: 0)
        return arithmetic(node.operator, zero, self.compile(node.operand), self.scope, node.at)

    def _binary(self, node: Binary) -> Compiled:
        if node.operator == "AND":
            return Compiled(type="bit", evaluate=_and(self.condition(node.left), self.condition(node.right)))
        if node.operator == "OR":
            return Compiled(type="bit", evaluate=_or(self.condition(node.left), self.condition(node.right)))
        left, right = self.compile(node.left), self.compile(node.right)
        if node.operator in "+-*/%":
            return arithmetic(node.operator, left, right, self.scope, node.at)
        if node.operator in "&|^":
            return bitwise(node.operator, left, right, self.scope, node.at)
        return comparison(node.operator, left, right, self.scope, node.at)

    def _between(self, node: Between) -> Compiled:
        operand, low, high = (self.compile(part) for part in (node.operand, node.low, node.high))
        above = comparison(">=", operand, low, self.scope, node.at).evaluate
        below = comparison("<=", operand, high, self.scope, node.at).evaluate
        return Compiled(type="bit", evaluate=_negated(_and(above, below), node.negated))

    def _in(self, node: In) -> Compiled:
        operand = self.compile(node.operand)
        choices = [comparison("=", operand, self.compile(choice), self.scope, node.at) for choice in node.choices]
        found = choices[0].evaluate
        for choice in choices[1:]:
            found = _or(found, choice.evaluate)
        return Compiled(type="bit", evaluate=_negated(found, node.negated))

    def _like(self, node: Like) -> Compiled:
        operand, pattern = self.compile(node.operand).evaluate, self.compile(node.pattern).evaluate
        escape = self.compile(node.escape).evaluate if node.escape else lambda _: None

        def evaluate(frame: Frame) -> Value:
            text, wanted = operand(frame), pattern(frame)
            if text is None or wanted is None:
                return None
            if not isinstance(text, str) or not isinstance(wanted, str):
                raise self.scope.trouble(f"LIKE compares text, found {show(text)} and {show(wanted)}", node.at)
            return texts.like_pattern(wanted, escape(frame)).fullmatch(text) is not None

        return Compiled(type="bit", evaluate=_negated(evaluate, node.negated))

    def _isnull(self, node: IsNull) -> Compiled:
        operand, negated = self.compile(node.operand).evaluate, node.negated
        return Compiled(type="bit", evaluate=lambda frame: (operand(frame) is None) != negated)

    def _case(self, node: Case) -> Compiled:
        conditions: list[Evaluate] = []
        subject = self.compile(node.operand) if node.operand else None
        for when, _ in node.branches:
            if subject is None:
                conditions.append(self.condition(when))
            else:
                conditions.append(comparison("=", subject, self.compile(when), self.scope, when.at).evaluate)
        results = [self.compile(then) for _, then in node.branches]
        other = self.compile(node.otherwise or Literal(value=None, at=node.at))
        pairs = tuple(zip(conditions, (result.evaluate for result in results), strict=True))

        def evaluate(frame: Frame) -> Value:
            for condition, result in pairs:
                if condition(frame) is True:
                    return result(frame)
            return other.evaluate(frame)

        written = [then for _, then in node.branches] + ([node.otherwise] if node.otherwise else [])
        return Compiled(type=common_type([*results, other], written), evaluate=evaluate)

    def _cast(self, node: Cast) -> Compiled:
        operand, target = self.compile(node.operand).evaluate, node.type

        def safe(frame: Frame) -> Value:
            try:
                return cast(operand(frame), target)
            except (Unconvertible, OverflowError):
                return None

        def strict(frame: Frame) -> Value:
            value = operand(frame)
            try:
                return cast(value, target)
            except (Unconvertible, OverflowError):
                message = f"CAST cannot make a {target} of {show(value)}; TRY_CAST gives NULL instead"
                raise self.scope.trouble(message, node.at) from None

        return Compiled(type=target, evaluate=safe if node.safe else strict)

    def _call(self, node: Call) -> Compiled:
        name = node.name.upper()
        if name == "SYSTEM.TIMESTAMP":
            _no_arguments(node)
            return Compiled(type="datetime", evaluate=lambda frame: from_micros(frame.time))
        if name == "GETMETADATAPROPERTYVALUE":
            return compile_metadata(node, self.scope)
        if name.startswith("UDF."):
            return compile_function(node, self)
        function = catalogue.get(name)
        if function is None or node.over is not None or node.distinct:
            raise refuse(node)
        _check_count(function, node)
        evaluates: list[Evaluate] = []
        types: list[Compiled] = []
        for index, argument in enumerate(node.arguments):
            compiled = self._argument(function, index, argument)
            types.append(compiled)
            evaluates.append(compiled.evaluate)
        returns = function.returns
        if name == "COALESCE":
            returns = common_type(types, [a for a in node.arguments if not isinstance(a, Star)])
        elif returns is None and function.kinds[0] in "n*":
            returns = types[0].type
        return Compiled(type=returns, evaluate=self._invoke(function, tuple(evaluates), node))

    def _argument(self, function: Function, index: int, argument: Expression | Star) -> Compiled:
        if isinstance(argument, Star):
            raise Refused(f"{function.name} does not take *", argument.at)
        if function.kind(index) == "u":
            unit = unit_of(argument)
            return Compiled(type=None, evaluate=lambda _: unit)
        return self.compile(argument)

    def _invoke(self, function: Function, arguments: tuple[Evaluate, ...], node: Call) -> Evaluate:
        kinds = [function.kind(index) for index in range(len(arguments))]
        scope, call = self.scope, function.call

        def evaluate(frame: Frame) -> Value:
            values = [argument(frame) for argument in arguments]
            if not function.nulls and None in values:
                return None
            for index, kind in enumerate(kinds):
                if kind not in "*u":
                    try:
                        values[index] = accept(kind, values[index])
                    except (Unconvertible, OverflowError):
                        place = f"{function.name} takes {expected(kind)} as argument {index + 1}"
                        message = f"{place}, found {show(values[index])}"
                        raise scope.trouble(message, node.at) from None
            try:
                return call(*values)
            except (Unconvertible, OverflowError, ValueError) as error:
                shown = ", ".join(str(v) if k == "u" else show(v) for v, k in zip(values, kinds, strict=True))
                why = f": {error}" if isinstance(error, NoResult) else ""
                raise scope.trouble(f"{function.name} has no result for {shown}{why}", node.at) from error

        return evaluate


def common_type(parts: list[Compiled], written: list[Expression]) -> str | None:
    """The type of whichever of `parts` is taken: NULL literals do not count; bigint and float make float."""
    nulls = [isinstance(node, Literal) and node.value is None for node in written]
    types = {part.type for part, null in zip(parts, nulls, strict=False) if not null}
    if types == {"bigint", "float"}:
        return "float"
    return types.pop() if len(types) == 1 else None


def unit_of(argument: Expression | Star) -> str:
    """A unit of time written as a bare word. Raises Refused."""
    if isinstance(argument, Column) and len(argument.parts) == 1:
        unit = units.names.get(argument.parts[0].lower())
        if unit is not None:
            return unit
    raise Refused("a unit of time is expected here: year, month, day, hour, minute, second, millisecond …", argument.at)


def _check_count(function: Function, node: Call) -> None:
    count = len(node.arguments)
    if count < function.least or (function.most is not None and count > function.most):
        least, most = function.least, function.most
        wanted = f"{least} or more" if most is None else str(least) if least == most else f"{least} to {most}"
        raise Refused(f"{function.name} takes {wanted} arguments, found {count}", node.at)


def _no_arguments(node: Call) -> None:
    if node.arguments:
        raise Refused(f"{node.name} takes no argument", node.at)


def _and(left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(frame: Frame) -> Value:
        first = left(frame)
        if first is False:
            return False
        second = right(frame)
        if second is False:
            return False
        return None if first is None or second is None else True

    return evaluate


def _or(left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(frame: Frame) -> Value:
        first = left(frame)
        if first is True:
            return True
        second = right(frame)
        if second is True:
            return True
        return None if first is None or second is None else False

    return evaluate


def _negated(evaluate: Evaluate, negated: bool) -> Evaluate:
    if not negated:
        return evaluate
    return lambda frame: None if (value := evaluate(frame)) is None else not value
