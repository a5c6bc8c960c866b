"""The pipeline `score`: one window, from the lake's rows to results that people see, or nothing at all.

Every run has folders and a job of its own, and readers follow `dbo.runs`, whose row is written last: a run that ends
anywhere before leaves what they see as it was.
"""

from collections.abc import Sequence

from components.pipelines.activities import (
    LEARNING,
    MANAGEMENT,
    ONCE,
    RETRIED,
    Json,
    activity,
    copy,
    dataset,
    expression,
    fail,
    put_blob,
    remember,
    until,
    wait,
    web,
    when,
)
from components.pipelines.commit import commit
from components.pipelines.gate import PASSED, passed
from components.pipelines.plan import Plan
from components.pipelines.window import END, FOLDER, JOB, START, WINDOW
from scoring.preparation import factory_expression

SCORED, REJECTED = "*.scored.parquet", "*.rejected.parquet"
_STATUS = "variables('status')"
_ENDED = "createArray('Completed', 'Failed', 'Canceled', 'NotResponding')"
_API = "api-version=2024-04-01"


def score(plan: Plan) -> Json:
    """The pipeline's properties. Parameters: a window of whole hours of a day, UTC; the deployment that scores it."""
    parameters: Json = {"windowStart": {"type": "String"}, "windowEnd": {"type": "String"}}
    complete, after = _complete(plan)
    parameters["deployment"] = {"type": "String", "defaultValue": plan.deployment}
    return {
        "description": "Scores one window and shows it once it is whole",
        "parameters": parameters,
        "variables": {
            "watermark": {"type": "String", "defaultValue": "unknown"},
            "status": {"type": "String", "defaultValue": "unknown"},
            "rejected": {"type": "String", "defaultValue": "0"},
        },
        "activities": [
            *complete,
            *_prepare(plan, after=after),
            *_score(plan),
            *_publish(plan),
            *_store(plan),
            *commit(plan),
        ],
    }


def _complete(plan: Plan) -> tuple[list[Json], list[str]]:
    """Nothing of the window is still on its way, and there is something; after which of them to go on."""
    found, after = (passed(plan.stream), [PASSED]) if plan.stream else ([], [])
    for container in plan.sources:
        found += _folder_there(plan, container, after=after)
        after = [found[-1]["name"]]
    return found, after


def _folder_there(plan: Plan, container: str, *, after: Sequence[str]) -> list[Json]:
    """OPENROWSET fails for a folder that is not there, and says so in a way that nobody understands."""
    hourly = container == "features" and plan.window_hours == 1
    folder = f"@{{formatDateTime({START}, '{'yyyy/MM/dd/HH' if hourly else 'yyyy/MM/dd'}')}}"
    rows = f"Rows in {container}"
    there = activity(
        rows,
        "GetMetadata",
        {
            "dataset": dataset("lake_folder", container=container, folder=folder),
            "fieldList": ["exists"],
            "storeSettings": {"type": "AzureBlobFSReadSettings", "recursive": True},
        },
        after=after,
        policy=RETRIED,
    )
    message = f"{WINDOW}: there is no folder {container}/{folder} in the lake: no rows have come"
    stop = fail(f"No rows in {container}", message, "NoRows")
    return [there, when(f"Missing in {container}", f"@not(activity('{rows}').output.exists)", stop, after=[rows])]


def _prepare(plan: Plan, *, after: Sequence[str]) -> list[Json]:
    source: Json = {"type": "AzureSqlSource", "queryTimeout": "01:00:00", "partitionOption": "None"}
    source["sqlReaderQuery"] = expression(factory_expression(plan.template, lake=plan.lake))
    sink = {
        "type": "ParquetSink",
        "storeSettings": {"type": "AzureBlobStorageWriteSettings"},
        "formatSettings": {
            "type": "ParquetWriteSettings",
            "maxRowsPerFile": plan.rows_per_file,
            "fileNamePrefix": "rows",
        },
    }
    read = dataset("serverless_query" if plan.sources else "warehouse_query")
    write = dataset("input_rows", folder=f"{FOLDER}/rows")
    rows = "activity('Prepare').output.rowsCopied"
    message = f"{WINDOW}: {' and '.join(plan.sources or plan.tables)}: no rows of this window; nothing to score"
    body = "".join(
        [
            f'{{"problem": "{plan.problem}", "window": "{WINDOW}", "attempt": "@{{pipeline().RunId}}", ',
            f'"from": "@{{{START}}}", "to": "@{{{END}}}", "rows": @{{{rows}}}, ',
            "\"fileCount\": @{activity('Prepare').output.filesWritten}}",
        ]
    )
    return [
        copy("Prepare", source, sink, read=read, write=write, after=after),
        when("Empty", f"@equals({rows}, 0)", fail("Nothing", message, "NoRows"), after=["Prepare"]),
        put_blob("Manifest", plan.account, "scoring-input", f"{FOLDER}/manifest.json", body, after=["Empty"]),
    ]


def _score(plan: Plan) -> list[Json]:
    paths = "azureml://datastores/{}/paths/"
    source, target = paths.format("scoring_input") + FOLDER + "/rows/", paths.format("scoring_output") + FOLDER
    rows = f'"InputData": {{"rows": {{"JobInputType": "UriFolder", "Uri": "{source}"}}}}'
    files = f'"OutputData": {{"score": {{"JobOutputType": "UriFile", "Uri": "{target}/predictions.csv"}}}}'
    body = f'{{"properties": {{{rows}, {files}}}}}'
    headers = {
        "Content-Type": "application/json",
        "azureml-model-deployment": expression("@pipeline().parameters.deployment"),
    }
    job = f"{MANAGEMENT.rstrip('/')}{plan.workspace}/jobs/@{{{JOB}}}?{_API}"
    history = f"https://{plan.location}.api.azureml.ms/history/v1.0{plan.workspace}/runs/@{{{JOB}}}/details"
    cause = "coalesce(activity('Cause').output?.error?.error?.message, 'the job keeps no error')"
    message = f"{WINDOW}: job @{{{JOB}}} is @{{{_STATUS}}}: @{{{cause}}}"
    return [
        # Once only: a second request would find the first one's output in its way. The trigger tries the window again.
        web(
            "Invoke",
            "POST",
            plan.scoring_uri,
            LEARNING,
            policy=ONCE,
            headers=headers,
            body=expression(body),
            after=["Manifest"],
        ),
        until(
            "Job ended",
            f"@contains({_ENDED}, {_STATUS})",
            wait("Pause", 30),
            web("Job", "GET", job, MANAGEMENT, after=["Pause"]),
            remember("Status", "status", "@activity('Job').output.properties.status", after=["Job"]),
            timeout=f"{plan.timeout_hours // 24}.{plan.timeout_hours % 24:02}:00:00",
            after=["Invoke"],
        ),
        when(
            "Job failed",
            f"@not(equals({_STATUS}, 'Completed'))",
            web("Cause", "GET", history, LEARNING, policy=ONCE),
            fail("JobFailed", message, "JobFailed", after={"Cause": "Completed"}),
            after=["Job ended"],
        ),
    ]


def _publish(plan: Plan) -> list[Json]:
    read = {"type": "AzureBlobStorageReadSettings", "recursive": False, "wildcardFileName": SCORED}
    write = {"type": "AzureBlobFSWriteSettings", "copyBehavior": "PreserveHierarchy"}
    publish = copy(
        "Publish",
        {"type": "BinarySource", "storeSettings": read},
        {"type": "BinarySink", "storeSettings": write},
        read=dataset("output_files", folder=FOLDER),
        write=dataset("predictions_files", folder=f"{plan.problem}/run=@{{{JOB}}}"),
        after=["Job failed"],
    )
    listed = activity(
        "Outputs",
        "GetMetadata",
        {
            "dataset": dataset("output_files", folder=FOLDER),
            "fieldList": ["childItems"],
            "storeSettings": {"type": "AzureBlobStorageReadSettings", "recursive": False},
        },
        policy=RETRIED,
        after=["Job failed"],
    )
    return [publish, listed]


def _store(plan: Plan) -> list[Json]:
    upsert = _load("Upsert", SCORED, "predictions_table", plan.key, after=["Publish"])
    job = [{"name": "Job", "value": expression(f"@{JOB}")}]
    divert = _load("Divert", REJECTED, "rejected_table", ["Job", "File", "Row"], additionalColumns=job)
    count = remember("Count", "rejected", "@string(activity('Divert').output.rowsCopied)", after=["Divert"])
    some = "@contains(string(activity('Outputs').output.childItems), '.rejected.parquet')"
    rows, scored = "activity('Prepare').output.rowsCopied", "activity('Upsert').output.rowsCopied"
    message = f"{WINDOW}: @{{{rows}}} rows in, @{{{scored}}} scored and @{{variables('rejected')}} rejected"
    lost = f"@not(equals({rows}, add({scored}, int(variables('rejected')))))"
    return [
        upsert,
        when(
            "Rejected",
            some,
            divert,
            count,
            after=["Outputs", "Upsert"],
        ),
        when("Lost", lost, fail("RowsLost", message, "RowsLost"), after=["Rejected"]),
    ]


def _load(name: str, files: str, table: str, key: Sequence[str], **more: object) -> Json:
    after = more.pop("after", ())
    read = {"type": "AzureBlobStorageReadSettings", "recursive": False, "wildcardFileName": files}
    source = {"type": "ParquetSource", "storeSettings": read, **more}
    sink = {
        "type": "AzureSqlSink",
        "writeBehavior": "upsert",
        "upsertSettings": {"useTempDB": True, "keys": list(key)},
        "tableOption": "none",
    }
    return copy(name, source, sink, read=dataset("output_rows", folder=FOLDER), write=dataset(table), after=after)
