"""What the demo came to: the summary, what must be true of it, and how it is told."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

RECALL, PRECISION = 0.8, 0.6
# What the simulator calls an event, and where such an event must turn up.
FATES = {
    "regular": "in windows",
    "duplicates": "duplicates",
    "malformed": "diverted",
    "late": "late",
    "early": "early",
    "undeserialisable": "undeserialisable",
}


def summary(
    report: Mapping[str, Any], *, sent: Mapping[str, Any], resources: Mapping[str, Any], seconds: Mapping[str, float]
) -> dict[str, Any]:
    found = {"day": sent["start"], "resources": dict(resources), **report, "injected": sent["counts"]}
    return {**found, "seconds": {**seconds, "total": round(sum(seconds.values()), 1)}}


def problems(found: Mapping[str, Any]) -> list[str]:
    """Everything that is not as it must be; empty when the demo has succeeded."""
    wrong = []
    counted = {line["kind"]: line["count"] for line in found["events"]["lines"]}
    if found["events"]["balance"]:
        wrong.append(
            f"events: {found['events']['balance']:,} of {found['events']['sent']:,} sent are not accounted for"
        )
    for kind, fate in FATES.items():
        if counted[fate] != found["injected"][kind]:
            wrong.append(f"events: {found['injected'][kind]:,} {kind} were sent, {counted[fate]:,} counted {fate}")
    rows = found["rows"]
    if rows["rows"] != rows["scored"] + rows["rejected"]:
        wrong.append(f"rows: {rows['rows']:,} in, {rows['scored']:,} scored + {rows['rejected']:,} rejected")
    model, rule = found["quality"], found["three_sigma"]
    for name, least in (("recall", RECALL), ("precision", PRECISION)):
        if model[name] < least:
            wrong.append(f"anomalies: {name} is {model[name]:.2f}, expected {least} or more")
    if model["f1"] <= rule["f1"]:
        wrong.append(f"anomalies: F1 is {model['f1']:.2f}, no better than the three-sigma rule's {rule['f1']:.2f}")
    return wrong


def show(found: Mapping[str, Any], folder: Path) -> None:
    print("\n── summary")
    for name, value, source in lines(found):
        print(f"  {name:<20}{value:<42}{source}".rstrip())
    print(f"\n{folder / 'summary.json'}\n{folder / 'results.html'}")
    print("The sandbox is still there: azure-sandbox status. `make clean` removes it.", flush=True)


def lines(found: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    resources, rows, model, rule = found["resources"], found["rows"], found["quality"], found["three_sigma"]
    changes = ", ".join(f"{count} {kind}" for kind, count in resources["changes"].items())
    told = [("resources", f"{resources['azure']} of Azure, {resources['steps']} steps", f"this time: {changes}")]
    told.append(("events sent", f"{found['events']['sent']:,}", "batch-scoring send"))
    told += [(f"  {line['kind']}", f"{line['count']:,}", line["source"]) for line in found["events"]["lines"]]
    told += [
        ("windows", f"{found['windows']:,}", "rows of the features"),
        (
            "rows in",
            f"{rows['rows']:,} = {rows['scored']:,} scored + {rows['rejected']:,} rejected",
            "the run's record",
        ),
        ("anomalies", f"{found['anomalies']:,}", "scores above their threshold"),
        ("  recall", f"{model['recall']:.2f}", f"{model['hits']} of {model['hits'] + model['misses']} faulty windows"),
        ("  precision", f"{model['precision']:.2f}", f"{model['false_alarms']} false alarms"),
        ("  F1", f"{model['f1']:.2f}", f"three-sigma rule: {rule['f1']:.2f}"),
    ]
    seconds = {"seconds": found["seconds"]["total"]} | {f"  {name}": value for name, value in found["seconds"].items()}
    return told + [(name, f"{value}", "") for name, value in seconds.items() if name != "  total"]
