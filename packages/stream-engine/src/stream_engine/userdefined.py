"""JavaScript functions in a query: UDF.name(…) in any expression, UDA.name(…) where an aggregate may stand.

Source: JavaScript user-defined functions, and aggregates, in Azure Stream Analytics. An error in a script stops the
job. `deaccumulate` and `deaccumulateState` are never called: every window is accumulated anew (to check them there is
`testing.check_aggregate`).
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from .aggregates import Aggregate, State
from .errors import QueryError, Refused, StreamError
from .frame import Frame
from .javascript import JavaScript, Script, ScriptError, encode
from .scope import Compiled, Evaluate, Functions, Scope
from .state import Saved
from .syntax import Call, Column, Expression, Star
from .values import Value, from_micros

if TYPE_CHECKING:
    from .expressions import ExpressionCompiler

# Functions of a job by alias: a script, a file with one, or a script with what Azure declares beside it.
Given = Mapping[str, "JavaScript | Path | str"]


def load(given: Given | None) -> dict[str, Script]:
    """The functions by lower-case alias. Raises QueryError at the place in a script that is wrong; OSError."""
    return {alias.lower(): _loaded(alias, source) for alias, source in (given or {}).items()}


def _loaded(alias: str, source: JavaScript | Path | str) -> Script:
    if isinstance(source, Path):
        source = JavaScript(script=source.read_text(encoding="utf-8-sig"), name=str(source))
    elif isinstance(source, str):
        source = JavaScript(script=source, name=alias)
    try:
        return Script(source, alias)
    except ScriptError as error:
        lines = source.script.splitlines(keepends=True)
        offset = sum(map(len, lines[: max(error.line - 1, 0)])) + max(error.column - 1, 0)
        message = f"the function {alias} cannot be loaded: {error.message}"
        raise QueryError(message, text=source.script, offset=offset, name=source.name) from None


def is_aggregate(node: Call) -> bool:
    return node.name.upper().startswith("UDA.")


def compile_function(node: Call, compiler: ExpressionCompiler) -> Compiled:
    """UDF.name(…) as a function of a frame. Raises Refused."""
    script = _script(node, compiler.scope.functions)
    if node.over is not None or node.distinct:
        raise Refused(f"{node.name} takes neither OVER nor DISTINCT", node.at)
    if "accumulate" in script.source.script and _aggregates(script):
        raise Refused(f"{node.name} is an aggregate: call it as UDA.{node.name.partition('.')[2]}", node.at)
    arguments = [argument_of(argument, compiler) for argument in node.arguments]
    scope = compiler.scope

    def evaluate(frame: Frame) -> Value:
        try:
            return script.call([argument(frame) for argument in arguments])
        except ScriptError as error:
            raise _trouble(error, node, scope) from None

    return Compiled(type=script.source.output, evaluate=evaluate)


def compile_aggregate(node: Call, rows: ExpressionCompiler) -> tuple[Aggregate, Evaluate, str | None]:
    """UDA.name(…): the aggregate, its argument and the type of its result. Raises Refused."""
    script = _script(node, rows.scope.functions)
    if node.over is not None or node.distinct or len(node.arguments) != 1:
        raise Refused(f"{node.name} takes one argument, and neither OVER nor DISTINCT", node.at)
    try:
        script.check_aggregate()
    except ScriptError as error:
        message = f"{node.name} is no aggregate: main() must set this.init, this.accumulate and this.computeResult"
        raise Refused(f"{message}: {error}", node.at) from None
    value, scope = argument_of(node.arguments[0], rows), rows.scope

    def argument(frame: Frame) -> Value:
        return encode([value(frame), from_micros(frame.time)])

    returns = script.source.output
    return _accumulating(script, node, scope), argument, returns


def _accumulating(script: Script, node: Call, scope: Scope) -> Aggregate:
    """The aggregate whose state is one instance of the script's main, made at its first event."""

    def guarded(act: Callable[..., Value]) -> Callable[..., Value]:
        def guard(state: State, *rest: Value) -> Value:
            try:
                if state[0] is None:
                    state[0] = script.instance()
                elif isinstance(state[0], Saved):
                    state[0] = script.restored(state[0].text)
                return act(state[0], *rest)
            except ScriptError as error:
                raise _trouble(error, node, scope) from None

        return guard

    return Aggregate(
        name=node.name,
        new=lambda: [None],
        add=guarded(lambda instance, arguments: instance.accumulate(arguments)),
        result=guarded(lambda instance: instance.result()),
        returns=lambda _: script.source.output,
    )


def _script(node: Call, functions: Functions) -> Script:
    prefix, _, alias = node.name.partition(".")
    found = functions.get(alias.lower())
    if isinstance(found, Script):
        return found
    given = [f"{prefix}.{known}" for known in functions]
    if not given:
        raise Refused(
            f"{node.name} is not known: no JavaScript functions are given (others are not supported)", node.at
        )
    close = difflib.get_close_matches(node.name.lower(), [each.lower() for each in given], n=1)
    hint = f"did you mean {close[0]}?" if close else f"given are {', '.join(given)}"
    raise Refused(f"{node.name} is none of the JavaScript functions given: {hint}", node.at)


def _aggregates(script: Script) -> bool:
    try:
        script.check_aggregate()
    except ScriptError:
        return False
    return True


def argument_of(node: Expression | Star, compiler: ExpressionCompiler) -> Evaluate:
    """An expression; or a source by its name, which stands for its whole event unless it has such a field."""
    if isinstance(node, Star):
        raise Refused("a function takes a source by its name, not *", node.at)
    index = compiler.scope.source(node.parts[0]) if isinstance(node, Column) and len(node.parts) == 1 else None
    columns = compiler.scope.relations[index].columns if index is not None else None
    if not isinstance(node, Column) or index is None or (columns is not None and node.parts[0].lower() in columns):
        return compiler.compile(node).evaluate
    grouped = compiler.special(node)
    if grouped is not None:
        return grouped.evaluate
    name, source = node.parts[0].lower(), index

    def evaluate(frame: Frame) -> Value:
        record = frame.records[source]
        found = next((value for key, value in (record or {}).items() if key.lower() == name), None)
        return record if found is None else found

    return evaluate


def _trouble(error: ScriptError, node: Call, scope: Scope) -> StreamError:
    return scope.trouble(f"{node.name}: {error}", node.at)
