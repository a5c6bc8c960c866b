"""Batch endpoints and their jobs: azure-ai-ml as users use it, and each reason for which a job is refused or fails."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.identity import ManagedIdentityCredential
from azure.storage.blob import ContainerClient
from sandbox_world import PLACE, World

SCORE = """
import os, time
def init():
    global out
    out = os.environ["AZUREML_BI_OUTPUT_PATH"]
def run(files):
    for file in files:
        if "slow" in file:
            time.sleep(3)
        with open(file) as source, open(os.path.join(out, os.path.basename(file)), "w") as target:
            target.write(source.read().upper())
    return [os.path.basename(file) for file in files]
"""
CONDA = "name: e\ndependencies:\n  - python=3.11\n  - pip\n"
BROKEN = "name: e\ndependencies:\n  - python=3.11\n  - pip:\n    - this is no requirement\n"
INPUT = "azureml://datastores/input/paths/{}/"
OUTPUT = "azureml://datastores/output/paths/{}/predictions.csv"


class Workspace:
    """A workspace whose cluster reads `assets` and `input`, and writes `output`; the deployer may use all of it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.providers = world.group("learning")
        self.account = world.account(self.providers, "learningacc1", "assets", "input", "output", "closed", "hidden")
        self.cluster, self.owner = (world.user_identity(self.providers, name) for name in ("cluster", "workspace"))
        vault = f"{self.providers}/Microsoft.KeyVault/vaults/learningvault1"
        sku = {"family": "A", "name": "standard"}
        tenant = world.identity("deployer")["tenant"]
        properties: Any = {"tenantId": tenant, "sku": sku, "enableRbacAuthorization": True}
        world.put(vault, {"location": PLACE, "properties": properties})
        self.path = f"{self.providers}/Microsoft.MachineLearningServices/workspaces/learning"
        properties = {"storageAccount": self.account, "keyVault": vault, "systemDatastoresAuthMode": "Identity"}
        properties["primaryUserAssignedIdentity"] = self.owner["id"]
        world.put(self.path, self._identity(self.owner) | {"location": PLACE, "properties": properties})
        scale = {"minNodeCount": 0, "maxNodeCount": 2, "nodeIdleTimeBeforeScaleDown": "PT10M"}
        properties = {"computeType": "AmlCompute", "properties": {"vmSize": "STANDARD_DS3_V2", "scaleSettings": scale}}
        world.put(
            f"{self.path}/computes/cpu", self._identity(self.cluster) | {"location": PLACE, "properties": properties}
        )
        for container in ("assets", "input", "output", "closed", "hidden"):
            store = {"datastoreType": "AzureBlob", "accountName": "learningacc1", "containerName": container}
            world.put(
                f"{self.path}/datastores/{container}",
                {"properties": store | {"credentials": {"credentialsType": "None"}}},
            )

    def _identity(self, user: dict[str, Any]) -> dict[str, Any]:
        return {"identity": {"type": "UserAssigned", "userAssignedIdentities": {user["id"]: {}}}}

    def grant(self) -> None:
        """`closed` is for the invoker only, `hidden` for the cluster only."""
        cluster, deployer = self.cluster["properties"]["principalId"], self.world.identity("deployer")["objectId"]
        writer, reader = "Storage Blob Data Contributor", "Storage Blob Data Reader"
        container = f"{self.account}/blobServices/default/containers"
        for name in ("assets", "input", "hidden"):
            self.world.grant(f"{container}/{name}", reader, cluster)
        for name in ("output", "azureml"):
            self.world.grant(f"{container}/{name}", writer, cluster)
        for name in ("assets", "input", "closed", "output"):
            self.world.grant(f"{container}/{name}", writer, deployer)
        default = self.world.arm("GET", f"{self.path}/datastores/workspaceblobstore").json()["properties"][
            "containerName"
        ]
        for principal in (cluster, deployer):
            self.world.grant(f"{container}/{default}", writer, principal)
        self.world.grant(self.account, writer, self.owner["properties"]["principalId"])
        self.world.grant(self.path, "AzureML Data Scientist", deployer)
        self.world.clock(advance=121)

    def fill(self) -> None:
        self.write("assets", "code/score.py", SCORE.encode())
        self.write("assets", "model/model.txt", b"a model")
        for name in ("hour/a.txt", "hour/b.txt", "hour/deep/c.txt", "slow/slow.txt"):
            self.write("input", name, f"row of {name}\n".encode())
        self.write("closed", "hour/a.txt", b"1")
        url = "https://learningacc1.blob.core.windows.net/assets"
        self.world.put(f"{self.path}/codes/c/versions/1", {"properties": {"codeUri": f"{url}/code"}})
        model = {"modelUri": "azureml://datastores/assets/paths/model", "modelType": "custom_model"}
        self.world.put(f"{self.path}/models/m/versions/1", {"properties": model})
        for name, conda in (("e", CONDA), ("broken", BROKEN)):
            self.world.put(
                f"{self.path}/environments/{name}/versions/1", {"properties": {"image": "i", "condaFile": conda}}
            )
        endpoint = f"{self.path}/batchEndpoints/learningep"
        self.world.put(endpoint, {"location": PLACE, "properties": {"authMode": "AADToken"}})
        for name, environment in (("good", "e"), ("unbuildable", "broken")):
            properties = {
                "model": {"referenceType": "Id", "assetId": f"{self.path}/models/m/versions/1"},
                "codeConfiguration": {"codeId": f"{self.path}/codes/c/versions/1", "scoringScript": "score.py"},
                "environmentId": f"{self.path}/environments/{environment}/versions/1",
                "compute": f"{self.path}/computes/cpu",
                "outputAction": "SummaryOnly",
                "miniBatchSize": 1,
                "errorThreshold": 0,
            }
            self.world.put(f"{endpoint}/deployments/{name}", {"location": PLACE, "properties": properties})

    def write(self, container: str, name: str, content: bytes) -> None:
        with self.container(container) as client:
            client.upload_blob(name, content, overwrite=True)

    def names(self, container: str, start: str) -> list[str]:
        with self.container(container) as client:
            return sorted(client.list_blob_names(name_starts_with=start))

    def container(self, name: str) -> ContainerClient:
        url = "https://learningacc1.blob.core.windows.net"
        return ContainerClient(url, name, credential=ManagedIdentityCredential())

    def invoke(
        self, source: str, target: str, *, audience: str = "https://ml.azure.com", **more: Any
    ) -> requests.Response:
        deployment = more.pop("deployment", "good")
        token = ManagedIdentityCredential().get_token(f"{audience}/.default").token
        headers = {"Authorization": f"Bearer {token}"} | (
            {"azureml-model-deployment": deployment} if deployment else {}
        )
        body = {
            "InputData": {"x": {"JobInputType": "UriFolder", "Uri": source}},
            "OutputData": {"score": {"JobOutputType": "UriFile", "Uri": target}},
            **more,
        }
        url = f"https://learningep.{PLACE}.inference.ml.azure.com/jobs"
        return requests.post(url, json={"properties": body}, headers=headers, timeout=30)

    def start(self, source: str, target: str, **more: Any) -> str:
        answer = self.invoke(INPUT.format(source) if "://" not in source else source, OUTPUT.format(target), **more)
        assert answer.status_code == 201, answer.text
        return answer.json()["name"]

    def status(self, job: str) -> str:
        return self.world.arm("GET", f"{self.path}/jobs/{job}").json()["properties"]["status"]

    def wait(self, job: str, *states: str) -> str:
        """Lets the clock run until the job is in one of the states, or has ended."""
        ended = ("Completed", "Failed", "Canceled", *states)
        until = time.monotonic() + 40
        while (status := self.status(job)) not in ended and time.monotonic() < until:
            time.sleep(0.1)
        return status

    def details(self, job: str) -> dict[str, Any]:
        token = ManagedIdentityCredential().get_token("https://ml.azure.com/.default").token
        url = f"https://{PLACE}.api.azureml.ms/history/v1.0{self.path}/runs/{job}/details"
        return requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=30).json()

    def error(self, job: str) -> str:
        error = self.details(job)["error"]["error"]
        return f"{error['code']}: {error['message']}"


@pytest.fixture(scope="module")
def made() -> dict[str, Workspace]:
    return {}


@pytest.fixture
def workspace(world: World, made: dict[str, Workspace]) -> Iterator[Workspace]:
    if not made:
        made["it"] = Workspace(world)
        made["it"].grant()
        made["it"].fill()
    world.clock(speed=400)
    yield made["it"]
    world.clock(speed=0)


def test_a_job_scores_the_folder_and_not_what_is_nested_in_it(workspace: Workspace) -> None:
    job = workspace.start("hour", "first")
    assert workspace.wait(job) == "Completed"
    assert workspace.names("output", "first/") == [
        "first/a.txt",
        "first/b.txt",
        *workspace.names("output", "first/pred"),
    ]
    with workspace.container("output") as client:
        assert client.download_blob("first/a.txt").readall() == b"ROW OF HOUR/A.TXT\n"


def test_a_job_waits_for_a_node_and_an_idle_node_goes(workspace: Workspace) -> None:
    compute = f"{workspace.path}/computes/cpu"

    def nodes() -> dict[str, Any]:
        return workspace.world.arm("GET", compute).json()["properties"]["properties"]

    workspace.world.clock(advance=3600)
    assert nodes()["currentNodeCount"] == 0
    workspace.world.clock(speed=0)
    job = workspace.start("hour", "nodes")
    assert (workspace.wait(job, "Queued"), nodes()["nodeStateCounts"]["preparingNodeCount"]) == ("Queued", 1)
    assert nodes()["allocationState"] == "Resizing"
    workspace.world.clock(advance=180)
    assert workspace.wait(job) == "Completed"
    assert nodes()["nodeStateCounts"]["idleNodeCount"] == 1
    workspace.world.clock(advance=601)
    assert (nodes()["currentNodeCount"], nodes()["allocationState"]) == (0, "Steady")


@pytest.mark.parametrize(
    ("source", "code", "names"),
    [
        (
            "azureml://datastores/closed/paths/hour/",
            "ScriptExecution.StreamAccess.Authentication",
            "identity cluster may not",
        ),
        (
            "azureml://datastores/hidden/paths/hour/",
            "ScriptExecution.StreamAccess.Authentication",
            "invoker deployer may not",
        ),
        ("azureml://datastores/input/paths/none/", "ScriptExecution.StreamAccess.NotFound", "holds no file"),
        ("azureml://datastores/none/paths/hour/", "ScriptExecution.StreamAccess.Validation", "'none' does not exist"),
    ],
)
def test_data_that_both_may_not_read_fails_the_job(workspace: Workspace, source: str, code: str, names: str) -> None:
    job = workspace.start(source, f"refused/{code}/{names[:8]}")
    assert workspace.wait(job) == "Failed"
    assert workspace.error(job).startswith(code)
    assert names in workspace.error(job)


def test_an_environment_that_cannot_be_built_fails_the_job_with_the_builders_words(workspace: Workspace) -> None:
    job = workspace.start("hour", "unbuildable", deployment="unbuildable")
    assert workspace.wait(job) == "Failed"
    assert workspace.error(job).startswith("ImageBuildFailure")
    assert "this is no requirement" in workspace.error(job)


def test_an_output_that_exists_fails_the_job(workspace: Workspace) -> None:
    workspace.write("output", "taken/predictions.csv", b"old")
    job = workspace.start("hour", "taken")
    assert workspace.wait(job) == "Failed"
    assert "Output already exists" in workspace.error(job)
    assert workspace.names("output", "taken/") == ["taken/predictions.csv"]


@pytest.mark.parametrize(
    ("case", "status", "text"),
    [
        ({"deployment": None}, 400, "No valid deployments to route to"),
        ({"deployment": "none"}, 404, "Deployment 'none' could not be found"),
        ({"compute": {"instanceCount": 3}}, 400, "instance count 3 exceeds the maximum node count 2"),
        ({"InputData": {}}, 400, "exactly one data input, found 0"),
        ({"InputData": {"x": {"JobInputType": "Literal", "Value": "1"}}}, 400, "takes UriFolder or UriFile"),
        ({"OutputData": {"s": {"JobOutputType": "UriFile", "Uri": "https://x/y/z"}}}, 400, "no path of a datastore"),
        ({"audience": "https://management.azure.com"}, 401, "wrong audience"),
    ],
)
def test_an_invocation_that_is_wrong_is_refused(
    workspace: Workspace, case: dict[str, Any], status: int, text: str
) -> None:
    refused = workspace.invoke(INPUT.format("hour"), OUTPUT.format("wrong"), **case)
    assert refused.status_code == status
    assert text in refused.json()["error"]["message"]


def test_who_has_no_role_on_the_workspace_may_not_invoke(workspace: Workspace, as_: Callable[[str], World]) -> None:
    as_("user:stranger")
    refused = workspace.invoke(INPUT.format("hour"), OUTPUT.format("stranger"))
    assert refused.status_code == 403
    assert "batchEndpoints/jobs/write" in refused.json()["error"]["message"]


def test_a_job_that_a_kill_interrupts_is_done_after_the_next_start(workspace: Workspace) -> None:
    job = workspace.start("slow", "killed")
    assert workspace.wait(job, "Running") == "Running"
    os.kill(workspace.world.server["pid"], signal.SIGKILL)
    workspace.world.start()
    assert workspace.wait(job) == "Completed"
    assert "killed/slow.txt" in workspace.names("output", "killed/")


def test_a_running_job_can_be_cancelled(workspace: Workspace) -> None:
    job = workspace.start("slow", "cancelled")
    assert workspace.wait(job, "Running") == "Running"
    assert workspace.world.arm("POST", f"{workspace.path}/jobs/{job}/cancel").status_code == 200
    assert workspace.wait(job) == "Canceled"
    assert workspace.names("output", "cancelled/") == []


@pytest.mark.filterwarnings("ignore")  # of azure-ai-ml's own imports
def test_the_sdk_does_all_of_it(workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from azure.ai.ml import Input, MLClient
    from azure.ai.ml.constants import BatchDeploymentOutputAction
    from azure.ai.ml.entities import (
        CodeConfiguration,
        Data,
        Environment,
        Model,
        ModelBatchDeployment,
        ModelBatchDeploymentSettings,
    )
    from azure.ai.ml.exceptions import JobException

    for folder, file, text in (("src", "score.py", SCORE), ("model", "m.txt", "m")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / file).write_text(text)
    (tmp_path / "conda.yaml").write_text(CONDA)
    subscription = workspace.world.subscription.rsplit("/", 1)[-1]
    ml: Any = MLClient(ManagedIdentityCredential(), subscription, "learning", "learning")
    model = ml.models.create_or_update(Model(name="sdk", version="1", path=str(tmp_path / "model")))
    image, conda = "mcr.microsoft.com/azureml/x:latest", str(tmp_path / "conda.yaml")
    environment = ml.environments.create_or_update(Environment(name="sdk", version="1", image=image, conda_file=conda))
    ml.data.create_or_update(Data(name="hour", version="1", type="uri_folder", path=INPUT.format("hour")))
    settings = ModelBatchDeploymentSettings(mini_batch_size=2, output_action=BatchDeploymentOutputAction.SUMMARY_ONLY)
    deployment = ModelBatchDeployment(
        name="sdk", endpoint_name="learningep", model=model, environment=environment, compute="cpu", settings=settings,
        code_configuration=CodeConfiguration(code=str(tmp_path / "src"), scoring_script="score.py"),
    )  # fmt: skip
    ml.batch_deployments.begin_create_or_update(deployment).result()
    endpoint = ml.batch_endpoints.get("learningep")
    endpoint.defaults.deployment_name = "sdk"
    assert ml.batch_endpoints.begin_create_or_update(endpoint).result().defaults.deployment_name == "sdk"

    job = ml.batch_endpoints.invoke("learningep", inputs={"x": Input(type="uri_folder", path="azureml:hour:1")})
    ml.jobs.stream(job.name)
    assert ml.jobs.get(job.name).status == "Completed"
    assert "Completed" in capsys.readouterr().out
    ml.jobs.download(job.name, output_name="score", download_path=str(tmp_path / "out"))
    assert {"a.txt", "b.txt"} <= {path.name for path in (tmp_path / "out").rglob("*")}

    nothing = ml.batch_endpoints.invoke("learningep", inputs={"x": Input(type="uri_folder", path=INPUT.format("none"))})
    with pytest.raises(JobException, match="NotFound"):
        ml.jobs.stream(nothing.name)
    assert {job.name, nothing.name} <= {found.name for found in ml.batch_endpoints.list_jobs("learningep")}
    assert {job.name, nothing.name} <= {found.name for found in ml.jobs.list()}
