"""The grammar of statements: WITH, SELECT … INTO, UNION, CREATE TABLE; no semicolon is needed between them."""

from __future__ import annotations

from .errors import Refused
from .grammar import ExpressionParser
from .syntax import Apply, Call, Expression, Item, Join, Query, Script, Select, Source, Star, Step, Table, Union

not_supported = {
    "ORDER": "ORDER BY after a SELECT (a stream has no end at which to sort)",
    "MATCH_RECOGNIZE": "MATCH_RECOGNIZE",
    "LIMIT": "LIMIT outside OVER",
    "EXCEPT": "EXCEPT",
    "INTERSECT": "INTERSECT",
    "FULL": "FULL JOIN",
    "RIGHT": "RIGHT JOIN",
}


def parse(text: str) -> Script:
    """The tree of a whole query text. Raises Refused where the text leaves the supported grammar."""
    return _Parser(text).script()


class _Parser(ExpressionParser):
    def script(self) -> Script:
        tables: list[Table] = []
        steps: list[Step] = []
        outputs: list[Query] = []
        while self.token.kind != "end":
            if self.accept(";"):
                continue
            if self.at("CREATE"):
                tables.append(self._table())
            elif self.at("WITH"):
                if steps or outputs:
                    raise Refused("the one WITH of a query stands before every SELECT", self.token.at)
                steps = self._steps()
            elif self.at("SELECT") or self.at("("):
                outputs.append(self._query())
            else:
                raise Refused(f"expected WITH, SELECT or CREATE TABLE, found {self.found()}", self.token.at)
        if not outputs:
            raise Refused("the query has no SELECT that writes to an output", self.token.at)
        return Script(tables=tuple(tables), steps=tuple(steps), outputs=tuple(outputs), at=0)

    def _table(self) -> Table:
        at = self.expect("CREATE").at
        if not self.at("TABLE"):
            raise Refused(f"CREATE {self.token.text} is not supported, only CREATE TABLE", self.token.at)
        self.expect("TABLE")
        name = self.name("the name of an input")
        self.expect("(")
        columns: list[tuple[str, str]] = []
        while not columns or self.accept(","):
            columns.append((self.name("a column"), self.type()))
        self.expect(")")
        return Table(name=name, columns=tuple(columns), at=at)

    def _steps(self) -> list[Step]:
        self.expect("WITH")
        steps: list[Step] = []
        while not steps or self.accept(","):
            at = self.token.at
            name = self.name("the name of a step")
            self.expect("AS")
            self.expect("(")
            query = self._query()
            self.expect(")")
            steps.append(Step(name=name, query=query, at=at))
        return steps

    def _query(self) -> Query:
        at = self.token.at
        selects = self._operand()
        while self.accept("UNION"):
            self.accept("ALL")
            selects += self._operand()
        return selects[0] if len(selects) == 1 else Union(selects=tuple(selects), at=at)

    def _operand(self) -> list[Select]:
        """One side of a UNION: a SELECT, or a query in brackets, whose own UNION changes nothing."""
        if not self.accept("("):
            return [self._select()]
        query = self._query()
        self.expect(")")
        return list(query.selects) if isinstance(query, Union) else [query]

    def _select(self) -> Select:
        at = self.expect("SELECT").at
        if self.token.upper in ("DISTINCT", "TOP"):
            raise Refused(f"SELECT {self.token.upper} is not supported", self.token.at)
        items = [self._item()]
        while self.accept(","):
            items.append(self._item())
        into = self.name("the name of an output") if self.accept("INTO") else None
        self.expect("FROM")
        source = self._source()
        joins: list[Join] = []
        applies: list[Apply] = []
        while self.token.upper in ("JOIN", "INNER", "LEFT", "CROSS", "OUTER"):
            if self.at("CROSS") or self.at("OUTER"):
                applies.append(self._apply())
            else:
                joins.append(self._join())
        where = self.expression() if self.accept("WHERE") else None
        group = self.listed() if self.accept("GROUP", "BY") else ()
        having = self.expression() if self.accept("HAVING") else None
        if self.token.upper in not_supported:
            raise Refused(f"{not_supported[self.token.upper]} is not supported", self.token.at)
        return Select(
            items=tuple(items),
            into=into,
            source=source,
            joins=tuple(joins),
            applies=tuple(applies),
            where=where,
            group=group,
            having=having,
            at=at,
        )

    def _item(self) -> Item:
        at = self.token.at
        if self.accept("*"):
            return Item(value=Star(at=at), alias=None, at=at)
        dots = 0
        while self.following(2 * dots + 1).upper == "." and self.following(2 * dots + 2).kind in ("word", "quoted"):
            dots += 1
        if self.following(2 * dots + 1).upper == "." and self.following(2 * dots + 2).upper == "*":
            parts = [self.name("a source or column")]
            while not self.accept(".", "*"):
                self.expect(".")
                parts.append(self.advance().text)
            return Item(value=Star(parts=tuple(parts), at=at), alias=None, at=at)
        if self.following().upper == "=" and self.token.kind in ("word", "quoted"):
            alias = self.name("a column name")
            self.expect("=")
            return Item(value=self.expression(), alias=alias, at=at)
        return Item(value=self.expression(), alias=self._alias(), at=at)

    def _alias(self) -> str | None:
        if self.accept("AS"):
            # T-SQL also takes a string as a column's name.
            return self.advance().text if self.token.kind == "string" else self.name("a name after AS")
        return self.name("a name") if self.at_name() else None

    def _source(self) -> Source:
        at = self.token.at
        query = None
        if self.accept("("):
            query = self._query()
            self.expect(")")
            name = ""
        else:
            name = self.name("an input or step")
        alias = self._alias()
        timestamp: Expression | None = None
        over: tuple[Expression, ...] | None = None
        partition: tuple[Expression, ...] | None = None
        while True:
            if self.accept("TIMESTAMP", "BY"):
                timestamp = self.expression()
                over = self.listed() if self.accept("OVER") else None
            elif self.accept("PARTITION", "BY"):
                partition = self.listed()
                if self.accept("INTO"):
                    self.advance()
            else:
                break
        alias = alias or self._alias()
        alias = alias or name
        return Source(name=name, alias=alias, query=query, at=at, timestamp=timestamp, over=over, partition=partition)

    def _join(self) -> Join:
        at = self.token.at
        left = self.accept("LEFT")
        if left:
            self.accept("OUTER")
        else:
            self.accept("INNER")
        self.expect("JOIN")
        source = self._source()
        self.expect("ON")
        return Join(source=source, on=self.expression(), left=left, at=at)

    def _apply(self) -> Apply:
        at = self.token.at
        outer = self.advance().upper == "OUTER"
        if self.at("JOIN"):
            raise Refused("CROSS JOIN is not supported: a stream is joined ON … DATEDIFF(…)", at)
        self.expect("APPLY")
        call = self.expression()
        if not isinstance(call, Call):
            raise Refused("APPLY takes GetArrayElements(…) or GetRecordProperties(…)", call.at)
        alias = self._alias()
        if alias is None:
            raise Refused("the result of APPLY needs AS name", self.token.at)
        return Apply(call=call, alias=alias, outer=outer, at=at)
