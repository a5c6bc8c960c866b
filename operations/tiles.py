"""The summary on top of the page: what came in, what was flagged, how right that is."""

from typing import TYPE_CHECKING

from operations import quality
from operations.page.render import Tile
from operations.page.scales import lasting

if TYPE_CHECKING:
    from operations.report import Report


def tiles(report: "Report") -> list[Tile]:
    """The figures of a report, the most asked for first."""
    rows, scored, rejected = (report.counts(name) for name in ("rows", "scored", "rejected"))
    every, busy, noun = report.series, report.flagged_series, report.noun
    found = []
    if report.sent is not None:
        found.append(
            Tile(label="Events sent", value=f"{report.sent['sent']:,}", note=f"{report.sent['rate']:,} a second")
        )
    state = "good" if rows == scored + rejected else "bad"
    found.append(
        Tile(label="Rows in", value=f"{rows:,}", note=f"{scored:,} scored + {rejected:,} rejected", state=state)
    )
    note = f"{_share(report.flagged, report.rows.num_rows)} of {noun}"
    note += f", in {len(busy)} of {len(every)} series" if len(every) > 1 else ""
    found.append(Tile(label="Anomalies", value=f"{report.flagged:,}", note=note))
    return found + (_judged_tiles(report.judged, report) if report.judged else [])


def _judged_tiles(judged: quality.Judgement, report: "Report") -> list[Tile]:
    model, rule, noun = judged.found, judged.rule, report.noun
    faulty, hit = model.hits + model.misses, sum(fault.alarm is not None for fault in judged.faults)
    alarm = quality.first_alarm(judged.faults)
    note = "no alarm in any of them"
    if alarm is not None:
        note = f"first alarm {f'after {lasting(alarm)}' if alarm else 'at once'}{' (median)' if hit > 1 else ''}"
    sound = report.rows.num_rows - faulty
    of = f"{_share(model.false_alarms, sound)} of" if model.false_alarms else "in"
    better = rule is None or model.f1 > rule.f1
    return [
        Tile(
            label="Faults found",
            value=f"{hit} of {len(judged.faults)}",
            note=note,
            state="good" if hit == len(judged.faults) else "",
        ),
        Tile(label="Recall", value=f"{model.recall:.2f}", note=f"{model.hits:,} of {faulty:,} faulty {noun} flagged"),
        Tile(
            label="False alarms",
            value=f"{model.false_alarms:,}",
            note=f"{of} {sound:,} sound {noun}; precision {model.precision:.2f}",
        ),
        Tile(
            label="F1",
            value=f"{model.f1:.2f}",
            note="" if rule is None else f"a three-sigma rule has {rule.f1:.2f}",
            state="good" if better else "bad",
        ),
    ]


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "0 %"
