"""A data scientist's way: train on the cluster, compare, promote by config, score the past again, go back."""

from typing import Any

import pytest

from .cloud import Cloud
from .trial import PLANT, Trial, version_in

TRAIN = ("train", "--days", "4", *PLANT)
SERVING = """
default = arm.call("GET", endpoint, api=ML)["properties"]["defaults"]["deploymentName"]
every = arm.call("GET", f"{endpoint}/deployments", api=ML)["value"]
answer = {one["name"]: one["properties"]["environmentVariables"]["MODEL_DIGEST"] for one in every}
assert list(answer) == [default], answer
"""
VERSION = 'answer = arm.call("GET", f"{{workspace}}/models/sensors/versions/{version}", api=ML)["properties"]'
VERSIONS = 'answer = [one["name"] for one in arm.call("GET", f"{workspace}/models/sensors/versions", api=ML)["value"]]'
SCORED = """
SELECT p.ModelDigest, COUNT(*) AS Scored, MIN(p.Score) AS Lowest, MAX(p.Score) AS Highest
FROM dbo.predictions AS p JOIN dbo.committed_runs AS r ON p.Job = r.Job GROUP BY p.ModelDigest
"""


class Story(Trial):
    """`old` is the model that serves first, `new` the one that is trained: their digests."""

    old: str
    new: str
    made_from: dict[str, str]

    def serving(self) -> dict[str, str]:
        """Deployment → digest of its model; there is one, the default."""
        return self.look(SERVING)

    def scored(self) -> dict[str, dict[str, Any]]:
        return {row.pop("ModelDigest"): row for row in self.sql(SCORED)}


@pytest.fixture(scope="module")
def story(cloud: Cloud) -> Story:
    made = Story(cloud)
    (made.old,) = made.serving().values()
    made.score()
    return made


def test_past_hours_are_scored_by_the_model_that_serves(story: Story) -> None:
    scored = story.scored()
    assert list(scored) == [story.old]
    assert scored[story.old]["Scored"] == 46


def test_training_on_the_cluster_registers_a_version_with_its_lineage(story: Story) -> None:
    said = story.tells(*TRAIN)
    story.new = version_in(said)
    assert story.new != story.old
    assert "registered, trained by job train-sensors-" in said
    kept = story.look(VERSION.format(version=story.new))
    story.made_from = made_from = kept["properties"]
    assert made_from["digest"] == story.new
    assert made_from["trainedRows"] == "2304"
    assert (made_from["trainedFrom"][11:16], made_from["trainedTo"][11:16]) == ("00:05", "00:00")
    assert {"metric.series", "metric.rows", "metric.alarmShare"} <= made_from.keys()
    assert {**kept["tags"], "digest": story.new} == {**made_from, "problem": "sensors"}
    for kind, version in (("codes/sensors-train", "trainingCode"), ("environments/sensors", "environment")):
        there = f'answer = arm.call("GET", f"{{workspace}}/{kind}/versions/{made_from[version]}", api=ML)["name"]'
        assert story.look(there) == made_from[version]


def test_the_same_history_trains_the_same_version(story: Story) -> None:
    said = story.tells(*TRAIN)
    assert f"model sensors:{story.new} was registered already" in said
    assert sorted(story.look(VERSIONS)) == sorted([story.old, story.new])


def test_versions_are_listed_with_what_they_were_made_from_and_nothing_is_promoted_by_training(story: Story) -> None:
    said = story.tells("models")
    newest, oldest = (part.split() for part in said.strip().split("\n\n"))
    assert newest[0] == story.new
    assert "serves" not in newest
    lineage = {story.made_from[name] for name in ("job", "trainingCode", "environment", "history", "trainedRows")}
    assert lineage <= {word.strip(",") for word in newest}
    assert oldest[:2] == [story.old, "serves"]


def test_a_candidate_is_judged_beside_the_promoted_one_on_a_day_that_neither_has_seen(story: Story) -> None:
    said = story.tells("compare", "--candidate", story.new, *PLANT)
    table = {line.split()[0]: line.split()[1:] for line in said.splitlines()[1:-1]}
    assert table["model"] == [story.old, story.new]
    assert {"auc", "recall", "falseAlarmShare"} <= table.keys()
    assert "576 rows" in said


def test_a_training_job_that_fails_says_why_and_registers_nothing(story: Story) -> None:
    ended = story.ours("train", "--days", "1", *PLANT)
    assert ended.returncode != 0
    assert "no series can be trained" in ended.stderr
    assert "end of user_logs/std_log.txt" in ended.stderr
    assert sorted(story.look(VERSIONS)) == sorted([story.old, story.new])


def test_config_promotes_and_the_past_is_scored_again_beside_the_old_scores(story: Story) -> None:
    before = story.scored()
    run = story.up(modelPath="", modelVersion=story.new)
    assert "it serves now" in run.text
    assert list(story.serving().values()) == [story.new]
    assert story.tells("models").splitlines()[0].split() == [story.new, "serves"]
    story.score()
    after = story.scored()
    assert after[story.old] == before[story.old]
    assert after[story.new]["Scored"] == before[story.old]["Scored"]
    assert after[story.new]["Highest"] != before[story.old]["Highest"]


def test_naming_the_earlier_version_goes_back(story: Story) -> None:
    story.up(modelVersion=story.old)
    assert list(story.serving().values()) == [story.old]
    assert set(story.scored()) == {story.old, story.new}
