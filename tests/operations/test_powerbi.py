"""Power BI: the data source file is as Microsoft documents it, docs/powerbi.md is of the views that a deploy makes."""

import importlib.util
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from operations.cli import app
from operations.stack import Stack
from scoring.plant.contract import CONTRACT

ROOT = Path(__file__).resolve().parents[2]
OUTPUTS = dict.fromkeys(Stack.__dataclass_fields__, "x") | {"sqlServer": "sql-plant.database.windows.net"}
OUTPUTS |= {"database": "scores", "synapse": "syn-plant"}


def run(folder: Path, *arguments: object):
    outputs = folder / "outputs.json"
    outputs.write_text(json.dumps(OUTPUTS))
    return CliRunner().invoke(app, ["pbids", "--outputs", str(outputs), *map(str, arguments)])


@pytest.mark.parametrize(
    ("options", "address", "mode"),
    [
        ((), {"server": "sql-plant.database.windows.net", "database": "scores"}, "Import"),
        (
            ("--mode", "directquery"),
            {"server": "sql-plant.database.windows.net", "database": "scores"},
            "DirectQuery",
        ),
        (("--serverless",), {"server": "syn-plant-ondemand.sql.azuresynapse.net", "database": "master"}, "Import"),
    ],
)
def test_a_data_source_file_names_one_endpoint_and_no_credential(tmp_path, options, address, mode):
    found = json.loads(run(tmp_path, *options).output)
    (connection,) = found["connections"]
    assert (found["version"], connection["mode"], connection["options"]) == ("0.1", mode, {})
    assert connection["details"]["protocol"] == "tds"
    assert connection["details"]["address"] == address
    assert connection["details"]["authentication"] is None


def test_a_file_is_written_under_the_suffix_that_power_bi_opens(tmp_path):
    place = tmp_path / "reports" / "plant.pbids"
    assert run(tmp_path, "-o", place).exit_code == 0
    assert json.loads(place.read_text())["version"] == "0.1"
    refused = run(tmp_path, "-o", tmp_path / "plant.json")
    assert "expected .pbids" in str(refused.exception)
    assert not (tmp_path / "plant.json").exists()


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("powerbi", ROOT / "tools" / "powerbi.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_views_is_fresh(tool):
    written = tool.FILE.read_text("utf-8")
    assert written == tool.document(), "docs/powerbi.md is stale: run python tools/powerbi.py"


def test_a_column_that_nothing_explains_is_named_with_its_view(tool):
    with pytest.raises(KeyError, match=r"dbo.scores: column Nix: tools/powerbi.py does not say what it means"):
        tool.meaning("scores", "Nix", CONTRACT)
