"""Batch jobs: their records, and how one is run, from the queue to the last log file."""

import asyncio
import contextlib
import json
import shutil
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from azure_sandbox.context import Sandbox
from azure_sandbox.directory import Principal
from azure_sandbox.errors import AzureError
from azure_sandbox.ids import name_of
from azure_sandbox_storage.blobs import Blobs, Place

from azure_sandbox_learning import commands, environments
from azure_sandbox_learning.cluster import Clusters
from azure_sandbox_learning.data import JobData, JobFailed, datastore_place
from azure_sandbox_learning.shapes import variables

TABLE = "CREATE TABLE IF NOT EXISTS ml_jobs (name TEXT PRIMARY KEY, workspace TEXT, created TEXT, record TEXT NOT NULL)"
ENDED = ("Completed", "Failed", "Canceled")
EXECUTION_LOG = "logs/azureml/executionlogs.txt"
PULL = "Microsoft.ContainerRegistry/registries/pull/read"
BUILD_LOG = "azureml-logs/20_image_build_log.txt"
Record = dict[str, Any]


class Jobs:
    """Records survive the process; a job that was under way is run again from its beginning."""

    def __init__(self, sandbox: Sandbox, blobs: Blobs, clusters: Clusters) -> None:
        self._sandbox, self._blobs, self._clusters = sandbox, blobs, clusters
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._closing = False
        self.computing: set[str] = set()  # jobs that have their nodes and work, in real time
        sandbox.store.execute(TABLE)

    def start(self) -> None:
        for record in self.all():
            if record["status"] not in ENDED:
                self.launch(record | {"attempt": record["attempt"] + 1})

    async def close(self) -> None:
        """Ends the work, not the jobs: they are run again at the next start."""
        self._closing = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def all(self, workspace: str | None = None) -> list[Record]:
        """The newest first."""
        where, values = ("WHERE workspace = ?", [workspace.lower()]) if workspace else ("", [])
        query = f"SELECT record FROM ml_jobs {where} ORDER BY created DESC, rowid DESC"  # noqa: S608
        rows = self._sandbox.store.execute(query, values)
        return [json.loads(record) for (record,) in rows]

    def find(self, run: str) -> Record | None:
        """By the job's name or by the run id of its scoring step."""
        rows = self._sandbox.store.execute(
            "SELECT record FROM ml_jobs WHERE name = ?1 OR record ->> 'child' = ?1", (run,)
        )
        return json.loads(rows[0][0]) if rows else None

    def launch(self, record: Record) -> None:
        self.save(record)
        task = asyncio.create_task(self._run(record))
        self._tasks[record["name"]] = task
        task.add_done_callback(
            lambda _: (self._tasks.pop(record["name"], None), self.computing.discard(record["name"]))
        )

    def cancel(self, name: str) -> None:
        task = self._tasks.get(name)
        if task is not None:
            task.cancel()

    def forget(self, workspace: str) -> None:
        """A workspace takes its jobs along."""
        for record in self.all(workspace):
            self.cancel(record["name"])
        self._sandbox.store.execute("DELETE FROM ml_jobs WHERE workspace = ?", (workspace.lower(),))

    async def _run(self, record: Record) -> None:
        work = self._sandbox.state / "jobs" / record["name"]
        shutil.rmtree(work, ignore_errors=True)
        nodes: list[Any] = []
        data = self._data(record)
        try:
            if data is None:
                raise JobFailed("UserError", "The compute has no managed identity with which data could be read.")
            self._status(record, "Queued")
            nodes = await self._clusters.acquire(record["compute"], record["instances"])
            self.computing.add(record["name"])
            self._status(record, "Preparing")
            await (self._command if "command" in record else self._score)(record, data, work)
            outcome, error = "Completed", None
        except asyncio.CancelledError:
            if self._closing:
                return
            outcome, error = "Canceled", None
        except JobFailed as failed:
            outcome, error = "Failed", {"code": failed.code, "message": failed.message}
        except Exception as unexpected:  # a defect of this sandbox fails the job that met it, not all others
            outcome, error = "Failed", {"code": "SandboxError", "message": f"{type(unexpected).__name__}: {unexpected}"}
        finally:
            await self._clusters.release(nodes)
        await self._finish(record, data, work, outcome, error)

    async def _score(self, record: Record, data: JobData, work: Path) -> None:
        from batch_runner import Settings

        deployment = record["deploymentProperties"]
        settings = Settings.from_deployment(deployment)
        logs = work / "logs"
        python = await self._environment(record, data, work, deployment["environmentId"])
        code, output = deployment["codeConfiguration"], data.place(record["output"])
        if record["attempt"] == 1 and await data.exists(output.below(settings.output_file_name)):
            raise JobFailed("UserError", f"Output already exists: {output.below(settings.output_file_name).url}")
        source = data.asset("codes", code["codeId"])["codeUri"]
        await self._reader_of_code(data, source).fetch(source, work / "code", nested=True)
        uri = data.asset("models", deployment["model"]["assetId"])["modelUri"]
        await data.fetch(uri, work / "model" / data.place(uri).path.rsplit("/", 1)[-1], nested=True)
        (work / "input").mkdir(parents=True)
        await data.fetch(record["input"], work / "input", nested=False, twice=True)
        self._status(record, "Running")
        result = await _in_thread(
            code=work / "code", script=code["scoringScript"], model=work / "model", inputs=[work / "input"],
            output=work / "output", logs=logs, python=str(python), environment=variables(record),
            settings=replace(settings, instance_count=record["instances"]),
        )  # fmt: skip
        record["counts"] = {"succeeded": result.items_succeeded, "failed": result.items_failed}
        if result.status != "Completed":
            error = result.error
            raise JobFailed(error.code if error else "UserError", error.message if error else "SystemExit: 42")
        self._status(record, "Finalizing")
        await data.send(work / "output", output)

    async def _command(self, record: Record, data: JobData, work: Path) -> None:
        job = record["command"]
        python = await self._environment(record, data, work, job["environmentId"])
        reader = replace(data, compute=self._identity(record["compute"]) or data.compute)
        code = (
            self._reader_of_code(reader, data.asset("codes", job["codeId"])["codeUri"]) if job.get("codeId") else None
        )
        self._status(record, "Running")
        await commands.run(record, data, code, python, work)
        self._status(record, "Finalizing")
        if (work / "code" / "outputs").exists():
            await reader.send(work / "code" / "outputs", self._logs(record, record["name"]).below("outputs"))

    async def _environment(self, record: Record, data: JobData, work: Path, reference: str) -> Path:
        """The interpreter of an environment, once the nodes have its image; its log lies beside the job's others."""
        conda_file = data.asset("environments", reference).get("condaFile")
        self._pull(record, reference)
        python, log = await environments.build(conda_file)
        _write(work / "other" / BUILD_LOG, log)
        return python

    def _pull(self, record: Record, environment: str) -> None:
        """The image of an environment lies in the workspace's registry, and its nodes pull it as themselves.

        learn.microsoft.com/azure/machine-learning/how-to-identity-based-service-authentication. A workspace without a
        registry is given one by the service, with access of its own.
        """
        workspace = self._sandbox.store.resource(record["workspace"]) or {"properties": {}}
        registry, nodes = workspace["properties"].get("containerRegistry"), self._identity(record["compute"])
        if not registry or nodes is None:
            return
        if reason := self._sandbox.access.explain(nodes.object_id, PULL, registry):
            host, path = f"{name_of(registry)}.azurecr.io", f"azureml/{environment.rsplit('/environments/', 1)[-1]}"
            refusal = AzureError(401, "UNAUTHORIZED", f"unauthorized: authentication required: {reason}")
            place = {"method": "PULL", "host": host, "path": f"/v2/{path}"}
            self._sandbox.note(refusal, who=nodes.object_id, request_id=f"{record['name']}-pull", **place)
            raise JobFailed("FailedPullingImage", f"Unable to pull docker image {host}/{path}: {refusal.message}")

    def _reader_of_code(self, data: JobData, uri: str) -> JobData:
        """Code that a client uploaded into a container of the service's own is handed to the nodes by the workspace."""
        owner = self.identity_of(self._sandbox.store.resource(data.workspace) or {})
        uploaded = data.place(uri).container in self._sandbox.store.value("uploads", [])
        return replace(data, compute=owner) if owner and uploaded else data

    async def _finish(self, record: Record, data: JobData | None, work: Path, outcome: str, error: Any) -> None:
        record["error"] = error
        summary = f"{outcome}" + (f"\n{error['code']}: {error['message']}" if error else "")
        _write(work / "job" / EXECUTION_LOG, "\n".join([*record["history"], summary, ""]))
        with contextlib.suppress(JobFailed, AzureError):  # a log that cannot be written does not change the outcome
            if data is not None:
                data = replace(data, compute=self._identity(record["compute"]) or data.compute)
                for run, folder in ((record["name"], "job"), (record["child"], "other")):
                    await data.send(work / folder, self._logs(record, run))
                inside = "" if "command" in record else "logs/"
                if (work / "logs").exists():
                    await data.send(work / "logs", self._logs(record, record["child"]).below(inside.rstrip("/")))
                names = {"job": work / "job", "child": work / "other"}
                found = {
                    run: [p.relative_to(f).as_posix() for p in f.rglob("*") if p.is_file()] for run, f in names.items()
                }
                found["child"] += [
                    f"{inside}{p.relative_to(work / 'logs').as_posix()}" for p in (work / "logs").rglob("*.*")
                ]
                if record["child"] == record["name"]:
                    found["child"] += found["job"]
                record["logFiles"] = {run: sorted(files) for run, files in found.items()}
        self._status(record, outcome)
        shutil.rmtree(work, ignore_errors=True)

    def log_place(self, record: Record, run: str, name: str) -> Place:
        return self._logs(record, run).below(name)

    def _logs(self, record: Record, run: str) -> Place:
        store = self._sandbox.store.resource(f"{record['workspace']}/datastores/workspaceartifactstore")
        return datastore_place((store or {})["properties"], f"ExperimentRun/dcid.{run}")

    def _data(self, record: Record) -> JobData | None:
        identity, invoker = self._identity(record["compute"]), self._sandbox.directory.find(record["invoker"])
        if identity is None or invoker is None:
            return None
        kind = str((record.get("command", {}).get("identity") or {}).get("identityType"))
        who = invoker if kind.lower() == "useridentity" else identity
        return JobData(
            sandbox=self._sandbox, blobs=self._blobs, workspace=record["workspace"], compute=who, invoker=invoker
        )

    def _identity(self, compute: str) -> Principal | None:
        return self.identity_of(self._sandbox.store.resource(compute) or {})

    def identity_of(self, resource: Record) -> Principal | None:
        """The managed identity with which a workspace or a cluster works."""
        identity, directory = resource.get("identity") or {}, self._sandbox.directory
        users = [
            resource.get("properties", {}).get("primaryUserAssignedIdentity"),
            *(identity.get("userAssignedIdentities") or {}),
        ]
        found = [directory.find(user) for user in users if user]
        return next((f for f in found if f), None) or directory.find(identity.get("principalId"))

    def _status(self, record: Record, status: str) -> None:
        record["status"] = status
        record["history"].append(f"[{self._sandbox.clock.stamp()}] {status}")
        record["started" if status == "Running" else "ended" if status in ENDED else "seen"] = (
            self._sandbox.clock.stamp()
        )
        self.save(record)

    def save(self, record: Record) -> None:
        values = (record["name"], record["workspace"].lower(), record["created"], json.dumps(record))
        statement = "INSERT INTO ml_jobs VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET record = excluded.record"
        if self._sandbox.store.resource(record["workspace"]):
            self._sandbox.store.execute(statement, values)


async def _in_thread(**arguments: Any) -> Any:
    """Runs the job in a thread; when this task is cancelled, the workers are ended before it goes on."""
    from batch_runner import run_job

    stop = threading.Event()
    work = asyncio.create_task(asyncio.to_thread(run_job, stop=stop, **arguments))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.gather(work, return_exceptions=True)
        raise


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
