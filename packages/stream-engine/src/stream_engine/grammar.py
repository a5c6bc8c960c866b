"""The grammar of expressions: tokens to `syntax` nodes. What is not in the grammar is refused at its token."""

from __future__ import annotations

from .errors import Refused
from .lexer import Token, tokenize
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
    Order,
    Over,
    Star,
    Unary,
    type_names,
    types,
)

# Words that end an expression or an alias: never taken for a name unless quoted by [ ] or " ".
_reserved = frozenset(
    """SELECT INTO FROM WHERE GROUP HAVING UNION WITH CREATE JOIN INNER LEFT OUTER CROSS FULL RIGHT ON AS AND OR NOT IN
    IS NULL LIKE ESCAPE BETWEEN CASE WHEN THEN ELSE END OVER TIMESTAMP PARTITION BY LIMIT ORDER MATCH_RECOGNIZE
    DISTINCT CAST TRY_CAST EXCEPT INTERSECT""".split()  # noqa: SIM905
)
# Keywords only before BY: events often have a field `timestamp` or `partition`.
_before_by = frozenset(("TIMESTAMP", "PARTITION", "GROUP", "ORDER"))
_comparisons = {each: each for each in ("=", "<>", "<", ">", "<=", ">=")} | {"!=": "<>", "!<": ">=", "!>": "<="}
# Reserved words that are also functions.
_callable = frozenset(("LEFT", "RIGHT"))


class ExpressionParser:
    """A cursor over the tokens of one text, with one method for each level of precedence."""

    def __init__(self, text: str) -> None:
        self._tokens = tokenize(text)
        self._index = 0

    @property
    def token(self) -> Token:
        return self._tokens[self._index]

    def following(self, count: int = 1) -> Token:
        return self._tokens[min(self._index + count, len(self._tokens) - 1)]

    def advance(self) -> Token:
        token = self.token
        self._index = min(self._index + 1, len(self._tokens) - 1)
        return token

    def at(self, *words: str) -> bool:
        """Whether the next tokens are these words."""
        return all(self.following(index).upper == word for index, word in enumerate(words))

    def accept(self, *words: str) -> bool:
        if not self.at(*words):
            return False
        for _ in words:
            self.advance()
        return True

    def expect(self, *words: str) -> Token:
        first = self.token
        for word in words:
            if self.token.upper != word:
                raise Refused(f"expected {word}, found {self.found()}", self.token.at)
            self.advance()
        return first

    def found(self) -> str:
        return "the end of the query" if self.token.kind == "end" else repr(self.token.text)

    def at_name(self) -> bool:
        """Whether the token is a name: quoted, or a word that is no keyword here."""
        token = self.token
        if token.kind != "word":
            return token.kind == "quoted"
        return token.upper not in _reserved or (token.upper in _before_by and self.following().upper != "BY")

    def name(self, what: str) -> str:
        if self.at_name():
            return self.advance().text
        raise Refused(f"expected {what}, found {self.found()}", self.token.at)

    def expression(self) -> Expression:
        left = self._conjunction()
        while self.at("OR"):
            at = self.advance().at
            left = Binary(operator="OR", left=left, right=self._conjunction(), at=at)
        return left

    def _conjunction(self) -> Expression:
        left = self._negation()
        while self.at("AND"):
            at = self.advance().at
            left = Binary(operator="AND", left=left, right=self._negation(), at=at)
        return left

    def _negation(self) -> Expression:
        if self.at("NOT"):
            at = self.advance().at
            return Unary(operator="NOT", operand=self._negation(), at=at)
        return self._comparison()

    def _comparison(self) -> Expression:
        left = self._sum()
        while True:
            at = self.token.at
            if self.token.upper in _comparisons:
                operator = _comparisons[self.advance().text]
                left = Binary(operator=operator, left=left, right=self._sum(), at=at)
            elif self.accept("IS"):
                negated = self.accept("NOT")
                self.expect("NULL")
                left = IsNull(operand=left, negated=negated, at=at)
            elif self.token.upper in ("IN", "LIKE", "BETWEEN") or self.at("NOT"):
                left = self._membership(left, self.accept("NOT"), at)
            else:
                return left

    def _membership(self, left: Expression, negated: bool, at: int) -> Expression:
        if self.accept("IN"):
            self.expect("(")
            choices = self.listed()
            self.expect(")")
            return In(operand=left, choices=choices, negated=negated, at=at)
        if self.accept("LIKE"):
            pattern = self._sum()
            escape = self._sum() if self.accept("ESCAPE") else None
            return Like(operand=left, pattern=pattern, escape=escape, negated=negated, at=at)
        self.expect("BETWEEN")
        low = self._sum()
        self.expect("AND")
        return Between(operand=left, low=low, high=self._sum(), negated=negated, at=at)

    def listed(self) -> tuple[Expression, ...]:
        """One or more expressions with commas between them."""
        values: list[Expression] = []
        while not values or self.accept(","):
            values.append(self.expression())
        return tuple(values)

    def _sum(self) -> Expression:
        left = self._product()
        while self.token.upper in ("+", "-", "&", "|", "^"):
            operator = self.advance()
            left = Binary(operator=operator.text, left=left, right=self._product(), at=operator.at)
        return left

    def _product(self) -> Expression:
        left = self._sign()
        while self.token.upper in ("*", "/", "%"):
            operator = self.advance()
            left = Binary(operator=operator.text, left=left, right=self._sign(), at=operator.at)
        return left

    def _sign(self) -> Expression:
        if self.token.upper in ("+", "-"):
            operator = self.advance()
            operand = self._sign()
            if isinstance(operand, Literal) and isinstance(operand.value, (int, float)):
                return Literal(value=-operand.value if operator.text == "-" else operand.value, at=operator.at)
            return Unary(operator=operator.text, operand=operand, at=operator.at)
        if self.at("~"):
            at = self.advance().at
            return Unary(operator="~", operand=self._sign(), at=at)
        return self._primary()

    def _primary(self) -> Expression:
        token = self.token
        if token.kind == "number":
            self.advance()
            return Literal(value=int(token.text) if token.text.isdigit() else float(token.text), at=token.at)
        if token.kind == "string":
            self.advance()
            return Literal(value=token.text, at=token.at)
        if self.accept("NULL"):
            return Literal(value=None, at=token.at)
        if self.accept("("):
            if self.at("SELECT"):
                raise Refused("a subquery inside an expression is not supported: make it a step of WITH", self.token.at)
            value = self.expression()
            self.expect(")")
            return value
        if token.upper == "CASE":
            return self._case()
        if token.upper in ("CAST", "TRY_CAST"):
            return self._cast()
        return self._column_or_call()

    def _case(self) -> Case:
        at = self.expect("CASE").at
        operand = None if self.at("WHEN") else self.expression()
        branches = []
        while self.accept("WHEN"):
            condition = self.expression()
            self.expect("THEN")
            branches.append((condition, self.expression()))
        if not branches:
            raise Refused(f"expected WHEN, found {self.found()}", self.token.at)
        otherwise = self.expression() if self.accept("ELSE") else None
        self.expect("END")
        return Case(operand=operand, branches=tuple(branches), otherwise=otherwise, at=at)

    def _cast(self) -> Cast:
        function = self.advance()
        self.expect("(")
        operand = self.expression()
        self.expect("AS")
        target = self.type()
        self.expect(")")
        return Cast(operand=operand, type=target, safe=function.upper == "TRY_CAST", at=function.at)

    def type(self) -> str:
        """A type of Stream Analytics; `nvarchar` has no other length than max."""
        token = self.token
        found = types.get(token.upper)
        if found is None:
            raise Refused(f"unknown type {self.found()}: one of {', '.join(type_names)}", token.at)
        self.advance()
        if found == "nvarchar(max)" and self.accept("("):
            self.expect("MAX")
            self.expect(")")
        return found

    def _column_or_call(self) -> Expression:
        at = self.token.at
        if self.token.upper in _callable and self.following().upper == "(":
            parts = [self.advance().text]
        else:
            parts = [self.name("an expression")]
        while self.accept("."):
            parts.append(self._part())
        if self.at("("):
            return self._fields(self._call(".".join(parts), at))
        if [part.lower() for part in parts] == ["system", "timestamp"]:
            return Call(name="System.Timestamp", arguments=(), at=at)
        return Column(parts=tuple(parts), at=at)

    def _part(self) -> str:
        """A part of a dotted name: after the dot even a reserved word is a name (`System.Timestamp`)."""
        if self.token.kind in ("word", "quoted"):
            return self.advance().text
        raise Refused(f"expected a field name, found {self.found()}", self.token.at)

    def _fields(self, value: Expression) -> Expression:
        while self.at("."):
            at = self.advance().at
            value = Field(operand=value, name=self._part(), at=at)
        return value

    def _call(self, name: str, at: int) -> Call:
        self.expect("(")
        distinct = self.accept("DISTINCT")
        if self.at("ALL") and self.following().kind in ("word", "quoted", "number", "string"):
            self.advance()
        arguments: list[Expression | Star] = []
        while not self.at(")"):
            if self.at("*"):
                arguments.append(Star(at=self.advance().at))
            else:
                arguments.append(self.expression())
            if not self.at(")"):
                self.expect(",")
        self.expect(")")
        over = self._over() if self.at("OVER") else None
        return Call(name=name, arguments=tuple(arguments), distinct=distinct, over=over, at=at)

    def _over(self) -> Over:
        at = self.expect("OVER").at
        self.expect("(")
        partition = self.listed() if self.accept("PARTITION", "BY") else ()
        order = self._order() if self.at("ORDER", "BY") else ()
        limit = None
        if self.accept("LIMIT"):
            duration = self.expression()
            if not isinstance(duration, Call) or duration.name.upper() != "DURATION":
                raise Refused("LIMIT takes DURATION(unit, length)", duration.at)
            limit = duration
        when = self.expression() if self.accept("WHEN") else None
        self.expect(")")
        return Over(partition=partition, order=order, limit=limit, when=when, at=at)

    def _order(self) -> tuple[Order, ...]:
        self.expect("ORDER", "BY")
        orders: list[Order] = []
        while not orders or self.accept(","):
            by = self.expression()
            descending = self.accept("DESC") or (self.accept("ASC") and False)
            orders.append(Order(by=by, descending=descending, at=by.at))
        return tuple(orders)
