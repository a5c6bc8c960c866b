"""Settings as the REST API, the CLI's deployment.yml and Pulumi write them; what Azure would refuse is refused."""

from __future__ import annotations

import pytest
from batch_runner import Settings, SettingsError


def test_defaults_are_those_of_a_batch_deployment():
    assert Settings.from_deployment({}) == Settings()
    assert (Settings().mini_batch_size, Settings().timeout, Settings().max_retries) == (10, 30.0, 3)
    assert (Settings().error_threshold, Settings().output_action) == (-1, "AppendRow")


def test_settings_come_from_the_properties_of_a_deployment():
    properties = {
        "compute": "ignored",
        "miniBatchSize": 4.0,  # as Pulumi sends it
        "maxConcurrencyPerInstance": 2,
        "errorThreshold": 0,
        "loggingLevel": "Debug",
        "outputAction": "SummaryOnly",
        "outputFileName": "out.csv",
        "environmentVariables": {"A": 1},
        "retrySettings": {"maxRetries": 1, "timeout": "PT1H5M0.5S"},
        "resources": {"instanceCount": 3},
    }
    assert Settings.from_deployment(properties) == Settings(
        mini_batch_size=4,
        max_concurrency_per_instance=2,
        error_threshold=0,
        logging_level="debug",
        output_action="SummaryOnly",
        output_file_name="out.csv",
        environment_variables={"A": "1"},
        max_retries=1,
        timeout=3900.5,
        instance_count=3,
    )


@pytest.mark.parametrize(
    "text",
    [
        """
        type: model
        code_configuration: {code: src, scoring_script: score.py}
        resources: {instance_count: 2}
        settings:
          mini_batch_size: 5
          output_action: summary_only
          retry_settings: {max_retries: 1, timeout: 300}
          environment_variables: {X: "1"}
        """,
        """
        resources: {instance_count: 2}
        mini_batch_size: 5
        output_action: summary_only
        retry_settings: {max_retries: 1, timeout: 300}
        environment_variables: {X: "1"}
        """,
    ],
    ids=["under settings", "legacy, at the root"],
)
def test_settings_come_from_a_deployment_yml(tmp_path, text):
    path = tmp_path / "deployment.yml"
    path.write_text(text)
    assert Settings.from_yaml(path) == Settings(
        instance_count=2,
        mini_batch_size=5,
        output_action="SummaryOnly",
        max_retries=1,
        timeout=300,
        environment_variables={"X": "1"},
    )


def test_all_problems_are_reported_at_once_with_key_value_and_range():
    with pytest.raises(SettingsError) as caught:
        Settings(
            mini_batch_size=0,
            error_threshold=-2,
            timeout=0,
            output_action="Append",  # type: ignore[arg-type]
            logging_level="loud",
            output_file_name="../x.csv",
        )
    assert str(caught.value).split("; ") == [
        "mini_batch_size: found 0, expected a whole number of at least 1",
        "error_threshold: found -2, expected a whole number of at least -1",
        "timeout: found 0, expected seconds above 0, at most 259200",
        "output_action: found 'Append', expected AppendRow or SummaryOnly",
        "logging_level: found 'loud', expected one of debug, info, warning",
        "output_file_name: found '../x.csv', expected a file name without folders",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("settings: {mini_batch: 3}", "settings.mini_batch: not a setting"),
        ("mini_batchsize: 3", "mini_batchsize: not a key"),
        ("type: pipeline", "only model deployments"),
        ("resources: {instance_count: 1}\nsettings: {instance_count: 1}", "Azure takes one of them"),
        ("settings: {mini_batch_size: many}", "mini_batch_size: found 'many'"),
        ("settings: {retry_settings: {timeout: fast}}", "timeout: found 'fast'"),
        ("settings: [1]", "settings: found [1], expected a mapping"),
        ("retry_settings: 3", "retry_settings: found 3, expected a mapping"),
        ("- a list", "expected a mapping"),
        ("a: [", "cannot be read as YAML"),
    ],
)
def test_a_wrong_deployment_yml_is_refused_by_file_and_key(tmp_path, text, words):
    path = tmp_path / "deployment.yml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        Settings.from_yaml(path)
    assert str(path) in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize("duration", ["30", "P", "PT", "PT-5S", "5 minutes"])
def test_a_timeout_of_the_rest_api_is_an_iso_duration(duration):
    with pytest.raises(SettingsError, match=r"retrySettings.timeout: found .* expected an ISO 8601 duration"):
        Settings.from_deployment({"retrySettings": {"timeout": duration}})
