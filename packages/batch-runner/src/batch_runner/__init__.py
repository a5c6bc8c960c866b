"""Runs an Azure Machine Learning batch scoring folder as the service would, on one machine."""

from batch_runner.accounting import Failure, JobError, JobResult, Progress
from batch_runner.explain import explain
from batch_runner.job import run_job
from batch_runner.settings import Settings, SettingsError

__all__ = ["Failure", "JobError", "JobResult", "Progress", "Settings", "SettingsError", "explain", "run_job"]
