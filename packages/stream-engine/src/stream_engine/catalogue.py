"""Every function of the language reference by family, and the refusal of what the engine does not run."""

from __future__ import annotations

import difflib

from . import geospatial, scalars, texts
from .errors import Refused
from .functions import scalars as known
from .syntax import Call

# Importing these fills the catalogue of scalar functions.
families = (geospatial, scalars, texts)
aggregates = (
    *("AVG", "COLLECT", "COLLECTTOP", "COUNT", "MAX", "MIN", "PERCENTILE_CONT", "PERCENTILE_DISC"),
    *("STDEV", "STDEVP", "SUM", "TOPONE", "VAR", "VARP"),
)
analytic = ("ISFIRST", "LAG", "LAST")
windows = (
    *("HOPPINGWINDOW", "HOPPING", "SESSIONWINDOW", "SESSION", "SLIDINGWINDOW", "SLIDING"),
    *("TUMBLINGWINDOW", "TUMBLING", "WINDOWS", "WINDOW"),
)
tables = ("GETARRAYELEMENTS", "GETRECORDPROPERTIES")
system = ("GETMETADATAPROPERTYVALUE", "SYSTEM.TIMESTAMP", "SYSTEM.WINDOW")

# Documented by Microsoft, not run here; the reason is part of the message.
refused = {
    "ANOMALYDETECTION_SPIKEANDDIP": "its model is not published",
    "ANOMALYDETECTION_CHANGEPOINT": "its model is not published",
}


def refuse(node: Call) -> Refused:
    """The error for a call that nothing here can run, naming the nearest function that exists."""
    name = node.name
    folded = name.upper()
    if folded.startswith("UDA."):
        return Refused(f"{name} is an aggregate: it stands in SELECT or HAVING of a query with GROUP BY", node.at)
    if folded in refused:
        return Refused(f"{name} is not supported: {refused[folded]}", node.at)
    if folded in windows:
        return Refused(f"{name} stands in GROUP BY only", node.at)
    if folded in tables:
        return Refused(f"{name} stands after CROSS APPLY only", node.at)
    if folded == "SYSTEM.WINDOW":
        return Refused("System.Window() stands as System.Window().Id in SELECT of a query with Windows(…)", node.at)
    if folded in aggregates:
        return Refused(f"{name} is an aggregate: it stands in SELECT or HAVING of a query with GROUP BY", node.at)
    if folded in analytic:
        return Refused(f"{name} is analytic: it stands in SELECT or WHERE, outside aggregates", node.at)
    if folded in known:
        return Refused(f"{name} takes neither OVER nor DISTINCT", node.at)
    close = difflib.get_close_matches(folded, [*known, *aggregates, *analytic, *windows], n=1)
    hint = f": did you mean {close[0]}?" if close else ""
    return Refused(f"the function {name} is not supported{hint}", node.at)
