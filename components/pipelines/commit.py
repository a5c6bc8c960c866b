"""The end of the pipeline `score`: the run's row in SQL, which shows its rows there, then its record in the lake.

A run that ends between the two is seen in SQL alone, until its window is run again.
"""

# ruff: noqa: S608 (the texts are made of names that are ours and of values of Azure's making)

from components.pipelines.activities import Json, put_blob, script
from components.pipelines.plan import Plan
from components.pipelines.window import END, FOLDER, JOB, START, WINDOW, moment

# Readers of a whole folder of Parquet files pass over a name that begins so.
RECORD = "_run.json"
_PREPARED, _SCORED = "activity('Prepare').output.rowsCopied", "activity('Upsert').output.rowsCopied"
_REJECTED = "variables('rejected')"


def commit(plan: Plan) -> list[Json]:
    read = f"SELECT ModelDigest, CodeDigest, Committed FROM dbo.runs WHERE Job = N'@{{{JOB}}}';"
    # Rows of committed runs that a later one has replaced; nobody sees them.
    replaced = "IN (SELECT Job FROM dbo.runs) AND Job NOT IN (SELECT Job FROM dbo.committed_runs)"
    tidy = [f"DELETE FROM dbo.{table} WHERE Job {replaced};" for table in ("predictions", "rejected")]
    path = f"{plan.problem}/run=@{{{JOB}}}/{RECORD}"
    return [
        script("Commit", "warehouse", _merge(plan), reads=read, after=["Lost"]),
        put_blob("Record", plan.lake, "predictions", path, _record(plan), after=["Commit"]),
        script("Tidy", "warehouse", *tidy, after=["Record"]),
    ]


def _merge(plan: Plan) -> str:
    digests = [
        f"(SELECT MAX({name}) FROM dbo.predictions WHERE Job = N'@{{{JOB}}}')" for name in ("ModelDigest", "CodeDigest")
    ]
    day = moment(START, "yyyy/MM/dd")
    moments = [f"CAST(N'{moment(each)}' AS DATETIME2(6))" for each in (START, END)]
    values = {
        "Job": f"N'@{{{JOB}}}'",
        "ModelDigest": digests[0],
        "CodeDigest": digests[1],
        "Deployment": "N'@{pipeline().parameters.deployment}'",
        "PipelineRun": "N'@{pipeline().RunId}'",
        "Source": f"N'{', '.join([f'{container}/{day}' for container in plan.sources] or plan.tables)}'",
        "Input": f"N'scoring-input/{FOLDER}'",
        "Archive": f"N'raw/{day}'" if plan.stream else "NULL",
        "WindowStart": moments[0],
        "WindowEnd": moments[1],
        "Committed": "SYSUTCDATETIME()",
        "Prepared": f"@{{{_PREPARED}}}",
        "Scored": f"@{{{_SCORED}}}",
        "Rejected": f"@{{{_REJECTED}}}",
    }
    names = ", ".join(values)
    given = ", ".join(f"{value} AS {name}" for name, value in values.items())
    return (
        f"MERGE INTO dbo.runs WITH (HOLDLOCK) AS t USING (SELECT {given}) AS s ON t.Job = s.Job "
        f"WHEN NOT MATCHED BY TARGET THEN INSERT ({names}) VALUES ({', '.join(f's.{name}' for name in values)});"
    )


def _record(plan: Plan) -> str:
    """JSON with the keys that `batch-scoring score` writes too; `seconds` are those since the run began."""
    row = "activity('Commit').output.resultSets[0].rows[0]"
    texts = {
        "window": WINDOW,
        "attempt": "@{pipeline().RunId}",
        "problem": plan.problem,
        "from": moment(START, "yyyy-MM-ddTHH:mm:ssZ"),
        "to": moment(END, "yyyy-MM-ddTHH:mm:ssZ"),
        "job": f"@{{{JOB}}}",
        "deployment": "@{pipeline().parameters.deployment}",
        "model": f"@{{{row}.ModelDigest}}",
        "code": f"@{{{row}.CodeDigest}}",
        "finished": moment(f"{row}.Committed", "yyyy-MM-ddTHH:mm:ss.ffffffZ"),
    }
    values = {
        "input": "null",
        "rows": f"@{{{_PREPARED}}}",
        "scored": f"@{{{_SCORED}}}",
        "rejected": f"@{{{_REJECTED}}}",
        "seconds": "@{div(sub(ticks(utcNow()), ticks(pipeline().TriggerTime)), 10000000)}",
    }
    parts = {name: f'"{text}"' for name, text in texts.items()} | values
    return "{" + ", ".join(f'"{name}": {value}' for name, value in parts.items()) + "}"
