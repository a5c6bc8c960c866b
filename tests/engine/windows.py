"""A window of the problem `sensors` with its lake, its database and a factory, in one process."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from factory_engine import Factory, PipelineRun, Record
from factory_engine.virtual_clock import VirtualClock
from sql_engine import Principal, Server

from components import pipelines, schema, views
from components.pipelines import DATABASE, Plan
from scoring import preparation
from scoring.contract import arrow_schema
from scoring.sensors.contract import CONTRACT

from .window_world import ACCOUNT, FACTORY, LAKE, MODEL, Moment, World

ADMIN = Principal(name="warehouse", id="00000000-0000-0000-0000-00000000000a")
DAY = datetime(2026, 1, 1, tzinfo=UTC)
WINDOW = {"windowStart": f"{DAY:%Y-%m-%dT%H:%M:%SZ}", "windowEnd": f"{DAY + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"}
# What tells one run of a window from another, and nothing else does.
OWN = ("Job", "Committed", "PipelineRun", "Input")


class Windows:
    """`folder` holds all, also what a dead factory left.

    `delay`: seconds that the stream's output is behind, None for a stream that tells none. `failure`: why jobs fail, ""
    while they do not. `loses`: rows that jobs drop of each file.
    """

    delay: int | None = 0
    failure = ""
    loses = 0

    def __init__(self, folder: Path, *, rows: int = 48, bad: int = 2):
        self.folder, self.jobs, self.effects = folder, 0, list[str]()
        self.server = Server(folder / "sql", admins=[ADMIN.id], now=lambda: DAY + timedelta(days=2, seconds=self.jobs))
        self.server.create_database(DATABASE)
        script = schema.script(CONTRACT, promoted=schema.Promoted(digest=MODEL, deployment="live"))
        text = schema.filled(script, factory=FACTORY.name, client_id=FACTORY.id)
        self.server.execute(DATABASE, text, principal=ADMIN)
        path = self.file(LAKE, "features", f"{DAY:%Y/%m/%d}/07/rows.parquet")
        path.parent.mkdir(parents=True)
        pq.write_table(_features(rows, bad), path)
        made = pipelines.definitions(plan())
        self.factory = Factory(
            name="adf",
            pipelines=_resources(made.pipelines),
            datasets=_resources(made.datasets),
            linked_services=_resources(made.linked_services),
        )

    def file(self, account: str, container: str, path: str) -> Path:
        return self.folder / "storage" / account / container / path

    def run(self) -> Record:
        """One run, whole."""
        return self.interrupted(None, lambda run, task: True)

    def killed(self, at: Moment) -> Record:
        """The factory dies: nobody writes down how the run ended."""
        return self.interrupted(at, lambda run, task: not task.cancel())

    def cancelled(self, at: Moment) -> Record:
        return self.interrupted(at, lambda run, task: bool(run.cancel()))

    def overtaken(self, at: Moment) -> Record:
        """A second run of the window, from its beginning to its end; then the first goes on."""
        return self.interrupted(at, lambda run, task: bool(_in_thread(self.run)))

    def interrupted(self, at: Moment | None, then: Callable[[PipelineRun, asyncio.Task[Record]], bool]) -> Record:
        async def go() -> Record:
            clock = VirtualClock(DAY + timedelta(days=1, hours=1))
            world = World(self, at, lambda: then(run, task))
            run = PipelineRun(factory=self.factory, pipeline="score", world=world, clock=clock, parameters=WINDOW)
            task = asyncio.ensure_future(run.execute())
            try:
                return await clock.drive(_result(task))
            except asyncio.CancelledError:
                return run.record
            finally:
                self.effects = world.effects

        return asyncio.run(go())

    def read(self, text: str) -> list[dict[str, Any]]:
        return self.server.read(DATABASE, text, principal=ADMIN).to_pylist()

    def seen(self) -> dict[str, list[dict[str, Any]]]:
        """What readers see: every view, the rejected rows of runs that show, and the lake's files of such runs."""
        found = {view: self.read(f"SELECT * FROM dbo.{view}") for view in views.SHOWN}
        found["runs_with_counts"] = [run for run in found["runs_with_counts"] if run["Shown"]]
        jobs = [run["Job"] for run in found["runs_with_counts"]]
        found["rejected"] = [row for row in self.read("SELECT * FROM dbo.rejected") if row["Job"] in jobs]
        folders = [self.file(LAKE, "predictions", f"sensors/run={job}") for job in jobs]
        found["lake"] = [row for each in folders if each.exists() for row in pq.read_table(each).to_pylist()]
        return {name: sorted(rows, key=repr) for name, rows in found.items()}

    def whole(self) -> dict[str, list[dict[str, Any]]]:
        """The same without what differs from run to run."""
        kept = {
            name: [{key: value for key, value in row.items() if key not in (*OWN, "run")} for row in rows]
            for name, rows in self.seen().items()
        }
        return {name: sorted(rows, key=repr) for name, rows in kept.items()}


def plan() -> Plan:
    """A stack of the problem `sensors` with windows of a day; files are small, so that each step has several."""
    return Plan(
        problem="sensors",
        template=preparation.text("sensors"),
        key=[*CONTRACT.prediction.key, "Job"],
        stream="/stream",
        workspace="/workspace",
        location="westeurope",
        lake=LAKE,
        account=ACCOUNT,
        server="sql1",
        synapse="synapse1",
        factory="adf",
        scoring_uri="https://endpoint.westeurope.inference.ml.azure.com/jobs",
        deployment="live",
        window_hours=24,
        rows_per_file=25,
        timeout_hours=1,
        delay_seconds=780,
        private=False,
    )


async def _result(task: asyncio.Task[Record]) -> Record:
    return await task


def _in_thread(work: Callable[[], Record]) -> Record:
    """A loop of its own, as in another process."""
    with ThreadPoolExecutor() as pool:
        return pool.submit(work).result()


def _resources(properties: dict[str, Any]) -> dict[str, Any]:
    return {name: {"properties": each} for name, each in properties.items()}


def _features(rows: int, bad: int) -> pa.Table:
    found = [
        {
            "WindowEnd": DAY + timedelta(hours=7, minutes=5 * (number // 2 % 12)),
            "DeviceId": f"device-{number // 24}",
            "SensorId": f"sensor-{number % 2}",
            "Events": 30,
            "Duplicates": 0,
            "Mean": float(number),
            "Minimum": float(number) - 1,
            "Maximum": float(number) + 1,
            "Deviation": 0.5,
        }
        for number in range(max(rows, bad))
    ]
    lost = [{**found[number], "DeviceId": None, "SensorId": f"lost-{number}"} for number in range(bad)]
    names = [field.with_nullable(True) for field in arrow_schema(CONTRACT.feature)]
    return pa.Table.from_pylist(found[:rows] + lost, schema=pa.schema(names))
