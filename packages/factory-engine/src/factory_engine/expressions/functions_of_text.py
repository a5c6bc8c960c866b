"""Functions of strings and of collections."""

import base64
from typing import Any
from urllib.parse import quote, unquote

from factory_engine.expressions.conversion import same, to_string
from factory_engine.expressions.errors import ExpressionError
from factory_engine.expressions.signature import function


def _concat(*values: Any) -> str:
    return "".join(map(to_string, values))


def _replace(text: str, old: str, new: str) -> str:
    if not text:
        return ""
    if not old:
        msg = "replace() cannot replace the empty string"
        raise ExpressionError(msg)
    return text.replace(old, new)


def _substring(text: str, start: int, length: int | None = None) -> str:
    end = len(text) if length is None else start + length
    if not 0 <= start < len(text) or end < start or end > len(text):
        msg = f"substring() from {start} to {end} lies outside a string of {len(text)} characters"
        raise ExpressionError(msg)
    return text[start:end]


def _split(text: str, delimiter: str) -> list[str]:
    return text.split(delimiter) if delimiter else [text]


def _index_of(text: str, search: str) -> int:
    return text.lower().find(search.lower())


def _last_index_of(text: str, search: str) -> int:
    return text.lower().rfind(search.lower())


def _starts_with(text: str, search: str) -> bool:
    return text.lower().startswith(search.lower())


def _ends_with(text: str, search: str) -> bool:
    return text.lower().endswith(search.lower())


def _contains(collection: Any, value: Any) -> bool:
    """A substring (case-sensitive), an item of an array, or a key of an object (not case-sensitive)."""
    if isinstance(collection, list):
        return any(same(item, value) for item in collection)
    if not isinstance(value, str):
        msg = "contains() expects a string to look for in a string or an object"
        raise ExpressionError(msg)
    if isinstance(collection, str):
        return value in collection
    return value.lower() in {key.lower() for key in collection}


def _first(collection: Any) -> Any:
    return _at(collection, 0)


def _last(collection: Any) -> Any:
    return _at(collection, -1)


def _at(collection: Any, index: int) -> Any:
    """Of the empty string the empty string, of an empty array null."""
    if collection:
        return collection[index]
    return "" if isinstance(collection, str) else None


def _empty(collection: Any) -> bool:
    return not collection


def _join(collection: list[Any], delimiter: str) -> str:
    return delimiter.join(map(to_string, collection))


def _skip(collection: Any, count: int) -> Any:
    return collection[_count("skip", count) :]


def _take(collection: Any, count: int) -> Any:
    return collection[: _count("take", count)]


def _count(name: str, count: int) -> int:
    if count < 0:
        msg = f"{name}() expects a count of 0 or more, found {count}"
        raise ExpressionError(msg)
    return count


def _create_array(*values: Any) -> list[Any]:
    return list(values)


def _uri_component(value: Any) -> str:
    return quote(to_string(value), safe="-_.~")


def _base64(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


def _base64_to_string(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode()
    except ValueError:
        msg = "base64ToString() expects base64 of UTF-8 text"
        raise ExpressionError(msg) from None


def _guid(scope: Any, style: str = "D") -> str:
    digits: str = scope.new_id()
    styles = {"D": digits, "N": digits.replace("-", ""), "B": f"{{{digits}}}", "P": f"({digits})"}
    if style.upper() not in styles:
        msg = f"guid() format '{style}' is not supported, only D, N, B and P are"
        raise ExpressionError(msg)
    return styles[style.upper()]


FUNCTIONS = (
    function("text", "concat(value:any…)", _concat),
    function("text", "startsWith(text:string, search:string)", _starts_with),
    function("text", "endsWith(text:string, search:string)", _ends_with),
    function("text", "indexOf(text:string, search:string)", _index_of),
    function("text", "lastIndexOf(text:string, search:string)", _last_index_of),
    function("text", "replace(text:string, old:string, new:string)", _replace),
    function("text", "substring(text:string, start:integer, length:integer?)", _substring),
    function("text", "split(text:string, delimiter:string)", _split),
    function("text", "toLower(text:string)", str.lower),
    function("text", "toUpper(text:string)", str.upper),
    function("text", "trim(text:string)", str.strip),
    function("text", "guid(format:string?)", _guid, scoped=True),
    function("text", "base64(value:string)", _base64),
    function("text", "base64ToString(value:string)", _base64_to_string),
    function("text", "uriComponent(value:any)", _uri_component),
    function("text", "encodeUriComponent(value:any)", _uri_component),
    function("text", "uriComponentToString(value:string)", unquote),
    function("text", "decodeUriComponent(value:string)", unquote),
    function("collection", "contains(collection:string|array|object, value:any)", _contains),
    function("collection", "empty(collection:string|array|object|null)", _empty),
    function("collection", "length(collection:string|array)", len),
    function("collection", "first(collection:string|array)", _first),
    function("collection", "last(collection:string|array)", _last),
    function("collection", "join(collection:array, delimiter:string)", _join),
    function("collection", "skip(collection:string|array, count:integer)", _skip),
    function("collection", "take(collection:string|array, count:integer)", _take),
    function("collection", "createArray(value:any…)", _create_array),
)
