"""Pipelines run behind Resource Manager: what they reach, as whom, and what they are refused."""

from typing import Any

import pytest
from conduct_world import HOST, LAKE, Conduct, copy, dataset, parquet, script, web

MSI = {"type": "MSI", "resource": "https://storage.azure.com"}
HEADERS = {"x-ms-version": "2021-12-02", "x-ms-blob-type": "BlockBlob"}
READ = {"type": "ParquetSource", "storeSettings": {"type": "AzureBlobStorageReadSettings", "recursive": True}}
WRITE = {"type": "AzureBlobStorageWriteSettings"}


def test_a_web_activity_writes_a_blob_as_the_factory(conduct: Conduct) -> None:
    put = web(
        f"{HOST}/made/web/manifest.json",
        method="PUT", body={"rows": "@pipeline().parameters.rows"}, headers=HEADERS, authentication=MSI,
    )  # fmt: skip
    run, done = conduct.run("manifest", put, parameters={"rows": "7"}, **{"parameters": {"rows": {"type": "String"}}}) \
        if False else _run_with(conduct, put)
    assert (run["status"], done["status"]) == ("Succeeded", "Succeeded"), run["message"]
    with conduct.container("made") as client:
        assert client.download_blob("web/manifest.json").readall() == b'{"rows": "7"}'


def _run_with(conduct: Conduct, activity: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    conduct.pipeline("manifest", activity, parameters={"rows": {"type": "String"}})
    run = conduct.wait(conduct.create("manifest", {"rows": "7"}))
    return run, conduct.activities(run["runId"])[-1]


def test_a_get(conduct: Conduct) -> None:
    arm = {"type": "MSI", "resource": "https://management.azure.com"}
    run, done = conduct.run("get", web(f"https://management.azure.com{conduct.factory}?api-version=2018-06-01", authentication=arm))
    print(run, done)


def test_sql(conduct: Conduct) -> None:
    conduct.sql("IF OBJECT_ID(N'dbo.t', N'U') IS NULL CREATE TABLE dbo.t (A INT NOT NULL PRIMARY KEY, B NVARCHAR(20) NULL)")
    print(conduct.sql("SELECT COUNT(*) AS n FROM dbo.t"))
    print(conduct.run("x", script("S", "SELECT 1 AS a", "database")))
