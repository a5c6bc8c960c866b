"""Hours of features that were lost or garbled come back from the raw archive, row for row."""

from typing import Any

import pytest

from .cloud import Cloud
from .trial import Trial

# Feature rows of the day by hour, each in a canonical order.
ROWS = """
import io, pyarrow.parquet as pq
lake = blobs.container(outputs["lakeAccount"], "features")
answer = {}
for name in sorted(blob.name for blob in lake.list_blobs() if blob.name.endswith(".parquet")):
    rows = pq.read_table(io.BytesIO(lake.download_blob(name).readall())).to_pylist()
    answer.setdefault(name[:13], []).extend([name, *map(str, row.values())] for row in rows)
answer = {hour: sorted(row[1:] for row in rows) for hour, rows in answer.items()}
"""
FILES = """
lake = blobs.container(outputs["lakeAccount"], "features")
names = sorted(blob.name for blob in lake.list_blobs() if blob.name.endswith(".parquet"))
first, second = sorted({name[:13] for name in names})[:2]
"""
HARM = (
    FILES
    + """
for name in names:
    if name.startswith(first):
        lake.delete_blob(name)
    if name.startswith(second):
        lake.upload_blob(name, b"garbled", overwrite=True)
answer = [first, second]
"""
)


@pytest.fixture(scope="module")
def trial(cloud: Cloud) -> Trial:
    return Trial(cloud)


def features(trial: Trial) -> dict[str, Any]:
    return trial.look(ROWS, identity=trial.outputs["streamJob"])


def test_a_replay_of_what_is_there_changes_nothing(trial: Trial) -> None:
    before = features(trial)
    assert sum(map(len, before.values())) == 48
    said = trial.tells("replay", *trial.span, "--dry-run")
    assert "0 of 2 hours differ" in said
    assert features(trial) == before


def test_a_lost_hour_and_a_garbled_one_come_back_row_for_row(trial: Trial) -> None:
    before = features(trial)
    trial.look(HARM, identity=trial.outputs["streamJob"])
    told = trial.tells("replay", *trial.span, "--dry-run")
    assert "2 of 2 hours differ" in told
    said = trial.tells("replay", *trial.span)
    assert "2 of 2 hours rebuilt" in said
    assert said.count("to score them again: batch-scoring score --from ") == 2
    assert features(trial) == before
    again = trial.tells("replay", *trial.span)
    assert "0 of 2 hours differ" in again
