"""Runs the T-SQL of a small warehouse on DuckDB: Azure SQL Database and Synapse serverless, a closed list of forms."""

from .errors import REFUSED, SqlError
from .openrowset import Storage
from .security import Principal, sid_literal, sid_of
from .server import Server
from .serverless import query
from .session import ResultSet

__all__ = ["REFUSED", "Principal", "ResultSet", "Server", "SqlError", "Storage", "query", "sid_literal", "sid_of"]
