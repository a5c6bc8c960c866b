"""Runs an Azure Stream Analytics query over files or a log, on one machine."""

from .errors import QueryError, StreamError
from .events import Event
from .javascript import JavaScript
from .job import StreamJob
from .query import OutputColumn, Query, compile_query
from .run import Result, run
from .stages import Row
from .watermark import TimePolicy

__all__ = [
    "Event",
    "JavaScript",
    "OutputColumn",
    "Query",
    "QueryError",
    "Result",
    "Row",
    "StreamError",
    "StreamJob",
    "TimePolicy",
    "compile_query",
    "run",
]
