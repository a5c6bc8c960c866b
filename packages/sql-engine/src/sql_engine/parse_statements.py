"""Reads a script: batches of statements. What is no known form is refused here, before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from . import statements, tree
from .errors import Fault, refused
from .lexer import Token, inner_offsets, tokens
from .parse_definitions import RENAME_ADVICE, STARTS, Definitions

_SET_OPTIONS = ("NOCOUNT", "XACT_ABORT", "ANSI_NULLS", "QUOTED_IDENTIFIER", "ANSI_PADDING", "ANSI_WARNINGS")
_ADVICE = {
    "TRUNCATE": "use DELETE",
    "DECLARE": "give the value as a parameter of the call",
    "COMMIT": "a batch is one transaction",
    "ROLLBACK": "a batch is one transaction",
    "SAVE": "a batch is one transaction",
    "USE": "a script runs in the database that the call names",
    "COPY": "rows come in by upsert or INSERT",
    "BULK": "rows come in by upsert or INSERT",
}


class Statements(Definitions):
    """Adds statements and batches to the cursor."""

    def __init__(self, found: list[Token], script: str, *, text: str | None = None, start: int = 0) -> None:
        super().__init__(found, script)
        # A script inside EXEC('…') has a text of its own; tokens still point into the outer script.
        self._text = text if text is not None else script
        self.begun = 0
        self._places: Sequence[int] = range(len(script) + 1)

    def body(self, start: int) -> str:
        first = next(i for i, place in enumerate(self._places) if place >= start)
        last = next((i for i, place in enumerate(self._places) if place >= self.last_end), len(self._text))
        return self._text[first:last].strip()

    def at_places(self, places: Sequence[int]) -> Statements:
        self._places = places
        return self

    def batch(self) -> statements.Batch:
        found: list[statements.Statement] = []
        while self.token.kind != "end":
            if self.take_symbol(";"):
                continue
            first = not found
            statement = self.statement()
            self._check_alone(statement, first=first)
            found.append(statement)
        return statements.Batch(tuple(found))

    def _check_alone(self, statement: statements.Statement, *, first: bool) -> None:
        if not isinstance(statement, statements.CreateView | statements.CreateSchema):
            return
        what = "CREATE SCHEMA" if isinstance(statement, statements.CreateSchema) else "CREATE VIEW"
        if not first:
            raise Fault(111, f"'{what}' must be the first statement in a query batch.", statement.at)
        self.take_symbol(";")
        if isinstance(statement, statements.CreateView) and self.token.kind != "end":
            raise Fault(156, f"Incorrect syntax near the keyword '{self.token.text}'.", self.token.at)

    def statement(self) -> statements.Statement:
        """One statement with its closing semicolon, if it has one."""
        self.begun = self.token.at
        statement = replace(self._statement(), end=self.last_end)
        if isinstance(statement, statements.Merge) and not self.at_symbol(";"):
            raise Fault(10713, "A MERGE statement must be terminated by a semi-colon (;).", statement.at)
        if not self.take_symbol(";") and not self._may_follow():
            raise self.unexpected()
        return statement

    def _may_follow(self) -> bool:
        """T-SQL needs no semicolon before a statement, save one that begins with WITH."""
        return self.token.kind == "end" or self.token.upper in (STARTS | {"END", "ELSE"}) - {"WITH"}

    def _statement(self) -> statements.Statement:
        token = self.token
        word = token.upper
        if word in ("SELECT", "WITH") or self.at_symbol("("):
            return statements.SelectStatement(form="SELECT", at=token.at, query=self.query_expression(top_level=True))
        read = {
            "INSERT": self._insert, "UPDATE": self._update, "DELETE": self._delete, "MERGE": self._merge,
            "CREATE": self.create, "ALTER": self.alter, "DROP": self.drop, "GRANT": self.permit, "DENY": self.permit,
            "REVOKE": self.permit, "IF": self._if, "EXEC": self._execute, "EXECUTE": self._execute, "SET": self._set,
        }.get(word)  # fmt: skip
        if read is not None:
            return read()
        if word.startswith("SP_"):
            raise self._procedure(token)
        if word in STARTS:
            raise refused(word, token.at, _ADVICE.get(word, "a batch is one transaction" if word == "BEGIN" else ""))
        raise self.unexpected()

    def _insert(self) -> statements.Insert:
        at = self.need_words("INSERT")
        self.take_words("INTO")
        table = self.table_ref(aliased=False)
        columns = self.names() if self.at_symbol("(") and self.ahead().upper not in ("SELECT", "WITH") else ()
        self._refuse_output()
        if self.take_words("VALUES"):
            rows = self.values()
            if len(rows.rows) > 1000:
                message = (
                    "The number of row value expressions in the INSERT statement exceeds the maximum allowed number of "
                    "1000 row values."
                )
                raise Fault(10738, message, at)
            return statements.Insert(form="INSERT … VALUES", at=at, table=table, columns=columns, source=rows)
        if self.at_words("DEFAULT", "VALUES") or self.token.upper in ("EXEC", "EXECUTE"):
            raise refused(f"INSERT … {self.token.upper}", self.token.at)
        query = self.query_expression(top_level=True)
        return statements.Insert(form="INSERT … SELECT", at=at, table=table, columns=columns, source=query)

    def _refuse_output(self) -> None:
        if self.at_words("OUTPUT"):
            raise refused("OUTPUT", self.token.at)

    def _update(self) -> statements.Update:
        at = self.need_words("UPDATE")
        self._refuse_top()
        table = self.table_ref(aliased=False)
        self.need_words("SET")
        assignments = tuple(self.separated(self._assignment))
        self._refuse_output()
        source = self.sources() if self.take_words("FROM") else None
        where = self.condition() if self.take_words("WHERE") else None
        return statements.Update(form="UPDATE", at=at, table=table, assignments=assignments, source=source, where=where)

    def _refuse_top(self) -> None:
        if self.at_words("TOP"):
            raise refused("TOP in a statement that writes", self.token.at)

    def _assignment(self) -> tuple[tree.Name, tree.Node]:
        column = self.path(2)[-1]
        if self.token.kind == "symbol" and self.token.text in ("+=", "-=", "*=", "/=", "%="):
            raise refused(f"the operator {self.token.text}", self.token.at)
        self.need_symbol("=")
        return column, self.value_or_default()

    def _delete(self) -> statements.Delete:
        at = self.need_words("DELETE")
        self._refuse_top()
        self.take_words("FROM")
        table = self.table_ref(aliased=False)
        self._refuse_output()
        source = self.sources() if self.take_words("FROM") else None
        where = self.condition() if self.take_words("WHERE") else None
        return statements.Delete(form="DELETE", at=at, table=table, source=source, where=where)

    def _merge(self) -> statements.Merge:
        at = self.need_words("MERGE")
        self._refuse_top()
        self.take_words("INTO")
        table = self.table_ref()
        self.need_words("USING")
        source = self.sources()
        self.need_words("ON")
        on = self.condition()
        whens = []
        while self.at_words("WHEN"):
            whens.append(self._when())
        self._refuse_output()
        if not whens:
            raise self.unexpected()
        return statements.Merge(form="MERGE", at=at, table=table, source=source, on=on, whens=tuple(whens))

    def _when(self) -> statements.When:
        at = self.need_words("WHEN")
        match = "TARGET" if self.take_words("NOT") else "MATCHED"
        self.need_words("MATCHED")
        if match == "TARGET" and self.take_words("BY"):
            match = self.token.upper
            if match not in ("TARGET", "SOURCE"):
                raise self.unexpected()
            self.advance()
        condition = self.condition() if self.take_words("AND") else None
        self.need_words("THEN")
        if match == "TARGET":
            return statements.When(at, match, condition, "INSERT", self._merge_insert())
        if self.take_words("DELETE"):
            return statements.When(at, match, condition, "DELETE")
        self.need_words("UPDATE", "SET")
        return statements.When(at, match, condition, "UPDATE", tuple(self.separated(self._assignment)))

    def _merge_insert(self) -> tuple[tuple[tree.Name, tree.Node], ...]:
        at = self.need_words("INSERT")
        if not self.at_symbol("("):
            raise refused("MERGE's INSERT without its columns", at, "name them")
        columns = self.names()
        self.need_words("VALUES")
        values = self.in_brackets(self.value_or_default)
        check_count(len(columns), len(values), at)
        return tuple(zip(columns, values, strict=True))

    def _if(self) -> statements.If:
        at = self.need_words("IF")
        condition = self.condition()
        then = self._block()
        otherwise = self._block() if self.take_words("ELSE") else ()
        return statements.If(form="IF", at=at, condition=condition, then=then, otherwise=otherwise)

    def _block(self) -> tuple[statements.Statement, ...]:
        if not self.take_words("BEGIN"):
            return (self._inner(),)
        found = []
        while not self.take_words("END"):
            if not self.take_symbol(";"):
                found.append(self._inner())
        if not found:
            raise self.unexpected()
        return tuple(found)

    def _inner(self) -> statements.Statement:
        statement = replace(self._statement(), end=self.last_end)
        if isinstance(statement, statements.CreateView | statements.CreateSchema):
            what = "SCHEMA" if isinstance(statement, statements.CreateSchema) else "VIEW"
            message = (
                f"Incorrect syntax near the keyword '{what}': 'CREATE {what}' must be the first statement in a query"
            )
            raise Fault(156, f"{message} batch; under IF write EXEC (N'CREATE {what} …').", statement.at)
        if isinstance(statement, statements.Merge) and not self.at_symbol(";"):
            raise Fault(10713, "A MERGE statement must be terminated by a semi-colon (;).", statement.at)
        self.take_symbol(";")
        return statement

    def _execute(self) -> statements.Execute:
        at = self.advance().at
        bracket = self.take_symbol("(")
        token = self.token
        if token.kind != "string":
            raise self._procedure(token)
        self.advance()
        if bracket:
            if self.at_symbol("+"):
                raise refused("EXEC of a string that is put together", self.token.at, "write one string")
            self.need_symbol(")")
        elif token.kind == "string":
            raise Fault(102, f"Incorrect syntax near '{token.text[:30]}'.", token.at)
        places = inner_offsets(self.script, token)
        inner = Statements(tokens(token.text, places), self.script, text=token.text).at_places(places)
        return statements.Execute(form="EXEC", at=at, statements=inner.batch().statements)

    def _procedure(self, token: Token) -> Fault:
        name = self.ahead(2).text if self.ahead().text == "." else token.text
        return refused(f"the procedure {name}", token.at, RENAME_ADVICE if name.lower() == "sp_rename" else "")

    def _set(self) -> statements.SetOption:
        at = self.need_words("SET")
        option = self.advance()
        if option.upper not in _SET_OPTIONS or not self.take_words("ON"):
            advice = f"known are {', '.join(_SET_OPTIONS)} ON"
            raise refused(f"SET {option.text} {self.token.text}".strip(), at, advice)
        return statements.SetOption(form="SET option ON", at=at)


def check_count(columns: int, values: int, at: int) -> None:
    """As many values as columns, or SQL Server's error 110 or 109."""
    if columns < values:
        message = "There are fewer columns in the INSERT statement than values specified in the VALUES clause."
        raise Fault(110, f"{message} The number of values must match the number of columns.", at)
    if columns > values:
        message = "There are more columns in the INSERT statement than values specified in the VALUES clause."
        raise Fault(109, f"{message} The number of values must match the number of columns.", at)
