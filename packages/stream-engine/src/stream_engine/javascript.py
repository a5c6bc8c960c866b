"""Scripts of user-defined functions in an engine of their own: no network, no files, bounded in time and memory.

Source: JavaScript user-defined functions in Azure Stream Analytics: which type becomes which, in both directions.
"""

from __future__ import annotations

import json
import platform
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from .errors import StreamError
from .state import Live
from .syntax import type_names
from .values import Value, from_micros, show, to_micros, type_of

# QuickJS counts its own use of the thread's stack: threads have 8 MB with glibc, 1 MB on Windows, 512 KB on macOS.
_stack = 1 << 20 if platform.libc_ver()[0] == "glibc" else 1 << 18
_memory = 64 << 20
_frame = re.compile(r"\s*at (?:(\S+) \()?<input>:(\d+):(\d+)\)?$")


@dataclass(frozen=True, kw_only=True)
class JavaScript:
    """A function of a job, as `Microsoft.StreamAnalytics/streamingjobs/functions` declares it.

    `script` defines `main`, or a function of the alias' name; `output` is the declared type of the result, None for
    `any`; `name` is what messages call the script; a call that takes more than `seconds` of processor time fails.
    """

    script: str
    output: str | None = None
    name: str = "script"
    seconds: float = 5

    def __post_init__(self) -> None:
        if self.output is not None and self.output not in type_names:
            message = f"{self.name}: the output {self.output!r} is no type: one of {', '.join(type_names)}, or None"
            raise ValueError(message)


class ScriptError(Exception):
    """What went wrong in a script and where; line and column count from 1, 0 where no place is known."""

    def __init__(self, message: str, name: str, line: int = 0, column: int = 0) -> None:
        super().__init__(f"{message} ({name}, line {line}, column {column})" if line else f"{message} ({name})")
        self.message = message
        self.line, self.column = line, column


class Script:
    """A loaded script. Raises ScriptError when it cannot be loaded. Safe in threads: one call at a time."""

    def __init__(self, source: JavaScript, alias: str) -> None:
        import quickjs

        self.source = source
        self._lock = Lock()
        self._dead: deque[int] = deque()
        self._failures = (quickjs.JSException, quickjs.StackOverflow, MemoryError)
        context = quickjs.Context()
        context.set_memory_limit(_memory)
        context.set_max_stack_size(_stack)
        context.set_time_limit(source.seconds)
        self._dispatch: Any = context.eval(_helper())
        try:
            context.eval(source.script)
            named = f"typeof {alias} === 'function' ? {alias} : null" if alias.isidentifier() else "null"
            entry = context.eval(f"typeof main === 'function' ? main : {named}")
        except self._failures as error:
            raise self._error(str(error)) from None
        if entry is None:
            raise ScriptError(f"the script defines no function main, nor {alias}", source.name)
        self._run("entry", entry)

    def call(self, arguments: Sequence[Value]) -> Value:
        """What the function returns. Raises ScriptError."""
        return self._returned(self._run("call", encode(arguments)))

    def check_aggregate(self) -> None:
        """The script is one of an aggregate. Raises ScriptError."""
        self._run("check")

    def instance(self) -> Instance:
        """A fresh aggregate, after init(). Raises ScriptError."""
        return Instance(self, self._run("new"))

    def restored(self, saved: str) -> Instance:
        """The aggregate whose fields were saved. Raises ScriptError."""
        return Instance(self, self._run("load", saved))

    def match(self, pattern: str, text: str) -> int:
        """Where, from 1, the first match of a regular expression stands in a text, else 0. Raises ScriptError."""
        return self._run("match", pattern, text)

    def forget(self, number: int) -> None:
        """Let go of an instance, at the next call: this one may come from any thread, in the midst of another."""
        self._dead.append(number)

    def _run(self, *operation: Any) -> Any:
        with self._lock:
            try:
                while self._dead:
                    self._dispatch("drop", self._dead.popleft())
                return self._dispatch(*operation)
            except self._failures as error:
                raise self._error(str(error)) from None

    def _returned(self, text: str) -> Value:
        try:
            value = _decode(_load(text))
        except OverflowError:
            raise ScriptError("a Date beyond the years 1 to 9999 was returned", self.source.name) from None
        output = self.source.output
        if output == "float" and isinstance(value, int):
            return float(value)
        if output is None or value is None or type_of(value) == output:
            return value
        raise ScriptError(f"{show(value)} was returned, the declared output is {output}", self.source.name)

    def _error(self, text: str) -> ScriptError:
        message, *frames = text.splitlines() or [""]
        if message == "InternalError: interrupted":
            message = f"it did not end within {self.source.seconds:g} s"
        elif message in ("", "null"):
            message = f"it needs more than {_memory >> 20} MB, or throws null"
        for frame in frames:
            found = _frame.match(frame)
            if found is not None:
                if f"function {found[1]}(" in _helper():
                    break
                return ScriptError(message, self.source.name, int(found[2]), int(found[3]))
        return ScriptError(message, self.source.name)


class Instance(Live):
    """A running aggregate inside its script."""

    def __init__(self, script: Script, number: int) -> None:
        self._script, self._number = script, number

    def accumulate(self, arguments: str) -> None:
        """Take what `encode` made of a value and its time. Raises ScriptError."""
        self._script._run("add", self._number, arguments)

    def deaccumulate(self, arguments: str) -> None:
        """Take a value back. Raises ScriptError."""
        self._script._run("remove", self._number, arguments)

    def deaccumulate_state(self, other: Instance) -> None:
        """Take back what another instance took. Raises ScriptError."""
        self._script._run("subtract", self._number, other._number)

    def result(self) -> Value:
        """computeResult(). Raises ScriptError."""
        return self._script._returned(self._script._run("result", self._number))

    def saved(self) -> str:
        """The fields of `this`. Raises StreamError for one that is no data."""
        try:
            return self._script._run("save", self._number)
        except ScriptError as error:
            message = f"the state of a JavaScript aggregate cannot be taken: {error}"
            raise StreamError(message) from None

    def __del__(self) -> None:
        self._script.forget(self._number)


@cache
def _helper() -> str:
    return Path(__file__).with_suffix(".js").read_text(encoding="utf-8")


@cache
def patterns() -> Script:
    """The engine's own script, for regular expressions as ECMAScript defines them."""
    return Script(JavaScript(script="function main() {}", name="pattern"), "main")


def encode(arguments: Sequence[Value]) -> str:
    """Arguments as the helper in `javascript.js` reads them."""
    return _dump(_encode(list(arguments)))


def _encode(value: Value) -> Any:
    if isinstance(value, dict):
        return {name: _encode(each) for name, each in value.items()}
    if isinstance(value, list):
        return ["a", [_encode(each) for each in value]]
    return ["d", to_micros(value) // 1000] if isinstance(value, datetime) else value


def _decode(value: Any) -> Value:
    if isinstance(value, dict):
        return {name: _decode(each) for name, each in value.items()}
    if isinstance(value, list):
        tag, inside = value
        return from_micros(inside * 1000) if tag == "d" else [_decode(each) for each in inside]
    return value


def _number(text: str) -> int | float:
    """Round numbers within 64 bits are bigint, all others float."""
    value = float(text)
    return int(value) if value.is_integer() and -(2**63) <= value < 2**63 else value


_dump = json.JSONEncoder(separators=(",", ":")).encode
_load = json.JSONDecoder(parse_int=_number, parse_float=_number).decode
