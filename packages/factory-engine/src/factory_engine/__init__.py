"""Runs Azure Data Factory pipeline definitions on one machine, as the service would."""

from factory_engine.activity_types import ACTIVITY_TYPES, ActivityType
from factory_engine.checks import (
    DefinitionError,
    Problem,
    check_dataset,
    check_factory,
    check_linked_service,
    check_pipeline,
    check_trigger,
)
from factory_engine.definitions import Factory
from factory_engine.expressions import ExpressionError
from factory_engine.parameters import ParameterError
from factory_engine.pipeline import PipelineRun
from factory_engine.records import Invocation, Record, RecordKind, mark_lost, startable
from factory_engine.world import (
    ActivityError,
    Clock,
    Context,
    CopyRequest,
    Dataset,
    DeleteRequest,
    LinkedService,
    MetadataRequest,
    ScriptRequest,
    WebRequest,
    World,
)

__all__ = [
    "ACTIVITY_TYPES",
    "ActivityError",
    "ActivityType",
    "Clock",
    "Context",
    "CopyRequest",
    "Dataset",
    "DefinitionError",
    "DeleteRequest",
    "ExpressionError",
    "Factory",
    "Invocation",
    "LinkedService",
    "MetadataRequest",
    "ParameterError",
    "PipelineRun",
    "Problem",
    "Record",
    "RecordKind",
    "ScriptRequest",
    "WebRequest",
    "World",
    "check_dataset",
    "check_factory",
    "check_linked_service",
    "check_pipeline",
    "check_trigger",
    "mark_lost",
    "startable",
]
