"""Every folder of `scoring/` is a complete problem of one contract, and a change in one place alone is told by name."""

from __future__ import annotations

import importlib
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sql_engine import Principal, query
from sql_engine.folder import FolderStorage
from stream_engine import compile_query

from components import schema
from operations.page import columns
from scoring import preparation, problems
from scoring.contract import Column, Contract, Row, arrow_schema, query_problems

PROBLEMS = problems.known()
CALLER = Principal(name="factory", id="22222222-2222-2222-2222-222222222222")
PAGE = ("WindowEnd", "DeviceId", "SensorId", "Mean", "Expected", "Score", "Anomaly")
STAMP = ("ModelDigest", "CodeDigest", "Job")


def read(problem: str, file: str) -> str:
    return (problems.ROOT / problem / file).read_text("utf-8")


def files_of(problem: str) -> Row | None:
    """The rows in the files that a static problem reads: all text."""
    if problems.contract(problem).event is not None:
        return None
    names = importlib.import_module(f"scoring.{problem}.source").FILE_COLUMNS
    return Row(name="file", columns=tuple(Column(name=name, type="string", description="") for name in names), key=())


def every_problem(of: Contract, text: Callable[[str], str]) -> list[str]:
    """All that can be said against a problem whose contract is `of` and whose files hold `text(name)`."""
    place = f"scoring/{of.problem}"
    prepare = f"{place}/{preparation.FILE}"
    found = preparation.preparation_problems(of, text("prepare.sql"), file=prepare, source=files_of(of.problem))
    for file in (preparation.BOTH_FILE, preparation.TABLE_FILE):
        if (problems.ROOT / of.problem / file).is_file():
            found += preparation.preparation_problems(of, text(file), file=f"{place}/{file}")
    if of.event is not None:
        outputs = compile_query(text("query.asaql")).outputs
        found += query_problems(of, outputs, file=f"{place}/query.asaql")
    for name in ("model.py", "train.py"):
        found += problems.code_problems(of, text(name), file=f"{place}/{name}")
    return [*found, *schema.problems(of), *columns.problems(of)]


def test_there_are_a_streaming_and_a_static_problem():
    assert {problems.way(problems.contract(problem)) for problem in PROBLEMS} == {"streaming", "static"}


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_problem_is_complete_and_of_one_contract(problem):
    of = problems.contract(problem)
    assert problems.folder_problems(problem) == []
    assert every_problem(of, lambda file: read(problem, file)) == []


@pytest.mark.parametrize("problem", PROBLEMS)
def test_predictions_have_the_names_that_tables_views_and_page_share(problem):
    of = problems.contract(problem)
    assert of.prediction.names == (*PAGE, *STAMP)
    assert of.feature.key == PAGE[:3]
    assert of.prediction.key == (*of.feature.key, "ModelDigest")


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_key_has_a_value_in_every_row(problem):
    of = problems.contract(problem)
    for row in (of.event, of.feature, of.prediction):
        assert row is None or not [name for name in row.key if row.column(name).nullable]


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_model_needs_columns_that_never_lack_a_value(problem):
    of = problems.contract(problem)
    needed = importlib.import_module(f"scoring.{problem}.model").NEEDED
    assert [name for name in needed if of.feature.column(name).nullable] == []
    assert set(of.feature.key) <= set(needed)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_statement_gives_the_contracts_rows_on_the_engine_too(problem, tmp_path):
    of = problems.contract(problem)
    empty_lake(problem, tmp_path)
    day = datetime(2026, 3, 2, tzinfo=UTC)
    text = preparation.statement(preparation.text(problem), lake="lake", start=day, end=day.replace(day=3))
    found = query(text, storage=FolderStorage(tmp_path), principal=CALLER).schema
    # DATETIME2 has no zone; the scorer reads such a moment as UTC.
    assert found.names == list(of.feature.names)
    for field, expected in zip(found, arrow_schema(of.feature), strict=True):
        assert field.type == expected.type or str(expected.type).startswith(str(field.type)[:-1]), field.name


def empty_lake(problem: str, root: Path) -> None:
    """One day of files without rows."""
    import pyarrow.parquet as pq

    of, files = problems.contract(problem), files_of(problem)
    container = "features/2026/03/02/00" if files is None else "static/2026/03/02"
    folder = root / "lake" / container
    folder.mkdir(parents=True)
    pq.write_table(arrow_schema(files or of.feature).empty_table(), folder / "a.parquet")
    if files is not None:
        (folder / "a.csv").write_text(",".join(files.names) + "\n", "utf-8")


def changed(of: Contract, row: str, change: Callable[[Row], Row]) -> Contract:
    return replace(of, **{row: change(getattr(of, row))})


def rename(old: str, new: str) -> Callable[[Row], Row]:
    return lambda row: replace(
        row,
        columns=tuple(replace(column, name=new) if column.name == old else column for column in row.columns),
        key=tuple(new if name == old else name for name in row.key),
    )


def retype(name: str, type_) -> Callable[[Row], Row]:
    return lambda row: replace(
        row, columns=tuple(replace(column, type=type_) if column.name == name else column for column in row.columns)
    )


def drop(name: str) -> Callable[[Row], Row]:
    return lambda row: replace(row, columns=tuple(column for column in row.columns if column.name != name))


IN_THE_CONTRACT = [
    ("sensors", "feature", rename("Deviation", "Spread"), [
        "scoring/sensors/prepare.sql: column Spread is missing",
        "scoring/sensors/query.asaql: output features: column Spread is missing",
        r"scoring/sensors/model.py, line \d+: column Deviation is in no row of the contract",
        r"scoring/sensors/train.py, line \d+: column Deviation is in no row of the contract",
    ]),
    ("sensors", "feature", retype("Events", "double"), [
        "scoring/sensors/prepare.sql: column Events is int64, expected double",
        "scoring/sensors/query.asaql: output features: column Events is int64, expected double",
    ]),
    ("sensors", "feature", drop("Minimum"), [
        "scoring/sensors/prepare.sql: column Minimum is not in the contract's row feature",
        "scoring/sensors/query.asaql: output features: column Minimum is not in the contract's row feature",
    ]),
    ("sensors", "event", rename("Value", "Reading"), [
        "scoring/sensors/query.asaql: output raw: column Reading is missing",
    ]),
    ("sensors", "prediction", rename("Expected", "Forecast"), [
        r"scoring/sensors/model.py, line \d+: column Expected is in no row of the contract",
        "operations/page/columns.py: column Expected is missing in row prediction of scoring/sensors/contract.py",
    ]),
    ("sensors", "prediction", drop("Score"), [
        "components/schema.py: column Score is missing in row prediction of scoring/sensors/contract.py",
        "operations/page/columns.py: column Score is missing in row prediction of scoring/sensors/contract.py",
    ]),
    ("plant", "prediction", retype("Anomaly", "string"), [
        "components/schema.py: column Anomaly is string in row prediction of scoring/plant/contract.py, expected int64",
        "operations/page/columns.py: column Anomaly is string in row prediction of scoring/plant/contract.py, "
        "expected int64",
    ]),
    ("plant", "feature", rename("tag97", "tag9"), [
        "scoring/plant/prepare.sql: column tag9 is missing",
        "scoring/plant/prepare.sql: column tag97 is not in the contract's row feature",
    ]),
    ("plant", "feature", retype("tag2", "string"), [
        "scoring/plant/prepare.sql: column tag2 is double, expected string",
    ]),
    ("plant", "prediction", drop("Mean"), [
        r"scoring/plant/model.py, line \d+: column Mean is in no row of the contract",
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("problem", "row", "change", "told"), IN_THE_CONTRACT)
def test_a_column_changed_in_the_contract_alone_is_told_by_file_and_column(problem, row, change, told):
    found = every_problem(changed(problems.contract(problem), row, change), lambda file: read(problem, file))
    for message in told:
        assert [one for one in found if re.fullmatch(message, one)], found


IN_A_FILE = [
    ("sensors", "query.asaql", "AS Maximum", "AS Highest", "output features: column Maximum is missing"),
    ("sensors", "query.asaql", "CAST(AVG(Value) AS float)", "CAST(AVG(Value) AS bigint)",
     "output features: column Mean is int64, expected double"),
    ("sensors", "query.asaql", "    CAST(Value AS nvarchar(max)) AS Value\nINTO raw", "    1 AS One\nINTO raw",
     "output raw: column Value is missing"),
    ("sensors", "prepare.sql", "AS BIGINT) AS Duplicates", "AS BIGINT) AS Copies", "column Duplicates is missing"),
    ("sensors", "prepare.sql", "CAST(Mean AS FLOAT)", "CAST(Mean AS BIGINT)", "column Mean is int64, expected double"),
    ("sensors", "prepare.sql", "CAST(Mean AS FLOAT) AS Mean", "Mean", "column Mean has no CAST; expected double"),
    ("sensors", "prepare.sql", "        Mean FLOAT,", "        Average FLOAT,",
     "source 1: column Average is not in the files"),
    ("sensors", "prepare.sql", "        Events BIGINT,", "        Events FLOAT,",
     "source 1: column Events is double, expected int64"),
    ("sensors", "prepare_both.sql", "CAST(Mean AS FLOAT)", "CAST(Mean AS BIGINT)",
     "column Mean is int64, expected double"),
    ("sensors", "prepare_both.sql", "        Mean FLOAT,", "        Average FLOAT,",
     "source 2: column Average is not in the files"),
    ("sensors", "train.py", '"Deviation"', '"Spread"', "column Spread is in no row of the contract"),
    ("sensors", "model.py", '"Mean"', '"Average"', "column Average is in no row of the contract"),
    ("plant", "prepare.sql", "    CAST(TRY_CAST(tag8 AS FLOAT) AS FLOAT) AS tag8,\n", "", "column tag8 is missing"),
    ("plant", "prepare.sql", "AS FLOAT) AS tag8,", "AS FLOAT) AS tag9,", "column tag8 is missing"),
    ("plant", "prepare.sql", "tag8 VARCHAR(32)", "tag208 VARCHAR(32)",
     "source 2: column tag208 is not in the files"),
    ("plant", "prepare.sql", "tag8 VARCHAR(32)", "tag8 FLOAT", "source 1: column tag8 is double, expected string"),
    ("plant", "prepare_table.sql", "AS FLOAT) AS tag106", "AS BIGINT) AS tag106",
     "column tag106 is int64, expected double"),
    ("plant", "model.py", '"Score"', '"Distance"', "column Distance is in no row of the contract"),
    ("plant", "train.py", '"WindowEnd"', '"Time"', "column Time is in no row of the contract"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("problem", "file", "old", "new", "told"), IN_A_FILE, ids=[f"{case[1]}: {case[4]}" for case in IN_A_FILE]
)
def test_a_column_changed_in_a_file_alone_is_told_by_file_and_column(problem, file, old, new, told):
    before = read(problem, file)
    assert old in before
    texts = {file: before.replace(old, new)}
    found = every_problem(problems.contract(problem), lambda name: texts.get(name) or read(problem, name))
    assert [one for one in found if one.startswith(f"scoring/{problem}/{file}") and one.endswith(told)], found


# Where tables and page name a column themselves.
BY_NAME = [
    (schema, "Score", {"Points": "double"}, "components/schema.py: column Points is missing in row prediction"),
    (schema, "Anomaly", {"Anomaly": "double"}, "components/schema.py: column Anomaly is int64 in row prediction"),
    (columns, "Score", {"Points": "double"}, "operations/page/columns.py: column Points is missing in row prediction"),
    (
        columns,
        "Anomaly",
        {"Anomaly": "double"},
        "operations/page/columns.py: column Anomaly is int64 in row prediction",
    ),
]


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize(("module", "old", "new", "told"), BY_NAME, ids=[case[3] for case in BY_NAME])
def test_a_column_changed_in_tables_or_page_alone_is_told_by_file_and_column(
    problem, module, old, new, told, monkeypatch
):
    kept = {name: type_ for name, type_ in module.NEEDED.items() if name != old}
    monkeypatch.setattr(module, "NEEDED", kept | new)
    (found,) = every_problem(problems.contract(problem), lambda file: read(problem, file))
    assert found.startswith(f"{told} of scoring/{problem}/contract.py")


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_table_of_predictions_has_every_column_of_the_contract(problem):
    of = problems.contract(problem)
    types = {"timestamp": "DATETIME2(6)", "double": "FLOAT(53)", "int64": "BIGINT", "string": "NVARCHAR"}
    made = {name: type_.removesuffix(" KEY") for name, type_ in schema.columns(of)["predictions"].items()}
    assert {name: re.sub(r"(NVARCHAR)\(\d+\)", r"\1", type_) for name, type_ in made.items()} == {
        column.name: types[column.type] for column in of.prediction.columns
    }


LOST = [(problem, part) for problem in PROBLEMS for part in problems.PARTS if part.file != "contract.py"]


@pytest.mark.parametrize(("problem", "part"), LOST, ids=[f"{problem}/{part.file}" for problem, part in LOST])
def test_a_file_that_a_problem_needs_is_missed_by_name(problem, part, tmp_path):
    shutil.copytree(problems.ROOT / problem, tmp_path / problem)
    (tmp_path / problem / part.file).unlink(missing_ok=True)
    of = problems.way(problems.contract(problem))
    expected = [f"scoring/{problem}/{part.file}: no such file; a {of} problem needs it: {part.holds}"]
    assert problems.folder_problems(problem, tmp_path) == (expected if of in part.needed else [])


def test_a_name_that_a_file_must_define_is_missed_by_name(tmp_path):
    shutil.copytree(problems.ROOT / "plant", tmp_path / "plant")
    path = tmp_path / "plant" / "source.py"
    path.write_text(path.read_text("utf-8").replace("def truth(", "def faults("), "utf-8")
    assert problems.folder_problems("plant", tmp_path) == ["scoring/plant/source.py: truth is not defined there"]
