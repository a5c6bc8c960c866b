"""What a Copy may say here. All that would change the outcome and is not offered is refused by name."""

from collections.abc import Mapping
from typing import Any

from factory_engine import ActivityError, CopyRequest

from azure_sandbox_conducting.factory_stores import refusal

TABLES = ("AzureSqlTable", "AzureSqlDWTable")
FILES = {"storeSettings", "formatSettings"}
SIDES = {
    "ParquetSource": FILES | {"additionalColumns"},
    "DelimitedTextSource": FILES | {"additionalColumns"},
    "BinarySource": FILES,
    "AzureSqlSource": {"sqlReaderQuery", "queryTimeout", "isolationLevel"},
    "ParquetSink": FILES,
    "DelimitedTextSink": FILES,
    "BinarySink": FILES,
    "AzureSqlSink": {
        *("writeBehavior", "upsertSettings", "preCopyScript", "writeBatchSize", "writeBatchTimeout"),
        "sqlWriterUseTableLock",
    },
}
FORMAT_SETTINGS = {"maxRowsPerFile", "fileNamePrefix", "fileExtension"}
DATASET = {
    "Parquet": {"location", "compressionCodec"},
    "DelimitedText": {"location", "columnDelimiter", "encodingName", "firstRowAsHeader", "quoteChar", "nullValue"},
    "Binary": {"location"},
    **{kind: {"schema", "table", "tableName"} for kind in TABLES},
}
BEHAVIORS = (None, "PreserveHierarchy", "FlattenHierarchy", "MergeFiles")
# How fast it is, not what comes of it; and values that mean nothing.
HARMLESS = {"type", "disableMetricsCollection", "maxConcurrentConnections", "sourceRetryCount", "sourceRetryWait"}
SPEED = {"parallelCopies", "dataIntegrationUnits", "blockSizeInMB"}
NOTHING = (None, False, "", "None", "none", [], {})


def check(request: CopyRequest) -> None:
    for side in (request.source, request.sink):
        kind = str(side.get("type"))
        if kind not in SIDES:
            raise refusal(f"'{kind}' ({', '.join(SIDES)} are)")
        _known(side, SIDES[kind], f"'{kind}'")
        _known(side.get("formatSettings") or {}, FORMAT_SETTINGS, f"the format settings of '{kind}'")
    store = request.sink.get("storeSettings") or {}
    _known(store, {"copyBehavior"}, f"the store settings of '{request.sink['type']}'")
    if store.get("copyBehavior") not in BEHAVIORS:
        raise refusal(f"the copy behavior '{store['copyBehavior']}'")
    _known(request.settings, set(), "a Copy")
    for dataset in (request.input, request.output):
        if dataset.type not in DATASET:
            raise refusal(f"the dataset type '{dataset.type}' in a Copy")
        usual = {"escapeChar": ("\\", '"'), "rowDelimiter": ("\n", "\r\n"), "compressionLevel": ("Optimal",)}
        given = {key: value for key, value in dataset.properties.items() if value not in usual.get(key, ())}
        _known(given, DATASET[dataset.type], f"the dataset '{dataset.name}'")
    if (request.input.type == "Binary") != (request.output.type == "Binary"):
        raise ActivityError("2200", "ErrorCode=UserErrorInvalidBinary, a Binary dataset copies to a Binary one only.")


def _known(given: Mapping[str, Any], allowed: set[str], where: str) -> None:
    unknown = [name for name, value in given.items() if name not in allowed | HARMLESS | SPEED and value not in NOTHING]
    if unknown:
        raise refusal(f"the property '{unknown[0]}' of {where}")
