"""Messages of batch jobs, as users quote them, and what they mean."""

from __future__ import annotations

import pytest
from batch_runner import explain

QUOTED = {
    "There is no succeeded mini batch item returned from run(). Please check 'response: run()'": "returned nothing",
    "No succeeded mini batch item returned from run().": "returned nothing",
    "The run() method in the entry script should return a list or a pandas DataFrame.": "not None (a missing return)",
    "run() should return list or DataFrame": "not None (a missing return)",
    "Output already exists": "output folder of its own",
    "ScriptExecution.StreamAccess.NotFound": "check the path",
    "ScriptExecution.StreamAccess.Authentication": "Storage Blob Data Reader",
    "No valid deployments to route": "no default deployment",
    "The run() function in the entry script had timeout for 3 times": "raise retry_settings.timeout",
    "No progress update in 90 seconds. No progress update in this check.": "raise retry_settings.timeout",
    "ModuleNotFoundError: No module named 'azureml'": "azureml-core",
    "ModuleNotFoundError: No module named 'sklearn'": "The environment lacks a package",
    "ValueError: No objects to concatenate": "MLflow driver",
    "Audiences in JWT are not allowed": "https://ml.azure.com",
    "SystemExit: 42": "user/error.txt",
    "SystemExit: 2": "parse_known_args()",
}


@pytest.mark.parametrize("message", QUOTED)
def test_a_known_message_is_explained(message):
    assert QUOTED[message] in (explain(message) or "")


@pytest.mark.parametrize("message", ["ValueError: the room is too hot", "", "SystemExit: 20"])
def test_an_unknown_message_is_not_guessed_at(message):
    assert explain(message) is None
