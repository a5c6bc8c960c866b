"""Reads queries: SELECT with its clauses, UNION, common table expressions, sources and OPENROWSET."""

from __future__ import annotations

from dataclasses import replace

from . import tree
from .errors import Fault, refused
from .parse_expressions import Expressions
from .tree import Node

# What a lock hint asks for holds here anyway: transactions run one after the other.
_HELD_HINTS = {"HOLDLOCK", "SERIALIZABLE", "UPDLOCK", "ROWLOCK", "TABLOCK", "TABLOCKX", "XLOCK", "REPEATABLEREAD"}
_AFTER_SOURCE = ("PIVOT", "UNPIVOT", "TABLESAMPLE", "USING")
_JOINS = (("INNER",), ("LEFT", "OUTER"), ("LEFT",), ("RIGHT", "OUTER"), ("RIGHT",), ("FULL", "OUTER"), ("FULL",), ())


class Queries(Expressions):
    """Adds queries to the cursor; `files` tells whether OPENROWSET may stand in them."""

    files = False

    def query_expression(self, *, top_level: bool = False) -> tree.Query:
        at = self.token.at
        tables = self._common_tables() if self.take_words("WITH") else ()
        selects, unions = [self._select_or_brackets()], []
        while self.token.upper in ("UNION", "EXCEPT", "INTERSECT"):
            if self.token.upper != "UNION":
                raise refused(self.token.upper, self.token.at)
            self.advance()
            unions.append(self.take_words("ALL"))
            selects.append(self._select_or_brackets())
        order = self.order_by() if self.at_words("ORDER") else ()
        offset, fetch = self._page() if order else (None, None)
        self._refuse_tail()
        query = tree.Query(at, tuple(selects), tuple(unions), tables, order, offset, fetch)
        has_top = len(selects) == 1 and isinstance(selects[0], tree.Select) and selects[0].top is not None
        if order and not (top_level or has_top or offset):
            message = (
                "The ORDER BY clause is invalid in views, inline functions, derived tables, subqueries, and common "
                "table expressions, unless TOP, OFFSET or FOR XML is also specified."
            )
            raise Fault(1033, message, order[0].expression.at)
        return query

    def _refuse_tail(self) -> None:
        if self.token.upper in ("FOR", "OPTION"):
            raise refused(f"{self.token.upper} after a query", self.token.at)

    def _common_tables(self) -> tuple[tuple[tree.Name, tuple[tree.Name, ...], tree.Query], ...]:
        return tuple(self.separated(self._common_table))

    def _common_table(self) -> tuple[tree.Name, tuple[tree.Name, ...], tree.Query]:
        name = self.name()
        columns = self.names() if self.at_symbol("(") else ()
        self.need_words("AS")
        return name, columns, self._subquery()

    def _select_or_brackets(self) -> tree.Select | tree.Query:
        if self.token.upper in ("INSERT", "UPDATE", "DELETE", "MERGE"):
            raise refused(f"WITH before {self.token.upper}", self.token.at, "put the query into its FROM or USING")
        return self._subquery() if self.at_symbol("(") else self._select()

    def _page(self) -> tuple[Node | None, Node | None]:
        if not self.take_words("OFFSET"):
            return None, None
        offset = self._must_be_constant(self.value())
        self._row_word()
        fetch = None
        if self.take_words("FETCH"):
            if not (self.take_words("NEXT") or self.take_words("FIRST")):
                raise self.unexpected()
            fetch = self._must_be_constant(self.value())
            self._row_word()
            self.need_words("ONLY")
        return offset, fetch

    def _must_be_constant(self, node: Node) -> Node:
        if not isinstance(node, tree.Constant | tree.Parameter):
            raise refused("TOP or OFFSET of what is no constant", node.at)
        return node

    def _row_word(self) -> None:
        if not (self.take_words("ROWS") or self.take_words("ROW")):
            raise self.unexpected()

    def _select(self) -> tree.Select:
        at = self.need_words("SELECT")
        distinct = self.take_words("DISTINCT")
        self.take_words("ALL")
        top = self._top() if self.take_words("TOP") else None
        items = tuple(self.separated(self._item))
        if self.at_words("INTO"):
            raise refused("SELECT … INTO", self.token.at, "create the table, then INSERT … SELECT")
        source = self.sources() if self.take_words("FROM") else None
        where = self.condition() if self.take_words("WHERE") else None
        group = self._group() if self.take_words("GROUP", "BY") else ()
        having = self.condition() if self.take_words("HAVING") else None
        return tree.Select(at, items, source, where, group, having, distinct, top)

    def _top(self) -> Node:
        if self.take_symbol("("):
            top = self.value()
            self.need_symbol(")")
        else:
            top = self._primary()
        self._must_be_constant(top)
        if self.at_words("PERCENT") or self.at_words("WITH", "TIES"):
            raise refused("TOP … " + ("PERCENT" if self.at_words("PERCENT") else "WITH TIES"), self.token.at)
        return top

    def _group(self) -> tuple[Node, ...]:
        if self.token.upper in ("ROLLUP", "CUBE", "GROUPING"):
            raise refused(f"GROUP BY {self.token.upper}", self.token.at)
        return tuple(self.separated(self.value))

    def _item(self) -> tree.Item:
        if self.at_symbol("*"):
            return tree.Item(tree.Star(self.advance().at), None)
        dot, star = self.ahead(), self.ahead(2)
        if self.at_name() and dot.text == "." and star.kind == "symbol" and star.text == "*":
            qualifier = self.name()
            self.advance()
            self.advance()
            return tree.Item(tree.Star(qualifier.at, qualifier), None)
        if self.at_name() and self.ahead().kind == "symbol" and self.ahead().text == "=":
            alias = self.name()
            self.advance()
            return tree.Item(self.value(), alias)
        return tree.Item(self.value(), self.alias())

    def alias(self) -> tree.Name | None:
        """[AS] name, if it stands here."""
        if self.take_words("AS"):
            if self.token.kind == "string":
                token = self.advance()
                return tree.Name(token.text, token.at)
            return self.name()
        return self.name() if self.at_name() and self.token.upper not in _AFTER_SOURCE else None

    def sources(self) -> tree.Source:
        source = self._joined()
        while self.at_symbol(","):
            at = self.advance().at
            source = tree.Join(at, "CROSS", source, self._joined(), None)
        return source

    def _joined(self) -> tree.Source:
        left = self.source()
        while True:
            at = self.token.at
            if self.take_words("CROSS", "JOIN"):
                left = tree.Join(at, "CROSS", left, self.source(), None)
                continue
            if self.at_words("CROSS", "APPLY") or self.at_words("OUTER", "APPLY"):
                raise refused(f"{self.token.upper} APPLY", at)
            if self.token.upper in _AFTER_SOURCE[:3]:
                raise refused(self.token.upper, at)
            kind = next((words for words in _JOINS if self.at_words(*words, "JOIN")), None)
            if kind is None:
                return left
            self.need_words(*kind, "JOIN")
            right = self.source()
            self.need_words("ON")
            left = tree.Join(at, kind[0] if kind else "INNER", left, right, self.condition())

    def source(self) -> tree.Source:
        at = self.token.at
        if self.at_words("OPENROWSET"):
            return self._openrowset()
        if not self.at_symbol("("):
            return self.table_ref()
        if self.ahead().upper not in ("SELECT", "WITH", "VALUES") and self.ahead().text != "(":
            self.advance()
            inner = self._joined()
            self.need_symbol(")")
            return inner
        self.advance()
        query = self.values() if self.take_words("VALUES") else self.query_expression()
        self.need_symbol(")")
        alias = self.alias()
        if alias is None:
            raise self.unexpected()
        columns = self.names() if self.at_symbol("(") else ()
        return tree.Derived(at, query, alias, columns)

    def values(self) -> tree.Rows:
        """The rows after VALUES; a value may be DEFAULT."""
        at = self.token.at
        return tree.Rows(at, tuple(tuple(self.in_brackets(self.value_or_default)) for _ in self._commas()))

    def _commas(self):  # type: ignore[no-untyped-def]
        yield None
        while self.take_symbol(","):
            yield None

    def value_or_default(self) -> Node:
        at = self.token.at
        return tree.Default(at) if self.take_words("DEFAULT") else self.value()

    def table_ref(self, *, aliased: bool = True) -> tree.TableRef:
        parts = self.path()
        if aliased and self.at_symbol("("):
            raise refused(f"the table function {parts[-1].text}", parts[0].at)
        alias = self.alias() if aliased else None
        self._hints()
        alias = alias or (self.alias() if aliased else None)
        return tree.TableRef(parts[0].at, parts, alias)

    def _hints(self) -> None:
        if not (self.at_words("WITH") and self.ahead().text == "("):
            return
        self.advance()
        for token in self.in_brackets(self.advance):
            if token.upper not in _HELD_HINTS:
                raise refused(f"the table hint {token.text}", token.at)

    def _openrowset(self) -> tree.OpenRowset:
        at = self.need_words("OPENROWSET")
        if not self.files:
            raise refused("OPENROWSET in Azure SQL", at, "it reads files in Synapse serverless")
        self.need_symbol("(")
        self.need_words("BULK")
        paths = self.in_brackets(self._path) if self.at_symbol("(") else [self._path()]
        options: dict[str, str] = {}
        while self.take_symbol(","):
            if self.token.kind == "string":
                paths.append(self._path())
                continue
            option = self.name()
            self.need_symbol("=")
            value = self.advance()
            if value.kind not in ("string", "word", "number", "name") or option.text.upper() in options:
                raise Fault(102, f"Incorrect syntax near '{value.text}'.", value.at)
            options[option.text.upper()] = value.text
            _check_option(option, value.text)
        self.need_symbol(")")
        columns = tuple(self.in_brackets(self._file_column)) if self.take_words("WITH") else ()
        alias = self.alias()
        if alias is None:
            raise Fault(491, "A correlation name must be specified for the bulk rowset in the from clause.", at)
        return tree.OpenRowset(at, tuple(paths), options, columns, alias)

    def _path(self) -> tree.Name:
        at = self.token.at
        return tree.Name(self.string(), at)

    def _file_column(self) -> tree.FileColumn:
        name, kind = self.name(), self.type()
        if self.take_words("COLLATE"):
            collation = self.name()
            if not collation.text.upper().endswith("UTF8"):
                raise refused(f"the collation {collation.text}", collation.at, "files are read as UTF-8")
            kind = replace(kind, binary="_BIN" in collation.text.upper())
        source: str | int | None = None
        if self.token.kind == "string":
            source = self.string()
        elif self.token.kind == "number":
            source = self.integer()
        return tree.FileColumn(name, kind, source)


OPTIONS = {
    "FORMAT": ("PARQUET", "CSV"),
    "PARSER_VERSION": ("1.0", "2.0"),
    "HEADER_ROW": ("TRUE", "FALSE"),
    "FIELDTERMINATOR": (),
    "ROWTERMINATOR": (),
    "FIELDQUOTE": (),
    "FIRSTROW": (),
    "DATA_SOURCE": (),
}


def _check_option(option: tree.Name, value: str) -> None:
    known = OPTIONS.get(option.text.upper())
    if known is None:
        raise refused(f"OPENROWSET's option {option.text}", option.at, f"the options are {', '.join(OPTIONS)}")
    if known and value.upper() not in known:
        raise refused(f"{option.text} = '{value}' in OPENROWSET", option.at, f"the values are {', '.join(known)}")
