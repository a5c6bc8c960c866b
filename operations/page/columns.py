"""Which column of the contract plays which part on the page."""

from dataclasses import dataclass

from operations.errors import OperationError
from scoring.contract import Column, Contract, prediction_problems

EXPECTED, SCORE, ANOMALY = "Expected", "Score", "Anomaly"
NEEDED = {EXPECTED: "double", SCORE: "double", ANOMALY: "int64"}
THRESHOLD = 1.0
"""Scores are multiples of their series' threshold: above 1 is an anomaly (the contract's description of Score)."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Names of the prediction row's columns: when, of which series, what was measured and what the model says.

    `meaning` is what the contract says of value, expected and score, in that order.
    """

    time: str
    series: tuple[str, ...]
    value: str
    unit: str
    expected: str
    score: str
    anomaly: str
    meaning: tuple[str, str, str]


def parts(contract: Contract) -> Parts:
    """Raises OperationError that names the row and the column that the contract lacks."""
    row = contract.prediction
    place = f"scoring/{contract.problem}/contract.py: row {row.name!r}"
    if found := problems(contract):
        raise OperationError(f"{'; '.join(found)}; there are {', '.join(row.names)}.")
    key = [column for column in contract.feature.columns if column.name in contract.feature.key]
    times = [column.name for column in key if column.type == "timestamp"]
    values = [column for column in row.columns if column.type == "double" and column.name not in (EXPECTED, SCORE)]
    if not times or not values:
        missing = "a timestamp in its key" if not times else "a double column beside Expected and Score"
        raise OperationError(f"{place}: without {missing}; the page draws one over the other.")
    return Parts(
        time=times[0],
        series=tuple(column.name for column in key if column.name != times[0]),
        value=values[0].name,
        unit="" if values[0].unit.startswith("unit of") else values[0].unit,
        expected=EXPECTED,
        score=SCORE,
        anomaly=ANOMALY,
        meaning=(_said(values[0]), _said(row.column(EXPECTED)), _said(row.column(SCORE))),
    )


def problems(contract: Contract) -> list[str]:
    """What keeps the page from showing a contract's predictions, naming file and column; empty when nothing does."""
    return prediction_problems(contract, NEEDED, file="operations/page/columns.py")


def _said(column: Column) -> str:
    return f"{column.description}{f' ({column.unit})' if column.unit else ''}"
