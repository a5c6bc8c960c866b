"""Reads expressions and conditions. T-SQL keeps the two apart: a comparison is no value, a value no condition."""

from __future__ import annotations

from . import tree
from .constants import constant
from .conversions import STYLES
from .cursor import RESERVED, Cursor
from .errors import Fault, refused
from .functions import DATE_PARTS, check_call
from .tree import Node
from .types import NULL

_COMPARISONS = {"=": "=", "<>": "<>", "!=": "<>", "<": "<", ">": ">", "<=": "<=", ">=": ">=", "!<": ">=", "!>": "<="}
_CALLED_KEYWORDS = {"COALESCE", "NULLIF", "LEFT", "RIGHT"}
_FRAME_BOUNDS = (("UNBOUNDED", "PRECEDING"), ("UNBOUNDED", "FOLLOWING"), ("CURRENT", "ROW"))


class Expressions(Cursor):
    """Adds expressions to the cursor."""

    def value(self) -> Node:
        node = self._or()
        if isinstance(node, tree.PREDICATES):
            raise Fault(102, "Incorrect syntax: a condition stands where a value is expected.", node.at)
        return node

    def condition(self) -> Node:
        node = self._or()
        if not isinstance(node, tree.PREDICATES):
            near = self.token.text or "end of script"
            message = "An expression of non-boolean type specified in a context where a condition is expected, near"
            raise Fault(4145, f"{message} '{near}'.", node.at)
        return node

    def query_expression(self) -> tree.Query:
        raise NotImplementedError

    def _or(self) -> Node:
        return self._logical("OR", lambda: self._logical("AND", self._not))

    def _logical(self, word: str, operand) -> Node:  # type: ignore[no-untyped-def]
        operands = [operand()]
        while self.take_words(word):
            operands.append(operand())
        if len(operands) == 1:
            return operands[0]
        for node in operands:
            self._must_be_condition(node)
        return tree.Logical(operands[0].at, word, tuple(operands))

    def _not(self) -> Node:
        at = self.token.at
        if not self.take_words("NOT"):
            return self._predicate()
        return tree.Logical(at, "NOT", (self._must_be_condition(self._not()),))

    def _must_be_condition(self, node: Node) -> Node:
        if isinstance(node, tree.PREDICATES):
            return node
        message = "An expression of non-boolean type specified in a context where a condition is expected."
        raise Fault(4145, message, node.at)

    def _must_be_value(self, node: Node) -> Node:
        if isinstance(node, tree.PREDICATES):
            raise Fault(102, "Incorrect syntax: a condition stands where a value is expected.", node.at)
        return node

    def _predicate(self) -> Node:
        if self.at_words("EXISTS"):
            at = self.advance().at
            return tree.Exists(at, self._subquery())
        left = self._sum()
        operator = _COMPARISONS.get(self.token.text) if self.token.kind == "symbol" else None
        if operator:
            at = self.advance().at
            if self.token.upper in ("ALL", "ANY", "SOME"):
                raise refused(f"{self.token.upper} after a comparison", self.token.at)
            return tree.Comparison(at, operator, self._must_be_value(left), self._must_be_value(self._sum()))
        if self.take_words("IS"):
            negated = self.take_words("NOT")
            if self.at_words("DISTINCT"):
                raise refused("IS DISTINCT FROM", self.token.at)
            self.need_words("NULL")
            return tree.IsNull(left.at, self._must_be_value(left), negated)
        return self._ranged(left)

    def _ranged(self, left: Node) -> Node:
        negated = self.at_words("NOT") and self.ahead().upper in ("BETWEEN", "IN", "LIKE")
        if negated:
            self.advance()
        at = self.token.at
        if self.take_words("BETWEEN"):
            low = self._sum()
            self.need_words("AND")
            return tree.Between(at, self._must_be_value(left), low, self._sum(), negated)
        if self.take_words("LIKE"):
            pattern = self._sum()
            if not isinstance(pattern, tree.Constant | tree.Parameter):
                raise refused("LIKE with a pattern that is no constant", pattern.at)
            if isinstance(pattern, tree.Constant) and "[" in str(pattern.value):
                raise refused("a character class in LIKE", pattern.at)
            escape = self.string() if self.take_words("ESCAPE") else None
            return tree.Like(at, self._must_be_value(left), pattern, escape, negated)
        if self.take_words("IN"):
            if self.at_symbol("(") and self.ahead().upper in ("SELECT", "WITH"):
                return tree.InQuery(at, self._must_be_value(left), self._subquery(), negated)
            return tree.InList(at, self._must_be_value(left), tuple(self.in_brackets(self.value)), negated)
        return left

    def _sum(self) -> Node:
        return self._arithmetic(("+", "-"), lambda: self._arithmetic(("*", "/", "%"), self._unary))

    def _arithmetic(self, operators: tuple[str, ...], operand) -> Node:  # type: ignore[no-untyped-def]
        left = operand()
        while self.token.kind == "symbol" and self.token.text in operators:
            token = self.advance()
            right = self._must_be_value(operand())
            left = tree.Arithmetic(token.at, token.text, self._must_be_value(left), right)
        if self.token.kind == "symbol" and self.token.text in ("&", "|", "^", "~"):
            raise refused(f"the operator {self.token.text}", self.token.at)
        return left

    def _unary(self) -> Node:
        at = self.token.at
        if self.take_symbol("-"):
            return tree.Negative(at, self._must_be_value(self._unary()))
        if self.take_symbol("+"):
            return self._unary()
        node = self._primary()
        if self.at_words("COLLATE"):
            raise refused("COLLATE", self.token.at, "every comparison follows the default collation")
        if self.at_words("AT", "TIME", "ZONE"):
            raise refused("AT TIME ZONE", self.token.at, "moments are UTC")
        return node

    def _primary(self) -> Node:
        token = self.token
        if token.kind in ("number", "string", "binary"):
            return constant(self.advance())
        if token.kind == "parameter":
            if token.text.startswith("@@"):
                raise refused(token.text, token.at)
            return tree.Parameter(self.advance().at, token.text)
        if self.at_symbol("("):
            if self.ahead().upper in ("SELECT", "WITH"):
                return tree.Scalar(token.at, self._subquery())
            self.advance()
            node = self._or()
            self.need_symbol(")")
            return node
        if self.take_words("NULL"):
            return tree.Constant(token.at, None, NULL)
        if self.take_words("CASE"):
            return self._case(token.at)
        if token.upper in ("CAST", "TRY_CAST", "CONVERT", "TRY_CONVERT") and self._opens():
            return self._cast()
        if token.kind == "word" and self._opens() and (token.upper not in RESERVED or token.upper in _CALLED_KEYWORDS):
            return self._call()
        if token.upper in ("CURRENT_TIMESTAMP",):
            self.advance()
            return tree.Call(token.at, "GETDATE", ())
        return self._column_or_call()

    def _opens(self) -> bool:
        return self.ahead().kind == "symbol" and self.ahead().text == "("

    def _subquery(self) -> tree.Query:
        self.need_symbol("(")
        query = self.query_expression()
        self.need_symbol(")")
        return query

    def _column_or_call(self) -> Node:
        """A column, or the file functions that hang on a source: r.filepath(1)."""
        parts = self.path(3)
        if not self.at_symbol("("):
            return tree.Column(parts[0].at, parts)
        if len(parts) == 2 and parts[1].text.upper() in ("FILEPATH", "FILENAME"):
            self.advance()
            number = self.token
            arguments = () if self.at_symbol(")") else (constant(self.advance()),)
            if arguments and (number.kind != "number" or not number.text.isdigit()):
                raise refused("filepath of what is no number constant", number.at)
            self.need_symbol(")")
            first = tree.Column(parts[0].at, parts[:1])
            return tree.Call(parts[0].at, parts[1].text.upper(), (first, *arguments))
        raise refused(f"the function {'.'.join(part.text for part in parts)}", parts[0].at)

    def _case(self, at: int) -> Node:
        operand = None if self.at_words("WHEN") else self.value()
        branches = []
        while self.take_words("WHEN"):
            condition = self.value() if operand else self.condition()
            self.need_words("THEN")
            branches.append((condition, self.value()))
        otherwise = self.value() if self.take_words("ELSE") else None
        if not branches:
            raise self.unexpected()
        self.need_words("END")
        return tree.Case(at, operand, tuple(branches), otherwise)

    def _cast(self) -> Node:
        token = self.advance()
        attempt = token.upper.startswith("TRY_")
        self.need_symbol("(")
        if token.upper.endswith("CAST"):
            operand = self.value()
            self.need_words("AS")
            kind = self.type(default_length=30)
            self.need_symbol(")")
            return tree.Cast(token.at, operand, kind, attempt)
        kind = self.type(default_length=30)
        self.need_symbol(",")
        operand = self.value()
        style = self.integer() if self.take_symbol(",") else None
        if style not in (None, 0, *STYLES):
            raise refused(f"CONVERT's style {style}", token.at, f"the styles are {', '.join(map(str, STYLES))}")
        self.need_symbol(")")
        return tree.Cast(token.at, operand, kind, attempt, style)

    def _call(self) -> Node:
        token = self.advance()
        name = token.upper
        self.need_symbol("(")
        distinct, star, part = False, False, ""
        arguments: list[Node] = []
        if self.take_symbol("*"):
            star = True
        elif not self.at_symbol(")"):
            distinct = self.take_words("DISTINCT")
            self.take_words("ALL")
            if name in DATE_PARTS.functions and self.token.kind == "word":
                part = DATE_PARTS.read(self.token.text, self.advance().at, name)
                if self.take_symbol(","):
                    arguments = self.separated(self.value)
            elif name == "IIF":
                arguments = [self.condition(), *self._rest()]
            else:
                arguments = self.separated(self.value)
        self.need_symbol(")")
        within = self._within() if self.at_words("WITHIN") else ()
        over = self._over() if self.take_words("OVER") else None
        call = tree.Call(token.at, name, tuple(arguments), distinct, star, over, within, part)
        check_call(call)
        return call

    def _rest(self) -> list[Node]:
        self.need_symbol(",")
        return self.separated(self.value)

    def _within(self) -> tuple[tree.Order, ...]:
        self.need_words("WITHIN", "GROUP")
        self.need_symbol("(")
        order = self.order_by()
        self.need_symbol(")")
        return order

    def order_by(self) -> tuple[tree.Order, ...]:
        self.need_words("ORDER", "BY")
        return tuple(self.separated(self._order))

    def _order(self) -> tree.Order:
        expression = self.value()
        descending = self.take_words("DESC")
        if not descending:
            self.take_words("ASC")
        return tree.Order(expression, descending)

    def _over(self) -> tree.Over:
        self.need_symbol("(")
        partition = tuple(self.separated(self.value)) if self.take_words("PARTITION", "BY") else ()
        order = self.order_by() if self.at_words("ORDER") else ()
        frame = ""
        if self.token.upper in ("ROWS", "RANGE"):
            frame = self._frame()
        self.need_symbol(")")
        return tree.Over(partition, order, frame)

    def _frame(self) -> str:
        unit = self.advance().upper
        if not self.take_words("BETWEEN"):
            return f"{unit} {self._bound()}"
        low = self._bound()
        self.need_words("AND")
        return f"{unit} BETWEEN {low} AND {self._bound()}"

    def _bound(self) -> str:
        for words in _FRAME_BOUNDS:
            if self.take_words(*words):
                return " ".join(words)
        count = self.integer()
        if self.token.upper not in ("PRECEDING", "FOLLOWING"):
            raise self.unexpected()
        return f"{count} {self.advance().upper}"
