"""What the service refuses at PUT, and what this engine cannot run, found before anything runs."""

from factory_engine.checks.pipelines import check_pipeline
from factory_engine.checks.problems import DefinitionError, Problem
from factory_engine.checks.resources import check_dataset, check_factory, check_linked_service, check_trigger

__all__ = [
    "DefinitionError",
    "Problem",
    "check_dataset",
    "check_factory",
    "check_linked_service",
    "check_pipeline",
    "check_trigger",
]
