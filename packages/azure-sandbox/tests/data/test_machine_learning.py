"""Batch endpoints and their jobs: azure-ai-ml as users use it, and each reason for which a job is refused or fails."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.identity import ManagedIdentityCredential
from learning_world import CONDA, INPUT, OUTPUT, SCORE, Workspace
from sandbox_world import World


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


def test_a_node_that_may_not_pull_the_image_fails_the_job(workspace: Workspace) -> None:
    grant = workspace.world.arm("GET", workspace.pulls).json()["properties"]
    assert workspace.world.arm("DELETE", workspace.pulls).status_code == 200
    workspace.world.clock(advance=301)
    job = workspace.start("hour/", "unpulled/predictions.csv")
    assert workspace.wait(job) == "Failed"
    told = workspace.error(job)
    kept = {key: grant[key] for key in ("roleDefinitionId", "principalId", "principalType")}
    workspace.world.put(workspace.pulls, {"properties": kept})
    workspace.world.clock(advance=301)
    assert told.startswith(
        "FailedPullingImage: Unable to pull docker image learningcr1.azurecr.io/azureml/e/versions/1"
    )
    assert "no role assignment of cluster grants Microsoft.ContainerRegistry/registries/pull/read at" in told


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
