"""Parses one expression, the part after `@` or between `@{` and `}`, with lark."""

from functools import cache
from importlib import resources
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, v_args
from lark.exceptions import UnexpectedToken

from factory_engine.expressions.errors import ExpressionError
from factory_engine.expressions.nodes import Access, Call, Literal, Node, Path

_CONSTANTS = {"true": True, "false": False, "null": None}


def parse_expression(body: str, *, whole: str, offset: int) -> Node:
    """The parsed `body`, which begins at index `offset` of the string `whole`. Raises ExpressionError."""
    try:
        tree = _parser().parse(body)
    except UnexpectedInput as error:
        raise _syntax_error(error, body, whole, offset) from None
    node = _Build(offset + 1).transform(tree)
    return node


@cache
def _parser() -> Lark:
    grammar = resources.files("factory_engine.expressions").joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", maybe_placeholders=False)


def _syntax_error(error: UnexpectedInput, body: str, whole: str, offset: int) -> ExpressionError:
    if isinstance(error, UnexpectedCharacters):
        found, index = repr(body[error.pos_in_stream or 0]), error.pos_in_stream or 0
        if found == '"\'"':
            return ExpressionError("the string has no closing quote", expression=whole, position=offset + index + 1)
    elif isinstance(error, UnexpectedToken) and error.token.type != "$END":
        found, index = repr(str(error.token)), error.token.start_pos or 0
    else:
        found, index = "the end", len(body)
    expected = _expected(error)
    return ExpressionError(f"expected {expected}, found {found}", expression=whole, position=offset + index + 1)


def _expected(error: UnexpectedInput) -> str:
    names: set[str] = set()
    if isinstance(error, UnexpectedToken):
        names = set(error.accepts or error.expected)
    elif isinstance(error, UnexpectedCharacters):
        names = set(error.allowed or ())
    elif isinstance(error, UnexpectedEOF):
        names = {str(name) for name in error.expected}
    if names == {"LPAR"}:
        return "an opening parenthesis"
    if "STRING" in names:
        return "a function, a string in single quotes or a number"
    if "NAME" in names:
        return "a name"
    return "the end, a comma, a closing bracket or a property" if "RPAR" in names else "the end or a property"


@v_args(inline=True)
class _Build(Transformer[Token, Node]):
    """Turns lark's tree into nodes; `start` is the position of the expression's first character."""

    def __init__(self, start: int) -> None:
        super().__init__()
        self._start = start

    def _position(self, token: Token) -> int:
        return (token.start_pos or 0) + self._start

    def literal(self, token: Token) -> Literal:
        return Literal(value=_literal(token), position=self._position(token))

    def call(self, name: Token, *arguments: Node) -> Call:
        return Call(name=str(name), arguments=arguments, position=self._position(name))

    def property(self, *tokens: Token) -> Access:
        name = tokens[-1]
        key = Literal(value=str(name), position=self._position(name))
        return Access(key=key, optional=len(tokens) > 1, position=key.position)

    def item(self, *parts: Any) -> Access:
        key: Node = parts[-1]
        return Access(key=key, optional=len(parts) > 1, position=key.position)

    def path(self, call: Call, *accesses: Access) -> Node:
        return Path(root=call, accesses=accesses, position=call.position) if accesses else call


def _literal(token: Token) -> Any:
    if token.type == "STRING":
        return token[1:-1].replace("''", "'")
    if token.type == "CONSTANT":
        return _CONSTANTS[token.lower()]
    return float(token) if token.type == "FLOAT" else int(token)
