"""A query that does not fit its stack or its contract is refused at preview, where it stands."""

from pathlib import Path

import pytest

import checks
from components import stream

QUERY = (Path(__file__).parents[2] / "scoring/sensors/query.asaql").read_text()


def problems_of(tmp_path: Path, text: str) -> str:
    folder = tmp_path / "scoring" / "sensors"
    folder.mkdir(parents=True)
    (folder / "query.asaql").write_text(text)
    with pytest.raises(checks.QueryProblems) as error:
        checks.checked_query("sensors", inputs=stream.INPUTS, outputs=stream.OUTPUTS, root=tmp_path)
    return str(error.value)


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_the_problems_query_fits_the_job_and_the_contract() -> None:
    assert checks.checked_query("sensors", inputs=stream.INPUTS, outputs=stream.OUTPUTS) == QUERY


def test_an_output_that_the_job_does_not_have_is_refused_with_its_place(tmp_path: Path) -> None:
    text = QUERY.replace("INTO features", "INTO featurs")
    line = line_of(text, "INTO featurs")
    found = problems_of(tmp_path, text)
    assert f"query.asaql, line {line}, column " in found
    assert "INTO featurs: the job declares no such output; it has features, raw, rejected" in found
    assert "the job declares the output features, the query has no INTO features" in found


def test_an_input_that_the_job_does_not_have_is_refused_with_its_place(tmp_path: Path) -> None:
    text = QUERY.replace("FROM events", "FROM event", 1)
    line = line_of(text, "FROM event ")
    found = problems_of(tmp_path, text)
    assert f"query.asaql, line {line}, column " in found
    assert "FROM event: the job declares no such input; it has arrivals, events" in found


def test_a_renamed_column_is_refused_by_file_output_and_column(tmp_path: Path) -> None:
    text = QUERY.replace("AS Minimum", "AS Lowest")
    named, into = line_of(text, "AS Lowest"), line_of(text, "INTO features")
    found = problems_of(tmp_path, text)
    assert f"query.asaql, line {into}, column 1: output features: column Minimum is missing" in found
    assert f"query.asaql, line {named}, column " in found
    assert ": output features: column Lowest is not in the contract's row feature" in found


def test_a_retyped_column_is_refused(tmp_path: Path) -> None:
    text = QUERY.replace("AS bigint) AS Events", "AS float) AS Events")
    assert text != QUERY
    found = problems_of(tmp_path, text)
    assert f"query.asaql, line {line_of(text, 'AS float) AS Events')}, column " in found
    assert ": output features: column Events is double, expected int64" in found


def test_a_syntax_error_is_shown_where_it_is(tmp_path: Path) -> None:
    found = problems_of(tmp_path, QUERY.replace("GROUP BY", "GROUPED BY", 1))
    line = line_of(QUERY, "GROUP BY")
    assert f"query.asaql, line {line}, column " in found


def test_a_problem_without_a_query_or_a_contract_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(checks.QueryProblems, match=r"scoring/nothing/query\.asaql: there is no such file"):
        checks.checked_query("nothing", inputs=(), outputs=(), root=tmp_path)
    with pytest.raises(checks.QueryProblems, match=r"found 'nothing', but there is no scoring/nothing/contract\.py"):
        checks.contract_of("nothing")
