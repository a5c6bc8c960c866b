"""Power BI's data source files: which server and database to open. They hold no credentials and no tables."""

import json
from typing import Any, Literal

Mode = Literal["Import", "DirectQuery"]
SUFFIX = ".pbids"


def data_source(server: str, database: str, mode: Mode) -> str:
    """The text of a .pbids file for one SQL endpoint; Power BI asks whoever opens it to sign in.

    https://learn.microsoft.com/power-bi/connect-data/desktop-data-sources#use-pbids-files-to-get-data
    """
    details: dict[str, Any] = {
        "protocol": "tds",
        "address": {"server": server, "database": database},
        # Files that Power BI Desktop exports say so: no kind of sign-in is fixed, and Entra is the only one here.
        "authentication": None,
        "query": None,
    }
    return (
        json.dumps({"version": "0.1", "connections": [{"details": details, "options": {}, "mode": mode}]}, indent=2)
        + "\n"
    )


def serverless(workspace: str) -> str:
    """Host of a Synapse workspace's serverless SQL endpoint.

    https://learn.microsoft.com/azure/synapse-analytics/sql/connect-overview
    """
    return f"{workspace}-ondemand.sql.azuresynapse.net"
