"""Reads what defines things: schemas, tables, views, users, roles and permissions."""

from __future__ import annotations

from . import statements, tree
from .errors import Fault, refused
from .parse_queries import Queries

PERMISSIONS = ("SELECT", "INSERT", "UPDATE", "DELETE", "EXECUTE", "ALTER", "CONTROL", "REFERENCES")
DATABASE_PERMISSIONS = ("CREATE TABLE", "CREATE VIEW", "CREATE SCHEMA", "VIEW DEFINITION", "CONNECT")
_SID_ADVICE = (
    "use CREATE USER [name] WITH SID = 0x…, TYPE = E: FROM EXTERNAL PROVIDER makes the server look the name up in "
    "Entra, for which its own identity needs the Directory Readers role"
)
_COLUMNS_ADVICE = "grant on a view that shows those columns"
_KEEP_ADVICE = "a deployed table keeps its columns and rows: add a column beside it, or a new table"
RENAME_ADVICE = "a rename breaks every reader of the old name: add a column or a view under the new name"


class Definitions(Queries):
    """Adds CREATE, ALTER, GRANT, DENY and REVOKE to the cursor."""

    def create(self) -> statements.Statement:
        at = self.need_words("CREATE")
        alter = self.take_words("OR", "ALTER")
        if self.at_words("VIEW"):
            return self._view(at, create=True, alter=alter)
        if alter:
            raise refused(f"CREATE OR ALTER {self.token.upper or self.token.text}", at)
        if self.take_words("SCHEMA"):
            name = self.name()
            if self.take_words("AUTHORIZATION") and self.name().text.lower() != "dbo":
                raise refused("CREATE SCHEMA … AUTHORIZATION", at, "dbo owns every schema")
            return statements.CreateSchema(form="CREATE SCHEMA", at=at, name=name)
        if self.take_words("TABLE"):
            return self._table(at)
        if self.take_words("USER"):
            return self._user(at)
        if self.take_words("ROLE"):
            return statements.CreateRole(form="CREATE ROLE", at=at, name=self.name())
        if self.at_words("EXTERNAL", "TABLE"):
            advice = "it fails when it runs again on the same folder: use a SELECT as the source of a Copy"
            raise refused("CREATE EXTERNAL TABLE", at, advice)
        raise refused(f"CREATE {self.token.upper or self.token.text}", at)

    def alter(self) -> statements.Statement:
        at = self.need_words("ALTER")
        if self.at_words("VIEW"):
            return self._view(at, create=False, alter=True)
        if self.take_words("TABLE"):
            return self._add_columns(at)
        if self.take_words("ROLE"):
            role = self.name()
            add = self.take_words("ADD", "MEMBER")
            if not add and not self.take_words("DROP", "MEMBER"):
                raise refused(f"ALTER ROLE … {self.token.text}", self.token.at)
            return statements.ChangeMember(form="ALTER ROLE", at=at, role=role, member=self.name(), add=add)
        raise refused(f"ALTER {self.token.upper or self.token.text}", at)

    def drop(self) -> statements.Statement:
        at = self.need_words("DROP")
        raise refused(f"DROP {self.token.upper or self.token.text}", at, _KEEP_ADVICE)

    def _view(self, at: int, *, create: bool, alter: bool) -> statements.CreateView:
        self.need_words("VIEW")
        view = self.table_ref_of(self.path())
        columns = self.names() if self.at_symbol("(") else ()
        if self.at_words("WITH"):
            raise refused(f"CREATE VIEW … WITH {self.ahead().text}", self.token.at)
        self.need_words("AS")
        start = self.token.at
        query = self.query_expression()
        if self.at_words("WITH", "CHECK"):
            raise refused("WITH CHECK OPTION", self.token.at)
        text = self.body(start)
        form = "CREATE OR ALTER VIEW" if create else "ALTER VIEW"
        return statements.CreateView(
            form=form, at=at, view=view, columns=columns, query=query, text=text, create=create, alter=alter
        )

    def body(self, start: int) -> str:
        """The text from the offset `start` to here, as a string of its own."""
        raise NotImplementedError

    def table_ref_of(self, parts: tuple[tree.Name, ...]) -> tree.TableRef:
        return tree.TableRef(parts[0].at, parts)

    def _table(self, at: int) -> statements.CreateTable:
        table = self.table_ref_of(self.path())
        if self.at_words("AS"):
            raise refused("CREATE TABLE … AS", self.token.at)
        columns: list[statements.ColumnDefinition] = []
        self._keys: list[statements.KeyDefinition] = []
        self._checks: list[statements.CheckDefinition] = []
        self.need_symbol("(")
        while not self.at_symbol(")"):
            if not self._table_constraint():
                columns.append(self._column())
            if not self.take_symbol(","):
                break
        self.need_symbol(")")
        if self.token.upper in ("WITH", "ON") or self.at_words("TEXTIMAGE_ON"):
            raise refused(f"CREATE TABLE … {self.token.upper}", self.token.at)
        found = (tuple(columns), tuple(self._keys), tuple(self._checks))
        return statements.CreateTable(
            form="CREATE TABLE", at=at, table=table, columns=found[0], keys=found[1], checks=found[2]
        )

    def _add_columns(self, at: int) -> statements.AddColumns:
        table = self.table_ref_of(self.path())
        if self.at_words("DROP") or self.at_words("ALTER"):
            raise refused(f"ALTER TABLE … {self.token.upper} {self.ahead().upper}".strip(), at, _KEEP_ADVICE)
        if not self.take_words("ADD"):
            raise refused(f"ALTER TABLE … {self.token.text}", at)
        self._keys, self._checks = [], []
        if self.token.upper in ("CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "DEFAULT", "FOREIGN"):
            raise refused(f"ALTER TABLE … ADD {self.token.upper}", at, "state it in CREATE TABLE")
        self.take_words("COLUMN")
        columns = tuple(self.separated(self._column))
        if self._keys:
            raise refused("a key added by ALTER TABLE", self._keys[0].at, "state it in CREATE TABLE")
        form = "ALTER TABLE ADD"
        return statements.AddColumns(form=form, at=at, table=table, columns=columns, checks=tuple(self._checks))

    def _column(self) -> statements.ColumnDefinition:
        name = self.name()
        if self.at_words("AS"):
            raise refused("a computed column (AS)", name.at, "compute it in a view")
        kind = self.type()
        if kind.name == "varbinary":
            raise refused("a VARBINARY column", name.at)
        nullable: bool | None = None
        default = None
        while not (self.at_symbol(",") or self.at_symbol(")")) and self.token.kind == "word":
            constraint = self.name().text if self.take_words("CONSTRAINT") else None
            if self.take_words("NOT", "NULL"):
                nullable = False
            elif self.take_words("NULL"):
                nullable = True
            elif self.take_words("DEFAULT"):
                start = self.token.at
                default = (self.value(), self.body(start))
            elif not self._constraint(constraint, (name,)):
                if self._starts_statement():
                    break
                raise refused(f"{self.token.upper or self.token.text} of a column", self.token.at)
        return statements.ColumnDefinition(name, kind, nullable, default)

    def _starts_statement(self) -> bool:
        """T-SQL needs no semicolon, so the next statement may follow a column definition."""
        return self.token.upper in STARTS

    def _table_constraint(self) -> bool:
        constraint = self.name().text if self.take_words("CONSTRAINT") else None
        if self.at_words("FOREIGN") or self.at_words("INDEX"):
            raise refused(f"{self.token.upper} in CREATE TABLE", self.token.at)
        found = self._constraint(constraint, ())
        if constraint and not found:
            raise self.unexpected()
        return found

    def _constraint(self, name: str | None, columns: tuple[tree.Name, ...]) -> bool:
        at = self.token.at
        primary = self.take_words("PRIMARY", "KEY")
        if primary or self.take_words("UNIQUE"):
            if not self.take_words("CLUSTERED"):
                self.take_words("NONCLUSTERED")
            if self.at_symbol("("):
                columns = tuple(self.in_brackets(self._key_column))
            self._keys.append(statements.KeyDefinition(name, columns, primary, at))
            return True
        if self.take_words("CHECK"):
            start = self.need_symbol("(") + 1
            condition = self.condition()
            text = self.body(start)
            self.need_symbol(")")
            self._checks.append(statements.CheckDefinition(name, condition, text))
            return True
        return False

    def _key_column(self) -> tree.Name:
        name = self.name()
        if not self.take_words("ASC"):
            self.take_words("DESC")
        return name

    def _user(self, at: int) -> statements.CreateUser:
        name = self.name()
        if self.at_words("FROM", "EXTERNAL", "PROVIDER"):
            raise refused("CREATE USER … FROM EXTERNAL PROVIDER", at, _SID_ADVICE)
        if not self.take_words("WITH"):
            raise refused("a user of a login or of a password", at, _SID_ADVICE)
        sid, kind = None, ""
        for _ in self._commas():
            option = self.token
            if option.upper in ("SID", "TYPE", "DEFAULT_SCHEMA"):
                self.advance()
                self.need_symbol("=")
            if option.upper == "SID" and self.token.kind == "binary":
                sid = bytes.fromhex(self.advance().text[2:])
            elif option.upper == "TYPE" and self.token.upper in ("E", "X"):
                kind = self.advance().upper
            elif option.upper == "DEFAULT_SCHEMA" and self.name().text.lower() == "dbo":
                continue
            else:
                raise refused(f"CREATE USER … WITH {option.text}", option.at, _SID_ADVICE)
        if sid is None or not kind:
            raise refused("CREATE USER … WITH without SID and TYPE", at, _SID_ADVICE)
        if len(sid) != 16:
            message = f"The sid 0x{sid.hex()} has {len(sid)} bytes; a client or object id has 16."
            raise Fault(15419, message, at)
        return statements.CreateUser(form="CREATE USER", at=at, name=name, sid=sid, kind=kind)

    def permit(self) -> statements.Permit:
        """GRANT, DENY or REVOKE permission[, …] [ON [class::]securable] TO|FROM principal[, …]"""
        token = self.advance()
        permissions = tuple(self.separated(self._permission))
        securable: tuple[str, tuple[tree.Name, ...]] = ("DATABASE", ())
        if self.take_words("ON"):
            securable = self._securable()
        if not self.take_words("TO") and not (token.upper == "REVOKE" and self.take_words("FROM")):
            raise self.unexpected()
        principals = tuple(self.separated(self._grantee))
        if self.at_words("WITH", "GRANT") or self.at_words("CASCADE") or self.token.upper == "AS":
            raise refused(f"{token.upper} … {self.token.upper}", self.token.at)
        form = f"{token.upper} permission"
        return statements.Permit(
            form=form,
            at=token.at,
            verb=token.upper,
            permissions=permissions,
            securable=securable,
            principals=principals,
        )

    def _grantee(self) -> tree.Name:
        if self.at_words("PUBLIC"):
            return tree.Name("public", self.advance().at)
        return self.name()

    def _permission(self) -> str:
        at = self.token.at
        for known in (*PERMISSIONS, *DATABASE_PERMISSIONS):
            if self.take_words(*known.split()):
                if self.at_symbol("("):
                    raise refused("GRANT, DENY or REVOKE on columns", at, _COLUMNS_ADVICE)
                return known
        raise refused(f"the permission {self.token.text}", at, f"the permissions are {', '.join(PERMISSIONS)}")

    def _securable(self) -> tuple[str, tuple[tree.Name, ...]]:
        if self.ahead().text == "::":
            kind = self.advance()
            self.advance()
            if kind.upper == "DATABASE":
                self.name()
                return "DATABASE", ()
            if kind.upper not in ("OBJECT", "SCHEMA"):
                raise refused(f"{kind.text}:: as a securable", kind.at)
            return kind.upper, self._whole(1 if kind.upper == "SCHEMA" else 2)
        return "OBJECT", self._whole(2)

    def _whole(self, longest: int) -> tuple[tree.Name, ...]:
        parts = self.path(longest)
        if self.at_symbol("("):
            raise refused("GRANT, DENY or REVOKE on columns", parts[0].at, _COLUMNS_ADVICE)
        return parts


# Words that begin a statement, known to the engine or not.
STARTS = frozenset(
    word
    for line in (
        "SELECT WITH INSERT UPDATE DELETE MERGE CREATE ALTER DROP GRANT DENY REVOKE IF EXEC EXECUTE SET BEGIN",
        "DECLARE TRUNCATE PRINT THROW RAISERROR USE COMMIT ROLLBACK SAVE WHILE RETURN GOTO WAITFOR BACKUP RESTORE",
        "DBCC BULK COPY",
    )
    for word in line.split()
)
