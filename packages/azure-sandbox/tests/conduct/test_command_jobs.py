"""Training as a command job: azure-ai-ml as users use it, identities, logs, outputs, and each reason of a refusal."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.identity import ManagedIdentityCredential
from conduct_world import Conduct, web
from learning_world import CONDA, INPUT, OUTPUT, Workspace  # pyright: ignore[reportMissingImports]

TRAIN = """
import argparse, os, pathlib, sys, time
options = argparse.ArgumentParser()
for name in ("--data", "--model", "--rate", "--extra"):
    options.add_argument(name)
given = options.parse_args()
files = sorted(path.name for path in pathlib.Path(given.data).rglob("*.txt"))
print("training", files, given.rate, given.extra, os.environ["AZUREML_RUN_ID"], os.environ["DIGEST"], flush=True)
time.sleep({"slow": 60, "0.5": 1}.get(given.rate, 0))
if given.rate == "bad":
    sys.exit("the rate is bad")
pathlib.Path(given.model, "model.txt").write_text(",".join(files))
pathlib.Path("outputs").mkdir()
pathlib.Path("outputs/metrics.json").write_text("{}")
"""
COMMAND = (
    "python train.py --data ${{inputs.data}} --model ${{outputs.model}} --rate ${{inputs.rate}} "
    "$[[--extra ${{inputs.extra}}]]"
)


@pytest.fixture(scope="module")
def made(learning: Workspace) -> Workspace:
    world = learning.world
    with world.inside():
        logs = f"{learning.account}/blobServices/default/containers/azureml"
        world.grant(logs, "Storage Blob Data Reader", world.identity("deployer")["objectId"])
        world.clock(advance=121)
        learning.write("assets", "train/train.py", TRAIN.encode())
        url = "https://learningacc1.blob.core.windows.net/assets/train"
        world.put(f"{learning.path}/codes/train/versions/1", {"properties": {"codeUri": url}})
    return learning


@pytest.fixture
def workspace(made: Workspace, conduct: Conduct) -> Iterator[Workspace]:
    conduct.world.clock(speed=400)
    yield made
    conduct.world.clock(speed=0)


def job(workspace: Workspace, **more: Any) -> dict[str, Any]:
    rate, data = more.pop("rate", "0.1"), more.pop("data", INPUT.format("hour"))
    return {
        "jobType": "Command",
        "command": COMMAND,
        "codeId": f"{workspace.path}/codes/train/versions/1",
        "environmentId": f"{workspace.path}/environments/e/versions/1",
        "computeId": f"{workspace.path}/computes/cpu",
        "environmentVariables": {"DIGEST": "abc"},
        "inputs": {
            "data": {"jobInputType": "uri_folder", "uri": data},
            "rate": {"jobInputType": "literal", "value": rate},
        },
        "outputs": {"model": {"jobOutputType": "uri_folder", "uri": "azureml://datastores/output/paths/trained/"}},
        **more,
    }


def submit(workspace: Workspace, name: str, **more: Any) -> str:
    workspace.world.put(f"{workspace.path}/jobs/{name}", {"properties": job(workspace, **more)})
    return name


def test_a_command_trains_a_model_on_the_cluster(workspace: Workspace) -> None:
    name = submit(workspace, "train-1", tags={"window": "march"})
    assert workspace.wait(name) == "Completed", workspace.error(name)
    with workspace.container("output") as client:
        assert client.download_blob("trained/model.txt").readall() == b"a.txt,b.txt,c.txt"
    details = workspace.details(name)
    assert set(details["logFiles"]) >= {"user_logs/std_log.txt", "azureml-logs/20_image_build_log.txt"}
    assert f"ExperimentRun/dcid.{name}/outputs/metrics.json" in workspace.names(
        "azureml", f"ExperimentRun/dcid.{name}/"
    )
    shown = workspace.world.arm("GET", f"{workspace.path}/jobs/{name}").json()["properties"]
    assert (shown["jobType"], shown["tags"]) == ("Command", {"window": "march"})


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"rate": "bad"}, "UserError: Execution failed. User process 'python' exited with status code 1."),
        ({"data": INPUT.format("nothing")}, "ScriptExecution.StreamAccess.NotFound"),
        ({"data": INPUT.replace("input", "closed").format("hour")}, "The compute's identity cluster may not read"),
    ],
)
def test_a_command_fails_with_its_cause(workspace: Workspace, more: dict[str, Any], told: str) -> None:
    name = submit(workspace, f"fails-{len(told)}", **more)
    assert workspace.wait(name) == "Failed"
    assert told in workspace.error(name)


def test_with_user_identity_the_submitter_reads(workspace: Workspace) -> None:
    data = INPUT.replace("input", "closed").format("hour")  # the cluster may not read it, the deployer may
    name = submit(workspace, "as-user", data=data, identity={"identityType": "UserIdentity"})
    assert workspace.wait(name) == "Completed", workspace.error(name)


def test_a_running_command_is_cancelled(workspace: Workspace) -> None:
    name = submit(workspace, "cancelled", rate="slow")
    assert workspace.wait(name, "Running") == "Running"
    assert workspace.world.arm("POST", f"{workspace.path}/jobs/{name}/cancel").status_code == 200
    assert workspace.wait(name) == "Canceled"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"jobType": "Sweep"}, "runs jobs of the type Command, not 'Sweep'"),
        ({"command": "python ${{inputs.gone}}"}, "'inputs.gone', which the job does not have"),
        ({"environmentId": ""}, "'properties.environmentId' of a command job is required"),
        ({"distribution": {"distributionType": "PyTorch"}}, "'distribution' of a command job is not offered"),
        ({"inputs": {"data": {"jobInputType": "mltable"}}}, "The input 'data' is 'mltable'"),
        ({"resources": {"instanceCount": 2}}, "on one node here, not on 2"),
        ({"codeId": "/gone"}, "The codeId '/gone' could not be found"),
    ],
)
def test_what_a_command_cannot_be_is_refused(workspace: Workspace, change: dict[str, Any], told: str) -> None:
    answer = workspace.world.arm("PUT", f"{workspace.path}/jobs/refused", {"properties": job(workspace) | change})
    assert answer.status_code in (400, 404)
    assert told in answer.json()["error"]["message"]
    assert workspace.world.arm("GET", f"{workspace.path}/jobs/refused").status_code == 404


@pytest.mark.filterwarnings("ignore")  # of azure-ai-ml's own imports
def test_the_sdk_submits_streams_and_downloads(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from azure.ai.ml import Input, MLClient, Output, command
    from azure.ai.ml.entities import Environment, UserIdentityConfiguration
    from azure.ai.ml.exceptions import JobException

    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "train.py").write_text(TRAIN)
    (tmp_path / "conda.yaml").write_text(CONDA)
    subscription = workspace.world.subscription.rsplit("/", 1)[-1]
    ml: Any = MLClient(ManagedIdentityCredential(), subscription, "learning", "learning")
    environment = Environment(name="training", version="1", image="x", conda_file=str(tmp_path / "conda.yaml"))
    environment = ml.environments.create_or_update(environment)

    def training(rate: str, code: str) -> Any:
        return command(
            code=code, command=COMMAND, environment=environment, compute="cpu", display_name="training",
            inputs={"data": Input(type="uri_folder", path=INPUT.format("hour")), "rate": rate},
            outputs={"model": Output(type="uri_folder")}, environment_variables={"DIGEST": "d"},
            identity=UserIdentityConfiguration(),
        )  # fmt: skip

    made = ml.jobs.create_or_update(training("0.5", str(tmp_path / "src")))
    ml.jobs.stream(made.name)
    assert "training ['a.txt', 'b.txt', 'c.txt'] 0.5 None" in capsys.readouterr().out
    done = ml.jobs.get(made.name)
    assert (done.status, done.type, done.display_name) == ("Completed", "command", "training")
    done.tags = {"model": "abc"}
    assert ml.jobs.create_or_update(done).tags == ml.jobs.get(made.name).tags == {"model": "abc"}
    ml.jobs.download(made.name, output_name="model", download_path=str(tmp_path / "out"))
    assert {path.name for path in (tmp_path / "out").rglob("*.txt")} == {"model.txt"}
    failing = ml.jobs.create_or_update(training("bad", f"{workspace.path}/codes/train/versions/1"))
    with pytest.raises(JobException, match="the rate is bad"):
        ml.jobs.stream(failing.name)


def test_a_jump_of_the_clock_waits_for_the_job_that_a_pipeline_polls(made: Workspace, conduct: Conduct) -> None:
    world = conduct.world
    world.grant(made.path, "AzureML Data Scientist", conduct.principal)
    container = f"{made.account}/blobServices/default/containers/input"
    world.grant(container, "Storage Blob Data Reader", conduct.principal)
    world.clock(advance=121)
    ml, arm = ({"type": "MSI", "resource": f"https://{host}.azure.com"} for host in ("ml", "management"))
    asked = {
        "InputData": {"x": {"JobInputType": "UriFolder", "Uri": INPUT.format("hour")}},
        "OutputData": {"score": {"JobOutputType": "UriFile", "Uri": OUTPUT.format("conducted")}},
    }
    url = "https://learningep.westeurope.inference.ml.azure.com/jobs"
    invoke = web(url, method="POST", body={"properties": asked}, headers={"azureml-model-deployment": "good"})
    invoke = invoke | {"name": "Invoke", "typeProperties": invoke["typeProperties"] | {"authentication": ml}}
    text = f"https://management.azure.com{made.path}/jobs/@{{activity('Invoke').output.name}}?api-version=2024-04-01"
    poll = web({"type": "Expression", "value": text}, authentication=arm) | {"name": "Job"}
    wait = {"name": "Pause", "type": "Wait", "typeProperties": {"waitTimeInSeconds": 60}}
    ended = "@contains(createArray('Completed', 'Failed'), activity('Job').output.properties.status)"
    poll["dependsOn"] = [{"activity": "Pause", "dependencyConditions": ["Succeeded"]}]
    until = {
        "name": "Until", "type": "Until", "dependsOn": [{"activity": "Invoke", "dependencyConditions": ["Succeeded"]}],
        "typeProperties": {"expression": {"type": "Expression", "value": ended}, "activities": [wait, poll],
                           "timeout": "01:00:00"},
    }  # fmt: skip
    conduct.pipeline("conducted", invoke, until)
    run_id = conduct.create("conducted")
    world.clock(advance=12 * 3600)
    run = conduct.get(run_id)
    assert run["status"] == "Succeeded", run["message"]
    assert run["durationInMs"] <= 600_000, "the job's computing took no time of the clock"
    assert "conducted/a.txt" in made.names("output", "conducted/")
