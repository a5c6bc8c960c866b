"""The hosts <region>.api.azureml.ms: discovery, run history with logs, outputs of runs, and an endpoint's jobs.

Nothing of this is documented by Azure; it is what azure-ai-ml asks for (jobs.stream, jobs.download, list_jobs).
"""

import re
from typing import Any

from azure_sandbox.context import Sandbox
from azure_sandbox.errors import AzureError
from azure_sandbox.tokens import ARM
from azure_sandbox.web import Web, identify, json_body
from azure_sandbox_storage.blobs import Blobs
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azure_sandbox_learning.jobs import Jobs, Record
from azure_sandbox_learning.machine_learning import AUDIENCE
from azure_sandbox_learning.shapes import invoked

SERVICES = (
    "api",
    "catalog",
    "experimentation",
    "history",
    "hyperdrive",
    "labeling",
    "modelmanagement",
    "pipeline",
    "studio",
)
WORKSPACE = re.compile(r"/subscriptions/[^/]+/resourcegroups/[^/]+/providers/[^/]+/workspaces/[^/]+", re.IGNORECASE)
RUN = re.compile(r".*/runs/([^/]+)(?:/(children|details))?")
ENDPOINT_JOBS = re.compile(r".*/batchendpoints/([^/]+)(?:/deployments/([^/]+))?/jobs", re.IGNORECASE)
OUTPUT = re.compile(r"azureml_([-0-9a-f]+)_output_score")
READ = "Microsoft.MachineLearningServices/workspaces/experiments/runs/read"
WRITE = "Microsoft.MachineLearningServices/workspaces/experiments/runs/write"


class RunHistory:
    def __init__(self, sandbox: Sandbox, blobs: Blobs, jobs: Jobs) -> None:
        self._sandbox, self._blobs, self._jobs = sandbox, blobs, jobs

    def install(self, web: Web) -> None:
        web.hosts["api.azureml.ms"] = self.handle

    async def handle(self, request: Request) -> Response:
        host, path = request.headers.get("host", ""), request.url.path
        if path.strip("/") == "discovery":
            return JSONResponse(dict.fromkeys(SERVICES, f"https://{host}"))  # asked without a token
        principal = identify(self._sandbox, request, ARM | AUDIENCE)
        found = WORKSPACE.search(path)
        workspace = self._sandbox.store.resource(found[0] if found else "")
        if workspace is None:
            raise AzureError(404, "ResourceNotFound", f"The workspace of '{path}' could not be found.")
        self._sandbox.access.require(principal.object_id, READ, workspace["id"])
        body = await json_body(request) if request.method in ("POST", "PATCH") else {}
        if request.method == "PATCH":
            self._sandbox.access.require(principal.object_id, WRITE, workspace["id"])
            return JSONResponse(self._describe(path, body or {}))
        return JSONResponse(await self._answer(workspace, path, body or {}))

    async def _answer(self, workspace: Record, path: str, body: Any) -> Any:
        if found := ENDPOINT_JOBS.fullmatch(path):
            jobs = [j for j in self._jobs.all(workspace["id"]) if j["endpoint"] == found[1]]
            return {"value": [invoked(j) for j in jobs if found[2] in (None, j["deployment"])]}
        if found := RUN.fullmatch(path):
            job = self._job(found[1])
            if found[2] == "children":
                own = found[1] == job["name"] != job["child"]
                return {"value": [_run(job, child=True)] if own else []}
            if found[2] == "details":
                return await self._details(workspace, job, child=found[1] == job["child"])
            return _run(job, child=found[1] == job["child"])
        if path.endswith("/rundata"):
            job = self._job(str(body.get("runId")))
            return {"runMetadata": _run(job, child=body["runId"] == job["child"])}
        if path.lower().endswith("/dataversion/batchgetresolveduris"):
            return {"values": {asset: self._resolved(workspace, asset) for asset in body.get("values", [])}}
        raise AzureError(404, "NotFound", f"The sandbox does not offer '{path}'.")

    def _describe(self, path: str, body: Record) -> Record:
        """Tags, properties, name and description of a command job, which a client may change at any time."""
        found = RUN.fullmatch(path)
        job = self._job(found[1]) if found else {}
        if "command" not in job:
            raise AzureError(405, "MethodNotAllowed", f"'{path}' is no command job: nothing of it can be changed.")
        for key in ("tags", "properties"):
            job["command"][key] = {**(job["command"].get(key) or {}), **(body.get(key) or {})}
        job["command"] |= {key: body[key] for key in ("displayName", "description") if body.get(key)}
        self._jobs.save(job)
        return _run(job, child=False)

    def _job(self, run: str) -> Record:
        job = self._jobs.find(run)
        if job is None:
            raise AzureError(404, "NotFound", f"Run '{run}' was not found.")
        return job

    def _resolved(self, workspace: Record, asset: str) -> dict[str, str]:
        found = OUTPUT.search(asset)
        parts, path = (
            workspace["id"].split("/"),
            self._job(found[1] if found else asset)["output"].split("datastores/", 1)[1],
        )
        long = f"azureml://subscriptions/{parts[2]}/resourceGroups/{parts[4]}/workspaces/{workspace['name']}"
        return {"uri": f"{long}/datastores/{path}/", "type": "uri_folder"}

    async def _details(self, workspace: Record, job: Record, *, child: bool) -> Record:
        names = job["logFiles"].get("child" if child else "job", [])
        run, error = job["child"] if child else job["name"], job["error"]
        return {
            "runId": run,
            "status": job["status"],
            "startTimeUtc": job.get("started"),
            "endTimeUtc": job.get("ended"),
            "warnings": [],
            "properties": {},
            "error": {"error": {"code": error["code"], "message": error["message"]}} if error else None,
            "logFiles": {name: await self._link(workspace, job, run, name) for name in names},
        }

    async def _link(self, workspace: Record, job: Record, run: str, name: str) -> str:
        """With the workspace's own access in it; without, when the workspace may not read its logs."""
        place, owner = self._jobs.log_place(job, run, name), self._jobs.identity_of(workspace)
        try:
            return await self._blobs.link(owner, place, "r") if owner else place.url
        except AzureError:
            return place.url


def _run(job: Record, *, child: bool) -> Record:
    place = job["workspace"].rsplit("/", 1)[-1]
    asset = f"azureml://locations/-/workspaces/{place}/data/azureml_{job['child']}_output_score/versions/1"
    command = job.get("command")
    child = child and command is None
    kind = "azureml.StepRun" if child else "azureml.PipelineRun"
    name = "batchscoring" if child else job["name"]
    return {
        "runId": job["child"] if child else job["name"],
        "parentRunId": job["name"] if child else None,
        "rootRunId": job["name"],
        "displayName": (command or {}).get("displayName") or name,
        "status": job["status"],
        "runType": "azureml.command" if command else kind,
        "createdUtc": job["created"],
        "tags": (command or {}).get("tags") or {},
        "properties": (command or {}).get("properties") or {},
        "createdBy": {"userName": job["by"]},
        "lastModifiedBy": {"userName": job["by"]},
        "lastModifiedUtc": job.get("ended") or job["created"],
        "target": job["compute"].rsplit("/", 1)[-1],
        "outputs": {"score": {"assetId": asset, "type": "uri_folder"}} if child else {},
    }
