"""The views of the database `scores`: what people see. They show committed runs only."""

from collections.abc import Callable, Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import mssql

from scoring.contract import Contract

SHOWN = ("scores", "current_scores", "anomalies_per_day", "runs_with_counts", "lineage")


def views(contract: Contract, tables: sa.MetaData) -> dict[str, str]:
    """Name → SELECT of each view, in the order in which they are made."""
    predictions, runs = tables.tables["dbo.predictions"], tables.tables["dbo.runs"]
    selects: dict[str, sa.Select] = {}
    selects["committed_runs"] = _committed(runs)
    committed = _as_table("committed_runs", [column.name for column in runs.columns])
    selects["scores"] = _scores(contract, predictions, committed)
    scores = _as_table("scores", [*predictions.columns.keys(), "Committed"])
    makers: dict[str, Callable[[], sa.Select]] = {
        "current_scores": lambda: _current(contract, scores, tables.tables["dbo.promoted"]),
        "anomalies_per_day": lambda: _per_day(contract, scores),
        "runs_with_counts": lambda: _counted(runs, committed, predictions, tables.tables["dbo.rejected"]),
        "lineage": lambda: _lineage(contract, scores, committed),
    }
    selects |= {name: make() for name, make in makers.items()}
    dialect = mssql.dialect()
    return {
        name: " ".join(str(select.compile(dialect=dialect, compile_kwargs={"literal_binds": True})).split())
        for name, select in selects.items()
    }


def moment(contract: Contract) -> str:
    """The column of the key that says when: the others name a series."""
    return next(name for name in contract.feature.key if contract.feature.column(name).type == "timestamp")


def series(contract: Contract) -> list[str]:
    return [name for name in contract.feature.key if name != moment(contract)]


def _as_table(name: str, columns: list[str]) -> sa.TableClause:
    return sa.table(name, *(sa.column(column) for column in columns), schema="dbo")


def _latest(source: sa.FromClause, by: Sequence[sa.ColumnElement], order: Sequence[sa.ColumnElement]) -> sa.Subquery:
    """`source` with a number: 1 is the first row, in that order, of those that have `by` in common."""
    number = sa.func.row_number().over(partition_by=by, order_by=order).label("Place")
    return sa.select(*source.columns, number).subquery("ranked")


def _committed(runs: sa.Table) -> sa.Select:
    """Of the runs of one window by one model the latest."""
    by = [runs.c.WindowStart, runs.c.WindowEnd, runs.c.ModelDigest]
    ranked = _latest(runs, by, [runs.c.Committed.desc(), runs.c.Job.desc()])
    return sa.select(*(ranked.c[column.name] for column in runs.columns)).where(ranked.c.Place == 1)


def _scores(contract: Contract, predictions: sa.Table, runs: sa.TableClause) -> sa.Select:
    """Each key once: windows of different length may both hold a row."""
    joined = (
        sa.select(*predictions.columns, runs.c.Committed)
        .join_from(predictions, runs, predictions.c.Job == runs.c.Job)
        .subquery("seen")
    )
    by = [joined.c[name] for name in dict.fromkeys((*contract.feature.key, "ModelDigest"))]
    ranked = _latest(joined, by, [joined.c.Committed.desc(), joined.c.Job.desc()])
    names = [*predictions.columns.keys(), "Committed"]
    return sa.select(*(ranked.c[name] for name in names)).where(ranked.c.Place == 1)


def _current(contract: Contract, scores: sa.TableClause, promoted: sa.Table) -> sa.Select:
    """The last score of each series; where several models scored it, the promoted one's."""
    chosen = sa.case((promoted.c.ModelDigest.is_not(None), sa.literal(1)), else_=sa.literal(0)).label("Promoted")
    on = scores.c.ModelDigest == promoted.c.ModelDigest
    seen = sa.select(*scores.columns, chosen).join_from(scores, promoted, on, isouter=True).subquery("seen")
    order = [seen.c[moment(contract)].desc(), seen.c.Promoted.desc(), seen.c.Committed.desc()]
    ranked = _latest(seen, [seen.c[name] for name in series(contract)], order)
    return sa.select(*(ranked.c[name] for name in (*scores.columns.keys(), "Promoted"))).where(ranked.c.Place == 1)


def _per_day(contract: Contract, scores: sa.TableClause) -> sa.Select:
    day = sa.cast(scores.c[moment(contract)], mssql.DATE())
    by = [*(scores.c[name] for name in series(contract)), scores.c.ModelDigest]
    counted = [
        sa.func.count().label("ScoredRows"),
        sa.func.sum(scores.c.Anomaly).label("Anomalies"),
        sa.func.max(scores.c.Score).label("HighestScore"),
    ]
    return sa.select(day.label("Day"), *by, *counted).group_by(day, *by)


def _counted(runs: sa.Table, committed: sa.TableClause, predictions: sa.Table, rejected: sa.Table) -> sa.Select:
    """Every run, whether readers see it, and the rows that are there now: fewer once a later run has replaced it."""
    kept = sa.select(predictions.c.Job, sa.func.count().label("Kept")).group_by(predictions.c.Job).subquery("p")
    refused = sa.select(rejected.c.Job, sa.func.count().label("Kept")).group_by(rejected.c.Job).subquery("r")
    shown = sa.case((committed.c.Job.is_not(None), sa.literal(1)), else_=sa.literal(0)).label("Shown")
    counts = [
        sa.func.coalesce(kept.c.Kept, sa.literal(0)).label("ScoredRows"),
        sa.func.coalesce(refused.c.Kept, sa.literal(0)).label("RejectedRows"),
    ]
    return (
        sa.select(*runs.columns, shown, *counts)
        .select_from(runs)
        .join(committed, committed.c.Job == runs.c.Job, isouter=True)
        .join(kept, kept.c.Job == runs.c.Job, isouter=True)
        .join(refused, refused.c.Job == runs.c.Job, isouter=True)
    )


def _lineage(contract: Contract, scores: sa.TableClause, runs: sa.TableClause) -> sa.Select:
    """Row → job → model, code → window → files that were read, and the raw archive behind them."""
    key = [scores.c[name] for name in contract.feature.key]
    own = [scores.c.Job, scores.c.ModelDigest, scores.c.CodeDigest]
    of_run = [runs.c[name] for name in ("Deployment", "PipelineRun", "Input", "Source", "Archive", "Committed")]
    span = [runs.c.WindowStart.label("ScoredFrom"), runs.c.WindowEnd.label("ScoredTo")]
    return sa.select(*key, *own, *span, *of_run).join_from(scores, runs, scores.c.Job == runs.c.Job)
