"""Azure Machine Learning: batch endpoints that are invoked, the jobs that come of it, and uploads of code.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-deploy-batch-with-rest
"""

import asyncio
import re
import uuid
from typing import Any

from azure_sandbox.context import Sandbox
from azure_sandbox.directory import Principal
from azure_sandbox.errors import AzureError
from azure_sandbox.ids import name_of
from azure_sandbox.web import Web, identify, json_body
from azure_sandbox_storage.blobs import Blobs, Place
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azure_sandbox_learning import commands, environments
from azure_sandbox_learning.cluster import Clusters, most_nodes
from azure_sandbox_learning.data import DATASTORE, JobFailed
from azure_sandbox_learning.jobs import Jobs, Record
from azure_sandbox_learning.shapes import invoked, job_resource, lower_keys, only_input, the_output

WORKSPACES = "microsoft.machinelearningservices/workspaces"
ENDPOINTS = f"{WORKSPACES}/batchendpoints"
DEPLOYMENTS = f"{ENDPOINTS}/deployments"
AUDIENCE = frozenset({"https://ml.azure.com"})
ENDPOINT_ACTION = "Microsoft.MachineLearningServices/workspaces/batchEndpoints"
UPLOAD = re.compile(
    r"(/subscriptions/.+/workspaces/[^/]+)/codes/[^/]+/versions/[^/]+/startPendingUpload", re.IGNORECASE
)
CANCEL = re.compile(r"(/subscriptions/.+/workspaces/[^/]+)/jobs/([^/]+)/cancel", re.IGNORECASE)
NO_ROUTE = (
    "No valid deployments to route to. Please check that the endpoint has a default deployment or use the header "
    "azureml-model-deployment to route to a specific one."
)


class MachineLearning:
    def __init__(self, sandbox: Sandbox, blobs: Blobs) -> None:
        self._sandbox, self._blobs = sandbox, blobs
        self.clusters = Clusters(sandbox)
        self.jobs = Jobs(sandbox, blobs, self.clusters)
        self._builds: set[asyncio.Task[None]] = set()

    def install(self, web: Web) -> None:
        manager = self._sandbox.manager
        web.hosts["inference.ml.azure.com"] = self.invoke
        web.outside += [(UPLOAD, self.start_upload), (CANCEL, self.cancel)]
        manager.collection(f"{WORKSPACES}/jobs", self.job_resources)
        manager.on_action(f"{WORKSPACES}/datastores", "listSecrets", self.list_secrets)
        manager.after_put(DEPLOYMENTS, self.build_ahead)
        manager.after_delete(WORKSPACES, self.workspace_deleted)
        self._sandbox.status["clusters"] = self.clusters.status
        self._sandbox.status["jobs"] = self.status

    # POST https://<endpoint>.<region>.inference.ml.azure.com/jobs

    async def invoke(self, request: Request) -> Response:
        try:
            principal = identify(self._sandbox, request, AUDIENCE)
        except AzureError as error:
            raise AzureError(401, "Unauthorized", error.message, error.headers) from None
        endpoint = self._endpoint(request)
        workspace = endpoint["id"].rsplit("/batchEndpoints/", 1)[0]
        if request.method == "GET":
            self._require(principal, f"{ENDPOINT_ACTION}/jobs/read", endpoint["id"])
            name = request.url.path.strip("/").partition("/")[2]
            found = [
                j for j in self.jobs.all(workspace) if j["endpoint"] == endpoint["name"] and name in ("", j["name"])
            ]
            shown = [invoked(job) for job in found]
            return JSONResponse(shown[0] if name and shown else {"value": shown})
        self._require(principal, f"{ENDPOINT_ACTION}/jobs/write", endpoint["id"])
        deployment = self._deployment(endpoint, request.headers.get("azureml-model-deployment"))
        self._require(principal, f"{ENDPOINT_ACTION}/deployments/jobs/write", deployment["id"])
        asked = lower_keys((await json_body(request) or {}).get("properties") or {})
        record = self._record(workspace, endpoint, deployment, asked, principal)
        self.jobs.launch(record)
        return JSONResponse(invoked(record), 201)

    def _endpoint(self, request: Request) -> Record:
        host = request.headers.get("host", "").split(":")[0].lower()
        for endpoint in self._sandbox.store.resources(kind=ENDPOINTS):
            if f"//{host}/" in str(endpoint["properties"].get("scoringUri")).lower():
                return endpoint
        raise AzureError(404, "NotFound", f"No batch endpoint answers at '{host}'; in Azure the name does not resolve.")

    def _deployment(self, endpoint: Record, named: str | None) -> Record:
        name = named or (endpoint["properties"].get("defaults") or {}).get("deploymentName")
        if not name:
            raise AzureError(400, "BadRequest", NO_ROUTE)
        found = self._sandbox.store.resource(f"{endpoint['id']}/deployments/{name}")
        if found is None:
            message = f"Deployment '{name}' could not be found under the endpoint '{endpoint['name']}'."
            raise AzureError(404, "NotFound", message)
        return found

    def _require(self, principal: Principal, action: str, scope: str) -> None:
        if reason := self._sandbox.access.explain(principal.object_id, action, scope):
            message = f"Identity(object id: {principal.object_id}) does not have permissions for {action} on {scope}."
            raise AzureError(403, "Forbidden", message, details=[{"message": reason}])

    def _record(
        self, workspace: str, endpoint: Record, deployment: Record, asked: Record, principal: Principal
    ) -> Record:
        properties = dict(deployment["properties"])
        source = only_input(asked.get("inputdata") or {})
        child, name = str(uuid.uuid4()), str(asked.get("name") or f"batchjob-{uuid.uuid4()}")
        if self.jobs.find(name):
            raise AzureError(409, "Conflict", f"A job with the name '{name}' already exists.")
        target, file_name = the_output(asked.get("outputdata") or {}, child)
        overrides = {
            "outputFileName": asked.get("outputfilename") or file_name,
            "miniBatchSize": asked.get("minibatchsize"),
            "errorThreshold": asked.get("errorthreshold"),
        }
        properties |= {key: value for key, value in overrides.items() if value is not None}
        retry = asked.get("retrysettings") or {}
        given = {"maxRetries": retry.get("maxretries"), "timeout": retry.get("timeout")}
        settings = {key: value for key, value in given.items() if value is not None}
        properties["retrySettings"] = {**(properties.get("retrySettings") or {}), **settings}
        instances = int(
            (asked.get("compute") or {}).get("instancecount")
            or (properties.get("resources") or {}).get("instanceCount")
            or 1
        )
        self._check_output(workspace, target)
        self._check_compute(properties["compute"], instances)
        return {
            "name": name, "child": child, "workspace": workspace, "endpoint": endpoint["name"], "attempt": 1,
            "deployment": deployment["name"], "deploymentProperties": properties, "compute": properties["compute"],
            "instances": instances, "input": source, "output": target, "invoker": principal.object_id,
            "experiment": (asked.get("properties") or {}).get("experimentname") or endpoint["name"],
            "by": principal.name, "status": "NotStarted",
            "created": self._sandbox.clock.stamp(), "error": None, "history": [], "logFiles": {},
            "inputs": asked.get("inputdata") or {}, "outputs": asked.get("outputdata") or {},
        }  # fmt: skip

    def _check_output(self, workspace: str, target: str) -> None:
        found = DATASTORE.fullmatch(target)
        store = self._sandbox.store.resource(f"{workspace}/datastores/{found[1]}") if found else None
        if store is None:
            raise AzureError(400, "BadRequest", f"The output '{target}' is no path of a datastore of this workspace.")
        if store["properties"]["datastoreType"] != "AzureBlob":
            message = "Only Azure Blob Storage accounts are supported for outputs of batch deployments, not "
            raise AzureError(400, "BadRequest", f"{message}{store['properties']['datastoreType']} ('{store['name']}').")

    def _check_compute(self, compute_id: str, instances: int) -> None:
        compute = self._sandbox.store.resource(compute_id)
        if compute is None:
            raise AzureError(404, "ResourceNotFound", f"The compute '{compute_id}' could not be found.")
        if instances > most_nodes(compute):
            message = (
                f"The instance count {instances} exceeds the maximum node count {most_nodes(compute)} of the compute "
            )
            raise AzureError(400, "BadRequest", f"{message}'{compute['name']}'.")

    # Resource Manager

    async def job_resources(self, method: str, path: str, _: Any, body: Any, who: Principal) -> tuple[int, Any]:
        """GET jobs, GET and PUT jobs/NAME."""
        workspace, _, name = path.partition("/jobs")
        if not name.strip("/"):
            return 200, {"value": [job_resource(job) for job in self.jobs.all(workspace)]}
        job = self.jobs.find(name.strip("/"))
        if method == "PUT":
            return self._submit(workspace, name.strip("/"), job, (body or {}).get("properties") or {}, who)
        if job is None or method != "GET":
            raise AzureError(404, "ResourceNotFound", f"The job '{name.strip('/')}' could not be found.")
        return 200, job_resource(job)

    def _submit(self, workspace: str, name: str, job: Record | None, asked: Record, who: Principal) -> tuple[int, Any]:
        """A new command job; of an existing one only what describes it can change."""
        checked = commands.checked(asked)
        if job is not None:
            commands.describe(job, checked)
            self.jobs.save(job)
            return 200, job_resource(job)
        commands.check_assets(self._sandbox.store, checked)
        self._check_compute(checked["computeId"], 1)
        record = commands.record(workspace, name, checked, who, self._sandbox.clock.stamp())
        self.jobs.launch(record)
        return 201, job_resource(record)

    async def cancel(self, path: str, _: Any, principal: Principal) -> None:
        found = CANCEL.fullmatch(path)
        job = self.jobs.find(found[2]) if found else None
        if found is None or job is None:
            raise AzureError(404, "ResourceNotFound", f"The job of '{path}' could not be found.")
        action = "Microsoft.MachineLearningServices/workspaces/jobs/cancel/action"
        self._sandbox.access.require(principal.object_id, action, found[1])
        self.jobs.cancel(job["name"])

    async def list_secrets(self, store: Record, _: Any, __: Principal) -> tuple[int, Any]:
        kind = (store["properties"].get("credentials") or {}).get("credentialsType", "None")
        if kind != "AccountKey":
            return 200, {"secretsType": "None"}
        return 200, {"secretsType": "AccountKey", "key": self._blobs.azurite.key(store["properties"]["accountName"])}

    async def start_upload(self, path: str, _: Any, principal: Principal) -> Any:
        """A container of its own for a version of code, and a link of the workspace's identity to fill it."""
        found = UPLOAD.fullmatch(path)
        workspace = self._sandbox.store.resource(found[1] if found else "")
        if workspace is None:
            raise AzureError(404, "ResourceNotFound", f"The workspace of '{path}' could not be found.")
        action = "Microsoft.MachineLearningServices/workspaces/codes/versions/write"
        self._sandbox.access.require(principal.object_id, action, workspace["id"])
        owner = self.jobs.identity_of(workspace)
        account_id = workspace["properties"]["storageAccount"]
        place = Place(account=name_of(account_id), container=str(uuid.uuid4()))
        if owner is None:
            raise AzureError(400, "UserError", "The workspace has no identity that could make a link for the upload.")
        await self._blobs.make_container(place.account, place.container)
        container = {"id": f"{account_id}/blobServices/default/containers/{place.container}", "name": place.container}
        kind = {"type": "Microsoft.Storage/storageAccounts/blobServices/containers", "properties": {}}
        self._sandbox.store.put_resource(container["id"], container | kind)
        self._sandbox.store.set_value("uploads", [*self._sandbox.store.value("uploads", []), place.container])
        reference = {
            "blobUri": place.url,
            "storageAccountArmId": account_id,
            "credential": {"credentialType": "SAS", "sasUri": await self._blobs.link(owner, place, "racwl")},
        }
        kind = {"pendingUploadId": str(uuid.uuid4()), "pendingUploadType": "TemporaryBlobReference"}
        return {"blobReferenceForConsumption": reference, **kind}

    async def workspace_deleted(self, workspace: Record) -> None:
        self.jobs.forget(workspace["id"])

    async def build_ahead(self, deployment: Record, _: Record | None) -> None:
        """As Azure builds the image when a deployment is made; a failure shows in the job that needs it."""
        reference = str(deployment["properties"].get("environmentId") or "").removeprefix("azureml:")
        environment = self._sandbox.store.resource(reference) if reference.startswith("/") else None
        if environment is None:
            return
        task = asyncio.create_task(_quietly(environment["properties"].get("condaFile")))
        self._builds.add(task)
        task.add_done_callback(self._builds.discard)

    def status(self) -> dict[str, str]:
        return {
            job["name"]: f"{job['status']}, {job['deployment'] or 'command'}, by {job['by']}"
            for job in self.jobs.all()[:10]
        }


async def _quietly(conda_file: str | None) -> None:
    try:
        await environments.build(conda_file)
    except JobFailed as failed:
        print(failed, flush=True)
