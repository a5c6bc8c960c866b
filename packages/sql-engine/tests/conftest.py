"""A server with one database, its admin, and short ways to run scripts in it."""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sql_engine import Principal, ResultSet, Server, SqlError, sid_literal

ADMIN = Principal(name="deployer", id="11111111-1111-1111-1111-111111111111")
FACTORY = Principal(name="factory", id="22222222-2222-2222-2222-222222222222")
NOW = datetime.datetime(2026, 1, 2, 3, 4, 5, 678900, datetime.UTC)

TABLES = """
CREATE TABLE dbo.scores (
    WindowEnd DATETIME2(3) NOT NULL, DeviceId NVARCHAR(8) NOT NULL, Score FLOAT NULL, Anomaly BIGINT NOT NULL DEFAULT 0,
    CONSTRAINT PK_scores PRIMARY KEY (WindowEnd, DeviceId), CONSTRAINT CK_score CHECK (Score >= 0)
);
INSERT INTO scores (WindowEnd, DeviceId, Score) VALUES
    ('2026-01-01T00:05:00', N'a', 1.5), ('2026-01-01T00:10:00', N'a', 2.5), ('2026-01-02', N'B', NULL);
"""


GRANTED = f"""
EXEC (N'CREATE SCHEMA ops'); CREATE TABLE ops.runs (Job NVARCHAR(9));
EXEC (N'CREATE VIEW ops.devices AS SELECT DISTINCT DeviceId FROM dbo.scores');
CREATE USER [adf-factory] WITH SID = {sid_literal(FACTORY.id)}, TYPE = E
"""


class Database:
    """One database; scripts run as the admin unless another caller is named."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def run(self, script: str, principal: Principal = ADMIN, **parameters: Any) -> list[ResultSet]:
        return self.server.execute("warehouse", script, principal=principal, parameters=parameters)

    def rows(self, select: str, principal: Principal = ADMIN, **parameters: Any) -> list[tuple]:
        """The rows of the last statement."""
        return list(self.run(select, principal, **parameters)[-1].rows)

    def value(self, expression: str, **parameters: Any) -> Any:
        """The value of an expression."""
        return self.rows(f"SELECT {expression}", **parameters)[0][0]

    def error(self, script: str, principal: Principal = ADMIN, **parameters: Any) -> SqlError:
        """The error that the script must raise."""
        with pytest.raises(SqlError) as caught:
            self.run(script, principal, **parameters)
        return caught.value


def _server(folder: Path) -> Server:
    return Server(folder, admins=[ADMIN.id], now=lambda: NOW)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Servers on disk: an empty database, the table of scores, and the scores with a user; tests open copies."""
    folders = {}
    for name, script in (("empty", "SELECT 1"), ("scores", TABLES), ("granted", f"{TABLES}\nGO\n{GRANTED}")):
        folders[name] = tmp_path_factory.mktemp(name)
        with _server(folders[name]) as server:
            server.create_database("warehouse")
            Database(server).run(script)
    return folders


@pytest.fixture
def database(tmp_path: Path, made: dict[str, Path]) -> Iterator[Database]:
    """An empty database."""
    shutil.copytree(made["empty"], tmp_path / "server")
    with _server(tmp_path / "server") as server:
        yield Database(server)


@pytest.fixture
def scores(tmp_path: Path, made: dict[str, Path]) -> Iterator[Database]:
    """The database with a table of three scores."""
    shutil.copytree(made["scores"], tmp_path / "server")
    with _server(tmp_path / "server") as server:
        yield Database(server)


@pytest.fixture
def granted(tmp_path: Path, made: dict[str, Path]) -> Iterator[Database]:
    """The scores, a schema ops with a table and a view, and the factory as a user without any grant."""
    shutil.copytree(made["granted"], tmp_path / "server")
    with _server(tmp_path / "server") as server:
        yield Database(server)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, made: dict[str, Path]) -> Iterator[Database]:
    """A database with the table of scores, which no test changes."""
    folder = tmp_path_factory.mktemp("shared") / "server"
    shutil.copytree(made["scores"], folder)
    with _server(folder) as server:
        yield Database(server)


@pytest.fixture(scope="session")
def admin() -> Principal:
    return ADMIN


@pytest.fixture(scope="session")
def factory() -> Principal:
    return FACTORY
