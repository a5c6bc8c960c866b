"""The second problem, from nothing to scored windows, in a sandbox of its own on this machine: `make demo-plant`.

    python tools/demo_plant.py            # fails unless every row is accounted for and the known fault is found
    python tools/demo_plant.py --clean    # destroys the stack, shows that nothing is left of it: `make clean`

Measured data of a real plant comes as files: no event hub, no stream job. Data Factory's trigger scores each day, as it
would in Azure. The sandbox's clock starts before those days, which lie in the past of ours. What has been done is not
done again.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from demo import Stages, write
from sandbox import ROOT, batch_scoring, in_sandbox, sandbox, state_folder

STACK, PROBLEM = "plant", "plant"
CLOCK, SPEED = "2017-12-31T12:00:00Z", 30
TRAINED_UNTIL = "2018-01-01"
DAYS = ("2018-01-01", "2018-01-02", "2018-01-03")
SCORED_BY = "2018-01-04T00:30:00Z"
POLICIES = ("--policy-pack", "policies", "--policy-pack-config", "policies/config/local.json")
RECALL, FALSE_ALARMS = 0.45, 0.01


def main() -> None:
    parser = argparse.ArgumentParser(description="The second problem in a sandbox of its own.")
    parser.add_argument("--clean", action="store_true", help="destroy the stack and remove the sandbox")
    parser.add_argument("--output", type=Path, default=Path("build/demo-plant"), help="folder for summary and page")
    options = parser.parse_args()
    os.chdir(ROOT)
    # Its clock is years before that of the other demo: one sandbox has one clock.
    os.environ.setdefault("AZURE_SANDBOX_STATE", str(ROOT / ".sandbox-plant"))
    if options.clean:
        import clean

        clean.clean(STACK)
        return
    summary = demo(options.output)
    if "faults" in summary:
        show(summary, options.output)
    if wrong := problems(summary):
        sys.exit("demo-plant: " + "\ndemo-plant: ".join(wrong))


def demo(output: Path) -> dict[str, Any]:
    """Runs all stages and returns the summary, which is also written to `output`."""
    stages, outputs, report = Stages(), output / "outputs.json", output / "report.json"
    with stages.stage("sandbox", "an Azure on this machine, at the end of 2017"):
        new = not (state_folder() / "sandbox.db").exists()
        sandbox("up", *(("--clock", CLOCK) if new else ()))
        sandbox("clock", "speed", str(SPEED), quiet=True)
    with stages.stage("train", "a soft sensor, from what the plant measured in 2017"):
        batch_scoring("train", "--problem", PROBLEM, "--until", TRAINED_UNTIL)
    with stages.stage("up", "pulumi up with the policy pack: no event hub, no stream job"):
        in_sandbox("pulumi", "stack", "select", "--create", STACK)
        in_sandbox("pulumi", "up", "--yes", "--stack", STACK, *POLICIES)
        write(outputs, in_sandbox("pulumi", "stack", "output", "--json", "--stack", STACK, capture=True))
        sandbox("clock", "advance", "5m", quiet=True)  # until the roles count
    with stages.stage("put", "three days of measured files into the lake"):
        dates = [part for day in DAYS for part in ("--date", day)]
        batch_scoring("put", measured_files(output / "files"), *dates, "--stack", STACK, "--outputs", outputs)
    with stages.stage("score", "three days pass; Data Factory's trigger scores each once it is over"):
        if sandbox("clock", "show", quiet=True).split()[1] < SCORED_BY:
            sandbox("clock", "advance", "--to", SCORED_BY, quiet=True)
    with stages.stage("results", "read back, judged by the known fault, drawn"):
        page = ("--format", "page", "--output", output / "results.html", "--summary", report)
        span = ("--from", f"{DAYS[0]}T00:00Z", "--to", f"{DAYS[-1]}T23:59Z")
        batch_scoring("results", "--stack", STACK, "--outputs", outputs, *span, *page)
        sandbox("clock", "speed", "1", quiet=True)
    seconds = {**stages.seconds, "total": round(sum(stages.seconds.values()), 1)}
    summary = {**json.loads(report.read_text("utf-8")), "seconds": seconds}
    write(output / "summary.json", json.dumps(summary, indent=1) + "\n")
    return summary


def measured_files(folder: Path) -> Path:
    """The plant's files as its historian would deliver them, in folders of a day; made once."""
    sys.path.insert(0, str(ROOT))
    from operations import history, problem

    if not folder.exists():
        source = problem.source(PROBLEM)
        count = source.write_lake(source.read(history.source_file(PROBLEM, None)), folder)
        print(f"   {folder}: {count} files. {source.ATTRIBUTION}", flush=True)
    return folder


def problems(found: Mapping[str, Any]) -> list[str]:
    """Everything that is not as it must be; empty when the demo has succeeded."""
    wrong, rows = [], found["rows"]
    if len(found["runs"]) != len(DAYS):
        wrong.append(f"windows: {len(found['runs'])} were scored, expected {len(DAYS)}")
    if not rows["rows"] == rows["scored"] + rows["rejected"] == found["windows"]:
        wrong.append(f"rows: {rows['rows']} in, {rows['scored']} scored + {rows['rejected']} rejected")
    if "faults" not in found:
        return [*wrong, "faults: none is known in the rows, expected the one of 2 January"]
    faults, model, rule = found["faults"], found["quality"], found["three_sigma"]
    if faults["found"] != faults["known"]:
        wrong.append(f"faults: {faults['found']} of {faults['known']} were found")
    if model["recall"] < RECALL:
        wrong.append(f"anomalies: recall is {model['recall']:.2f}, expected {RECALL} or more")
    sound = found["windows"] - model["hits"] - model["misses"]
    if model["false_alarms"] > FALSE_ALARMS * sound:
        wrong.append(f"anomalies: {model['false_alarms']} false alarms in {sound} rows, expected {FALSE_ALARMS:.0%}")
    if model["f1"] <= rule["f1"]:
        wrong.append(f"anomalies: F1 is {model['f1']:.2f}, no better than the three-sigma rule's {rule['f1']:.2f}")
    return wrong


def show(found: Mapping[str, Any], folder: Path) -> None:
    rows, faults, model, rule = found["rows"], found["faults"], found["quality"], found["three_sigma"]
    alarm = faults["first_alarm_seconds"] or 0
    told = [
        ("windows", f"{len(found['runs'])}", "scored by Data Factory's trigger"),
        ("rows in", f"{rows['rows']} = {rows['scored']} scored + {rows['rejected']} rejected", "the runs' records"),
        ("faults found", f"{faults['found']} of {faults['known']}", f"first alarm after {alarm / 60:.0f} min"),
        ("  recall", f"{model['recall']:.2f}", f"{model['hits']} of {model['hits'] + model['misses']} faulty rows"),
        ("  false alarms", f"{model['false_alarms']}", f"precision {model['precision']:.2f}"),
        ("  F1", f"{model['f1']:.2f}", f"three-sigma rule: {rule['f1']:.2f}"),
        ("seconds", f"{found['seconds']['total']}", ""),
    ]
    told += [(f"  {name}", f"{value}", "") for name, value in found["seconds"].items() if name != "total"]
    print("\n── summary")
    for name, value, source in told:
        print(f"  {name:<20}{value:<42}{source}".rstrip())
    print(f"\n{folder / 'summary.json'}\n{folder / 'results.html'}")
    place = os.path.relpath(state_folder(), ROOT)
    print(f"The sandbox is still there: azure-sandbox --state {place} status. `make clean` removes it.", flush=True)


if __name__ == "__main__":
    main()
