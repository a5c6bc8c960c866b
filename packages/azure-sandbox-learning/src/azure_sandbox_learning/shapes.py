"""Batch jobs on the wire: what an invocation may ask for, and how a job is shown."""

from typing import Any

from azure_sandbox.errors import AzureError

from azure_sandbox_learning import commands

Record = dict[str, Any]


def lower_keys(value: Any) -> Any:
    """Keys in lower case at every depth: the REST documentation writes InputData, the SDK inputData."""
    if isinstance(value, dict):
        return {key.lower(): lower_keys(inner) for key, inner in value.items()}
    return value


def only_input(inputs: Record) -> str:
    if len(inputs) != 1:
        message = f"A batch deployment of a model takes exactly one data input, found {len(inputs)}."
        raise AzureError(400, "BadRequest", message)
    name, value = next(iter(inputs.items()))
    kind = str(value.get("jobinputtype")).lower()
    if kind not in ("urifolder", "urifile") or not value.get("uri"):
        message = f"The input '{name}' is {value.get('jobinputtype')}: a model deployment takes UriFolder or UriFile."
        raise AzureError(400, "BadRequest", message)
    return str(value["uri"])


def the_output(outputs: Record, child: str) -> tuple[str, str | None]:
    """(folder, name of the file or None) of the one output; by default a folder of its own in the default datastore."""
    if not outputs:
        return f"azureml://datastores/workspaceblobstore/paths/azureml/{child}/score", None
    if len(outputs) > 1:
        raise AzureError(400, "BadRequest", f"A batch deployment of a model has one output, found {len(outputs)}.")
    value = next(iter(outputs.values()))
    uri = str(value.get("uri") or "")
    if str(value.get("joboutputtype")).lower() == "urifile":
        folder, _, name = uri.rpartition("/")
        return folder, name
    return uri.rstrip("/"), None


def job_resource(job: Record) -> Record:
    """A job as Resource Manager shows it; a batch job is a pipeline job with the tag azureml.batchrun."""
    workspace = job["workspace"]
    tracking = f"azureml://api.azureml.ms/mlflow/v1.0{workspace}"
    studio = f"https://ml.azure.com/runs/{job['name']}?wsid={workspace}"
    services = {
        "Studio": {"jobServiceType": "Studio", "endpoint": studio},
        "Tracking": {"jobServiceType": "Tracking", "endpoint": tracking},
    }
    if "command" in job:
        return commands.shown(job, services)
    return {
        "id": f"{workspace}/jobs/{job['name']}",
        "name": job["name"],
        "type": "Microsoft.MachineLearningServices/workspaces/jobs",
        "systemData": {"createdAt": job["created"], "createdBy": job["by"], "createdByType": "Application"},
        "properties": {
            "jobType": "Pipeline", "status": job["status"], "experimentName": job["experiment"],
            "displayName": job["name"],
            "isArchived": False, "settings": {}, "inputs": {}, "outputs": {}, "jobs": {}, "computeId": job["compute"],
            "properties": {"azureml.runsource": "azureml.PipelineRun", "runType": "HTTP"},
            "tags": {
                "azureml.batchrun": "true", "azureml.jobtype": "azureml.batchjob",
                "azureml.deploymentname": job["deployment"], "azureml.endpointname": job["endpoint"],
            },
            "services": services,
        },
    }  # fmt: skip


def invoked(job: Record) -> Record:
    """A batch job as the endpoint shows it."""
    return {
        "id": f"{job['workspace']}/batchEndpoints/{job['endpoint']}/jobs/{job['name']}",
        "name": job["name"],
        "type": "Microsoft.MachineLearningServices/workspaces/batchEndpoints/jobs",
        "properties": {"status": job["status"], "name": job["name"], "inputData": {}, "outputData": {}},
    }


def variables(record: Record) -> dict[str, str]:
    """The run ids as Azure gives them: the script runs in the scoring step, a child of the job."""
    return {
        "AZUREML_RUN_ID": record["child"],
        "AZUREML_ROOT_RUN_ID": record["name"],
        "AZUREML_EXPERIMENT_NAME": record["experiment"],
        "AZUREML_ARM_WORKSPACE_NAME": record["workspace"].rsplit("/", 1)[-1],
    }
