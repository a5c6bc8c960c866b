"""The README tells what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from stream_engine import QueryError, compile_query
from stream_engine.__main__ import main
from stream_engine.support import table

readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def test_the_table_of_the_readme_is_the_one_made_from_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert readme.endswith(table())
    assert main(["table"]) == 0
    assert capsys.readouterr().out == table()


@pytest.mark.parametrize("name", re.findall(r"^\| ([A-Z_]{4,}) \| ", table(), re.MULTILINE))
def test_what_the_table_refuses_is_refused_by_name(name: str) -> None:
    texts = [
        f"SELECT {name}(a, 1) AS x FROM i",
        f"SELECT a FROM i {name} (a)",
        f"SELECT a FROM i {name} SELECT a FROM i",
    ]
    messages = []
    for text in texts:
        try:
            compile_query(text)
        except QueryError as error:
            messages.append(error.message)
    assert any(f"{name} is not supported" in message for message in messages), messages
