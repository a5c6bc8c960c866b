"""CROSS APPLY and OUTER APPLY: a row for each element of an array, or each field of a record."""

from __future__ import annotations

from .errors import Refused
from .expressions import ExpressionCompiler
from .frame import Frame
from .scope import Evaluate, Relation
from .stages import Stage
from .syntax import Apply, Star
from .values import Value

_columns = {
    "GETARRAYELEMENTS": {"arrayindex": ("ArrayIndex", "bigint"), "arrayvalue": ("ArrayValue", None)},
    "GETRECORDPROPERTIES": {
        "propertyname": ("PropertyName", "nvarchar(max)"),
        "propertyvalue": ("PropertyValue", None),
    },
}
functions = tuple(_columns)


class Applying(Stage):
    """Repeats a row for each record that `elements` makes of it; OUTER keeps a row that has none."""

    def __init__(self, evaluate: Evaluate, outer: bool) -> None:
        super().__init__()
        self._evaluate, self._outer = evaluate, outer

    def push(self, frame: Frame) -> None:
        records = _elements(self._evaluate(frame))
        for record in records or ([None] if self._outer else []):
            self.emit(Frame((*frame.records, record), frame.time, (*frame.times, frame.time)))


def _elements(value: Value) -> list[dict[str, Value] | None]:
    if isinstance(value, list):
        return [{"ArrayIndex": index, "ArrayValue": each} for index, each in enumerate(value)]
    if isinstance(value, dict):
        return [{"PropertyName": name, "PropertyValue": each} for name, each in value.items()]
    return []


def compile_apply(apply: Apply, compiler: ExpressionCompiler) -> tuple[Applying, Relation]:
    """The stage of an APPLY and the source it adds. Raises Refused."""
    call = apply.call
    columns = _columns.get(call.name.upper())
    if columns is None or len(call.arguments) != 1 or isinstance(call.arguments[0], Star) or call.over:
        raise Refused("APPLY takes GetArrayElements(array) or GetRecordProperties(record)", call.at)
    compiled = compiler.compile(call.arguments[0])
    wanted, function = (list, "array") if call.name.upper() == "GETARRAYELEMENTS" else (dict, "record")
    if compiled.type not in (None, function):
        raise Refused(f"{call.name} takes a {function}, this is a {compiled.type}", call.arguments[0].at)

    def evaluate(frame: Frame) -> Value:
        value = compiled.evaluate(frame)
        return value if isinstance(value, wanted) else None

    return Applying(evaluate, apply.outer), Relation(alias=apply.alias, columns=columns)
