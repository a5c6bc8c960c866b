"""Files of a Copy or Delete: which are meant, how tables are read from them and written to them.

learn.microsoft.com/azure/data-factory/connector-azure-blob-storage, format-parquet, format-delimited-text. Not seen on
the service: a source that means no file fails with UserErrorSourceBlobNotExist, also by wildcards.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from azure_sandbox_storage.blobs import Blobs
from factory_engine import Dataset
from pyarrow import csv

from azure_sandbox_conducting.factory_stores import Files, refusal

FORMATS = {"Parquet": ".parquet", "DelimitedText": ".csv", "Binary": ""}
READ_SETTINGS = (
    *("type", "recursive", "wildcardFolderPath", "wildcardFileName", "enablePartitionDiscovery"),
    *("maxConcurrentConnections", "disableMetricsCollection"),
)


async def chosen(blobs: Blobs, files: Files, settings: Mapping[str, Any]) -> list[tuple[str, str, int]]:
    """(path, path relative to the folder, size) of each file that dataset and store settings mean, by path."""
    unknown = [name for name, value in settings.items() if name not in READ_SETTINGS and value]
    if unknown or settings.get("enablePartitionDiscovery"):
        raise refusal(f"the store setting '{[*unknown, 'enablePartitionDiscovery'][0]}'")
    folder, file = settings.get("wildcardFolderPath"), settings.get("wildcardFileName")
    if not (folder or file):
        inside = "" if not files.name else re.escape(files.name)
        deeper = "(?:.+)" if settings.get("recursive", True) else "[^/]+"
        pattern, base = inside or deeper, files.folder.path
    else:
        above = str(folder).strip("/") if folder else files.folder.path
        fixed = re.split(r"[*?]", above)[0]
        base = above if fixed == above else fixed.rpartition("/")[0]
        rest = above[len(base) :].strip("/")
        deeper = "(?:.*/)?" if settings.get("recursive", True) and not files.name else ""
        pattern = (f"{_pattern(rest)}/" if rest else "") + deeper + _pattern(str(file or files.name or "*"))
    start = f"{base}/" if base else ""
    place = type(files.folder)(account=files.folder.account, container=files.folder.container, path=start)
    regex = re.compile(pattern)
    found = [(name, name[len(start) :], size) async for name, size in blobs.list(files.who, place)]
    return sorted(entry for entry in found if regex.fullmatch(entry[1]))


def _pattern(text: str) -> str:
    return "".join({"*": "[^/]*", "?": "[^/]"}.get(sign, re.escape(sign)) for sign in text)


def read(dataset: Dataset, path: Path) -> pa.Table:
    """The rows of one file; columns of delimited text are text."""
    if dataset.type == "Parquet":
        return pq.ParquetFile(path).read()
    options = dataset.properties
    header = bool(options.get("firstRowAsHeader"))
    parse = csv.ParseOptions(
        delimiter=str(options.get("columnDelimiter") or ","),
        quote_char=str(options.get("quoteChar", '"')) or False,
        newlines_in_values=True,
    )
    reading = csv.ReadOptions(autogenerate_column_names=not header, encoding=_encoding(options))
    with csv.open_csv(path, read_options=reading, parse_options=parse) as opened:
        names = opened.schema.names
    convert = csv.ConvertOptions(
        column_types={name: pa.string() for name in names},
        strings_can_be_null=True,
        null_values=[str(options.get("nullValue") or "")],
        quoted_strings_can_be_null=False,
    )
    table = csv.read_csv(path, read_options=reading, parse_options=parse, convert_options=convert)
    return table if header else table.rename_columns([f"Prop_{i}" for i in range(len(names))])


def write(dataset: Dataset, table: pa.Table, path: Path) -> None:
    if dataset.type == "Parquet":
        codec = str(dataset.properties.get("compressionCodec") or "snappy").lower()
        pq.write_table(table, path, compression=codec)
        return
    options = dataset.properties
    style = csv.WriteOptions(
        include_header=bool(options.get("firstRowAsHeader")), delimiter=str(options.get("columnDelimiter") or ",")
    )
    csv.write_csv(table, path, style)


def _encoding(options: Mapping[str, Any]) -> str:
    return str(options.get("encodingName") or "utf-8").lower()


def widened(table: pa.Table, columns: Any, relative: str) -> pa.Table:
    """With `additionalColumns`: each a text, or the file's path below the source's folder."""
    for each in columns or ():
        value = str(each.get("value"))
        if value.startswith("$$COLUMN"):
            raise refusal(f"'{value}' of additional columns")
        value = relative if value == "$$FILEPATH" else value
        table = table.append_column(str(each.get("name")), pa.array([value] * table.num_rows, pa.string()))
    return table


def mapped(table: pa.Table, translator: Mapping[str, Any] | None) -> pa.Table:
    """The columns that the mapping names, under their names in the sink; all of them without a mapping."""
    pairs = _pairs(translator)
    if pairs is None:
        return table
    missing = [source for source, _ in pairs if source not in table.column_names]
    if missing:
        from factory_engine import ActivityError

        names = ", ".join(table.column_names)
        text = (
            f"ErrorCode=MappingColumnNameNotFoundInSourceFile, Column '{missing[0]}' is not found in source: {names}."
        )
        raise ActivityError("2200", text)
    return table.select([source for source, _ in pairs]).rename_columns([sink for _, sink in pairs])


def _pairs(translator: Mapping[str, Any] | None) -> list[tuple[str, str]] | None:
    if not translator:
        return None
    known = ("type", "mappings", "typeConversion", "typeConversionSettings", "columnMappings")
    unknown = [name for name in translator if name not in known]
    if translator.get("type") != "TabularTranslator" or unknown:
        raise refusal(f"the translator '{translator.get('type')}' with {unknown or 'its properties'}")
    old = translator.get("columnMappings")
    if isinstance(old, Mapping):
        return [(str(source), str(sink)) for source, sink in old.items()]
    pairs = []
    for each in translator.get("mappings") or ():
        source, sink = each.get("source") or {}, each.get("sink") or {}
        if "name" not in source or "name" not in sink:
            raise refusal("a column mapping that is not by name")
        pairs.append((str(source["name"]), str(sink["name"])))
    return pairs or None
