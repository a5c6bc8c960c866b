"""The main job, from nothing to scored results, in a sandbox on this machine: `make demo`.

    python tools/demo.py            # fails unless every event and row is accounted for and the anomalies are found
    python tools/demo.py --clean    # destroys the stack, shows that the sandbox is empty, removes it: `make clean`

What has been done is not done again: models that were trained from the same history, resources that are as declared, a
day that was sent and that Data Factory has scored.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import judge
from sandbox import ROOT, STACK, batch_scoring, in_sandbox, sandbox, state_folder

CLOCK = "2026-01-04T22:00:00Z"
HISTORY_ENDS = "2026-01-05"
SPEED = 30
POLICIES = ("--policy-pack", "policies", "--policy-pack-config", f"policies/config/{STACK}.json")
WINDOW = timedelta(minutes=5)
HUB = "azure-native:eventhub:EventHub"


class Stages:
    """Names the stages as they come, and keeps their seconds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str, what: str) -> Iterator[None]:
        print(f"\n── {name}: {what}", flush=True)
        began = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - began, 1)
        print(f"   {name}: {self.seconds[name]} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="The main job in a sandbox on this machine.")
    parser.add_argument("--clean", action="store_true", help="destroy the stack and remove the sandbox")
    parser.add_argument("--output", type=Path, default=Path("build/demo"), help="folder for summary and page")
    options = parser.parse_args()
    os.chdir(ROOT)
    if options.clean:
        import clean

        clean.clean()
        return
    summary = demo(options.output)
    problems = judge.problems(summary)
    judge.show(summary, options.output)
    if problems:
        sys.exit("demo: " + "\ndemo: ".join(problems))


def demo(output: Path) -> dict[str, Any]:
    """Runs all stages and returns the summary, which is also written to `output`."""
    stages = Stages()
    with stages.stage("sandbox", "an Azure on this machine"):
        start_sandbox()
    with stages.stage("train", "one model per device and sensor, from seven days of history"):
        batch_scoring("train", "--until", HISTORY_ENDS)
    with stages.stage("up", "pulumi up with the policy pack"):
        resources = up()
    outputs = output / "outputs.json"
    write(outputs, in_sandbox("pulumi", "stack", "output", "--json", "--stack", STACK, capture=True))
    with stages.stage("send", "a day of events, as the sensors' identity"):
        day = send(output, outputs, resources["hub"])
    with stages.stage("score", "the day's window: Data Factory's trigger starts it, a batch job scores it"):
        score(day)
    report = output / "report.json"
    page = ("--format", "page", "--output", output / "results.html", "--summary", report)
    with stages.stage("results", "read back, counted, drawn"):
        batch_scoring("results", *span(day), *page, "--sent", output / "sent.json", "--outputs", outputs)
        sandbox("clock", "speed", "1", quiet=True)
    sent = json.loads((output / "sent.json").read_text("utf-8"))
    found = json.loads(report.read_text("utf-8"))
    summary = judge.summary(found, sent=sent, resources=resources, seconds=stages.seconds)
    write(output / "summary.json", json.dumps(summary, indent=1) + "\n")
    return summary


def start_sandbox() -> None:
    new = not (state_folder() / "sandbox.db").exists()
    sandbox("up", *(("--clock", CLOCK) if new else ()))
    sandbox("clock", "speed", str(SPEED), quiet=True)


def up() -> dict[str, Any]:
    """Deploys, and tells how many resources there are, what this update did to them, and when the hub was made."""
    in_sandbox("pulumi", "stack", "select", "--create", STACK)
    in_sandbox("pulumi", "up", "--yes", "--stack", STACK, *POLICIES)
    state = json.loads(in_sandbox("pulumi", "stack", "export", "--stack", STACK, capture=True))
    made = [one for one in state["deployment"]["resources"] if one.get("custom") and ":providers:" not in one["type"]]
    history = json.loads(
        in_sandbox("pulumi", "stack", "history", "--json", "--page-size", "1", "--stack", STACK, capture=True)
    )
    azure = [one for one in made if one["type"].startswith("azure-native:")]
    return {
        "azure": len(azure),
        "steps": len(made) - len(azure),
        "changes": history[0].get("resourceChanges", {}),
        "hub": next(one["created"] for one in made if one["type"] == HUB),
    }


def send(output: Path, outputs: Path, hub: str) -> datetime:
    """Sends a day's windows, unless this hub was sent them before; returns the day's midnight.

    The first window of a day ends at its midnight, and began five minutes before.
    """
    record = output / "sent.json"
    if record.exists() and (sent := json.loads(record.read_text("utf-8"))).get("hub") == hub:
        print(f"   {sent['start'][:16]}Z and a day was sent before: {sent['sent']:,} events")
        return datetime.fromisoformat(sent["start"]) + WINDOW
    identity = json.loads(outputs.read_text("utf-8"))["sensorsIdentityId"]
    sandbox("clock", "speed", "0", quiet=True)
    part = output / "sending.json"
    start = next_midnight(now() + WINDOW) - WINDOW
    batch_scoring("send", "--outputs", outputs, "--from", start.isoformat(), "--record", part, identity=identity)
    sent = json.loads(part.read_text("utf-8"))
    write(record, json.dumps(sent | {"hub": hub}, indent=1) + "\n")
    part.unlink()
    return start + WINDOW


def score(day: datetime) -> None:
    """Lets the clock pass the end of the day and what a window waits for: then the trigger has started its run."""
    over = day + timedelta(days=1, hours=1)
    if now() >= over:
        print(f"   {day:%Y-%m-%d} was scored before")
        return
    sandbox("clock", "advance", "--to", over.isoformat(), quiet=True)
    sandbox("clock", "speed", str(SPEED), quiet=True)


def now() -> datetime:
    return datetime.fromisoformat(sandbox("clock", "show", quiet=True).split()[1])


def next_midnight(moment: datetime) -> datetime:
    return (moment + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)


def span(day: datetime) -> tuple[str, ...]:
    """The day's hours: the last of its windows ends five minutes before midnight."""
    return ("--from", day.isoformat(), "--to", (day + timedelta(days=1)).isoformat())


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_text(text, "utf-8")
    os.replace(temporary, path)


if __name__ == "__main__":
    main()
