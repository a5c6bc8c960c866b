"""Pipelines run behind Resource Manager: what they reach, as whom, and what they are refused."""

from typing import Any

import pytest
from conduct_world import HOST, LAKE, Conduct, copy, dataset, parquet, script, web

STORAGE = {"type": "MSI", "resource": "https://storage.azure.com"}
BLOB = {"x-ms-version": "2021-12-02", "x-ms-blob-type": "BlockBlob"}
READ = {"type": "AzureBlobStorageReadSettings", "recursive": True}
WRITE = {"type": "AzureBlobStorageWriteSettings"}
FILES = {"type": "ParquetSource", "storeSettings": READ}
TABLE = (
    "IF OBJECT_ID(N'dbo.{0}', N'U') IS NULL CREATE TABLE dbo.{0} (Id INT NOT NULL PRIMARY KEY, Name NVARCHAR(20) NULL)"
)


def test_a_web_activity_writes_a_blob_as_the_factory(conduct: Conduct) -> None:
    body = {"rows": {"type": "Expression", "value": "@pipeline().parameters.rows"}}
    put = web(f"{HOST}/made/web/m.json", method="PUT", body=body, headers=BLOB, authentication=STORAGE)
    run, done = conduct.run("manifest", put, given={"rows": 7}, parameters={"rows": {"type": "Int"}})
    assert (run["status"], done["status"]) == ("Succeeded", "Succeeded"), run["message"]
    with conduct.container("made") as client:
        assert client.download_blob("web/m.json").readall() == b'{"rows": 7}'
    assert [r["runId"] for r in conduct.query("queryPipelineRuns", _equals("PipelineName", "manifest"))] == [
        run["runId"]
    ]


@pytest.mark.parametrize(
    ("activity", "code", "told"),
    [
        (web("https://example.com/x"), "2108", "no Azure host that this sandbox serves; nothing is forwarded"),
        (web("http://management.azure.com/x"), "2108", "nothing is forwarded"),
        (web(f"{HOST}/secret/x", headers=BLOB, authentication=STORAGE), "2108", "AuthorizationPermissionMismatch"),
        (web(f"{HOST}/made/x", headers=BLOB), "2108", "PublicAccessNotPermitted"),
        (
            web(f"{HOST}/made/x", headers=BLOB, authentication={"type": "MSI", "resource": "https://ml.azure.com"}),
            "2108",
            "InvalidAuthenticationInfo",
        ),
        (web(HOST, authentication={"type": "Basic", "username": "u", "password": "p"}), "NotOffered", "'Basic'"),
        (script("S", "SELECT 1 AS a", "database"), "2011", "18456. Error Message: Login failed for user '<token-"),
        (script("S", "SELECT * FROM dbo.nothing"), "2011", "Sql error number: 208"),
        (script("S", "DROP TABLE dbo.x"), "2011", "DROP TABLE is not supported by sql-engine"),
        (script("S", "SELECT 1 AS a", "serverless"), "2011", "18456"),
        (
            copy(FILES, {"type": "ParquetSink"}, dataset("parquet", container="secret"), dataset("parquet")),
            "2200",
            "as conduct-adf: This request is not authorized",
        ),
        (
            copy(FILES, {"type": "ParquetSink"}, dataset("parquet", container="raw", folder="no"), dataset("parquet")),
            "2200",
            "ErrorCode=UserErrorSourceBlobNotExist",
        ),
        (
            copy({**FILES, "fileListPath": "x"}, {"type": "ParquetSink"}, dataset("parquet"), dataset("parquet")),
            "NotOffered",
            "'fileListPath' of 'ParquetSource'",
        ),
    ],
)
def test_an_activity_fails_with_the_services_error(conduct: Conduct, activity: Any, code: str, told: str) -> None:
    run, done = conduct.run("fails", activity)
    assert (run["status"], done["error"]["errorCode"]) == ("Failed", code)
    assert told in done["error"]["message"]
    assert run["message"].startswith(f"Operation on target {activity['name']} failed: ")


def test_the_factory_is_a_contained_user_with_the_grants_it_has(conduct: Conduct) -> None:
    conduct.sql(TABLE.format("kept"))
    conduct.sql(f"IF DATABASE_PRINCIPAL_ID(N'adf') IS NULL CREATE USER [adf] WITH SID = {conduct.sid}, TYPE = E")
    run, done = conduct.run("denied", script("S", "SELECT Id FROM dbo.kept", "database"))
    assert "Sql error number: 229" in run["message"]
    conduct.sql("GRANT SELECT, INSERT, UPDATE ON OBJECT::dbo.kept TO [adf]")
    insert = script("S", "INSERT INTO dbo.kept (Id, Name) VALUES (@id, N'x')", "database", "NonQuery", parameters=[
        {"name": "id", "type": "Int32", "value": 5, "direction": "Input"}])  # fmt: skip
    run, done = conduct.run("allowed", insert)
    assert (run["status"], done["output"]["recordsAffected"]) == ("Succeeded", 1), run["message"]
    assert conduct.sql("SELECT Name FROM dbo.kept WHERE Id = 5") == [{"Name": "x"}]


def test_files_go_from_the_lake_to_a_table_twice_and_stand_there_once(conduct: Conduct) -> None:
    conduct.sql(TABLE.format("rows"))
    conduct.sql(f"IF DATABASE_PRINCIPAL_ID(N'adf') IS NULL CREATE USER [adf] WITH SID = {conduct.sid}, TYPE = E")
    conduct.sql("GRANT SELECT, INSERT, UPDATE ON OBJECT::dbo.rows TO [adf]")
    conduct.write("raw", "hour/a.scored.parquet", parquet(key=[1, 2], text=["a", "b"], more=[0, 0]))
    conduct.write("raw", "hour/b.scored.parquet", parquet(key=[3], text=["c"], more=[0]))
    conduct.write("raw", "hour/b.rejected.parquet", parquet(key=[9], text=["no"], more=[0]))
    source = {"type": "ParquetSource", "storeSettings": {**READ, "wildcardFileName": "*.scored.parquet"}}
    sink = {"type": "AzureSqlSink", "writeBehavior": "upsert", "upsertSettings": {"useTempDB": True, "keys": ["Id"]}}
    mappings = [{"source": {"name": a}, "sink": {"name": b}} for a, b in (("key", "Id"), ("text", "Name"))]
    translator = {"type": "TabularTranslator", "mappings": mappings}
    given, target = dataset("parquet", container="raw", folder="hour"), dataset("table", table="rows")
    for _ in range(2):
        run, done = conduct.run("upsert", copy(source, sink, given, target, translator=translator))
        assert run["status"] == "Succeeded", run["message"]
        assert {k: done["output"][k] for k in ("filesRead", "rowsRead", "rowsCopied")} == {
            "filesRead": 2, "rowsRead": 3, "rowsCopied": 3}  # fmt: skip
    assert conduct.sql("SELECT Id, Name FROM dbo.rows ORDER BY Id") == [
        {"Id": n, "Name": name} for n, name in ((1, "a"), (2, "b"), (3, "c"))
    ]
    more = [{"name": "File", "value": "$$FILEPATH"}, {"name": "Job", "value": "j1"}]
    sink = {"type": "ParquetSink", "storeSettings": {**WRITE, "copyBehavior": "MergeFiles"}}
    merged = dataset("parquet", container="made", folder="merged", file="all.parquet")
    run, _ = conduct.run("merge", copy({**source, "additionalColumns": more}, sink, given, merged))
    assert run["status"] == "Succeeded", run["message"]
    columns = conduct.rows("made", "merged/")["merged/all.parquet"].to_pydict()
    assert (columns["File"], columns["Job"]) == (["a.scored.parquet"] * 2 + ["b.scored.parquet"], ["j1"] * 3)
    wrong = {"type": "TabularTranslator", "mappings": [{"source": {"name": "gone"}, "sink": {"name": "Id"}}]}
    run, _ = conduct.run("upsert", copy(source, {"type": "AzureSqlSink"}, given, target, translator=wrong))
    assert "MappingColumnNameNotFoundInSourceFile, Column 'gone'" in run["message"]
    conduct.sql("DELETE FROM dbo.rows")
    run, done = conduct.run("insert", copy(source, {"type": "AzureSqlSink"}, given, target, translator=translator))
    assert (run["status"], done["output"]["rowsCopied"]) == ("Succeeded", 3), run["message"]
    run, _ = conduct.run("insert", copy(source, {"type": "AzureSqlSink"}, given, target, translator=translator))
    assert "Sql error number: 2627" in run["message"]


def test_one_query_over_the_lake_is_cut_into_balanced_files(conduct: Conduct) -> None:
    conduct.write("raw", "many/one.parquet", parquet(n=list(range(2500))))
    conduct.write("raw", "many/two.parquet", parquet(n=[7]))
    lake = f"https://{LAKE}.dfs.core.windows.net"
    text = f"SELECT n FROM OPENROWSET(BULK '{lake}/raw/many/*.parquet', FORMAT = 'PARQUET') AS r"
    settings = {"type": "ParquetWriteSettings", "maxRowsPerFile": 1000, "fileNamePrefix": "part"}
    sink = {"type": "ParquetSink", "storeSettings": WRITE, "formatSettings": settings}
    source = {"type": "AzureSqlSource", "sqlReaderQuery": text}
    given = (dataset("query"), dataset("parquet", container="made", folder="chunks"))
    run, _ = conduct.run("prepare", copy(source, sink, *given))
    assert "18456" in run["message"], "without a login the caller's roles on the lake do not count"
    conduct.sql("CREATE LOGIN [conduct-adf] FROM EXTERNAL PROVIDER", "serverless_admin")
    run, _ = conduct.run("prepare", copy(source, sink, *given))
    assert "4834" in run["message"]
    conduct.sql("GRANT ADMINISTER BULK OPERATIONS TO [conduct-adf]", "serverless_admin")
    run, done = conduct.run("prepare", copy(source, sink, *given))
    assert run["status"] == "Succeeded", run["message"]
    assert (done["output"]["rowsCopied"], done["output"]["filesWritten"]) == (2501, 3)
    sizes = {name: table.num_rows for name, table in conduct.rows("made", "chunks/").items()}
    assert sizes == {f"chunks/part_0000{n}.parquet": rows for n, rows in enumerate((1000, 1000, 501))}
    hidden = {"type": "AzureSqlSource", "sqlReaderQuery": text.replace("/raw/", "/secret/")}
    run, _ = conduct.run("prepare", copy(hidden, sink, *given))
    assert "Sql error number: 13" in run["message"], "the caller reads with its own roles"


def test_bytes_and_text_are_copied_with_their_folders(conduct: Conduct) -> None:
    for name in ("tree/a.txt", "tree/deep/b.txt"):
        conduct.write("raw", name, b"id,name\n1,x\n2,\n")
    sink = {"type": "BinarySink", "storeSettings": WRITE}
    given, target = dataset("bytes", container="raw", folder="tree"), dataset("bytes", container="made", folder="copy")
    run, done = conduct.run("bytes", copy({"type": "BinarySource", "storeSettings": READ}, sink, given, target))
    assert (run["status"], done["output"]["filesWritten"]) == ("Succeeded", 2), run["message"]
    assert conduct.names("made", "copy/") == ["copy/a.txt", "copy/deep/b.txt"]
    wild = {**READ, "wildcardFolderPath": "tr*", "wildcardFileName": "b.*"}
    given, target = (
        dataset("csv", container="raw"),
        dataset("parquet", container="made", folder="csv", file="b.parquet"),
    )
    activity = copy({"type": "DelimitedTextSource", "storeSettings": wild}, {"type": "ParquetSink"}, given, target)
    run, done = conduct.run("text", activity)
    assert run["status"] == "Succeeded", run["message"]
    table = conduct.rows("made", "csv/")["csv/b.parquet"].to_pydict()
    assert table == {"id": ["1", "2"], "name": ["x", None]}


def test_a_folder_is_looked_into_and_removed(conduct: Conduct) -> None:
    for name in ("look/a.txt", "look/deep/b.txt"):
        conduct.write("made", name, b"1234")
    fields = ["exists", "itemName", "itemType", "childItems"]
    for place, expected in (
        ({"folder": "look"}, {"exists": True, "itemName": "look", "itemType": "Folder", "childItems": [
            {"name": "a.txt", "type": "File"}, {"name": "deep", "type": "Folder"}]}),
        ({"folder": "look", "file": "a.txt"}, {"exists": True, "itemName": "a.txt", "itemType": "File"}),
        ({"folder": "nowhere"}, {"exists": False}),
    ):  # fmt: skip
        found = {"dataset": dataset("bytes", container="made", **place), "fieldList": fields}
        run, done = conduct.run("look", {"name": "Look", "type": "GetMetadata", "typeProperties": found})
        assert run["status"] == "Succeeded", run["message"]
        assert {k: v for k, v in done["output"].items() if k in fields} == expected
    properties = {"dataset": dataset("bytes", container="made", folder="look"), "storeSettings": READ}
    run, done = conduct.run("remove", {"name": "Remove", "type": "Delete", "typeProperties": properties})
    assert (run["status"], done["output"]["filesDeleted"]) == ("Succeeded", 2), run["message"]
    assert conduct.names("made", "look/") == []


def _equals(operand: str, value: str) -> dict[str, Any]:
    return {"operand": operand, "operator": "Equals", "values": [value]}
