"""What a batch deployment says about how a job runs, under Azure's names, units and defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

OutputAction = Literal["AppendRow", "SummaryOnly"]
LOGGING_LEVELS = ("debug", "info", "warning")
LONGEST_TIMEOUT = 259_200.0  # seconds: the range Azure gives for the timeout of a mini-batch

_ACTIONS = {"appendrow": "AppendRow", "summaryonly": "SummaryOnly"}
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
_SETTINGS_KEYS = {
    "instance_count",
    "max_concurrency_per_instance",
    "mini_batch_size",
    "error_threshold",
    "logging_level",
    "retry_settings",
    "output_action",
    "output_file_name",
    "environment_variables",
}
_ROOT_KEYS = _SETTINGS_KEYS | {
    "$schema",
    "name",
    "description",
    "endpoint_name",
    "type",
    "tags",
    "properties",
    "model",
    "code_configuration",
    "environment",
    "compute",
    "resources",
    "settings",
}


class SettingsError(ValueError):
    """Settings that Azure would refuse: every problem, each with its key, the value found and what was expected."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a batch deployment.

    `mini_batch_size` counts files; `error_threshold` counts failed files over the whole input (-1 ignores them all);
    `timeout` is in seconds and limits one call of run(). Defaults are Azure's (batch deployment YAML reference).
    Raises SettingsError with every problem at once.
    """

    mini_batch_size: int = 10
    instance_count: int = 1
    max_concurrency_per_instance: int = 1
    error_threshold: int = -1
    max_retries: int = 3
    timeout: float = 30.0
    output_action: OutputAction = "AppendRow"
    output_file_name: str = "predictions.csv"
    logging_level: str = "info"
    environment_variables: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if problems := _problems(self):
            raise SettingsError("; ".join(problems))

    @classmethod
    def from_deployment(cls, properties: Mapping[str, Any]) -> Settings:
        """From the `properties` of a batch deployment as Resource Manager stores them (camelCase, ISO 8601 timeout)."""
        retries, resources = _mapping(properties, "retrySettings"), _mapping(properties, "resources")
        found = {
            "mini_batch_size": properties.get("miniBatchSize"),
            "instance_count": resources.get("instanceCount"),
            "max_concurrency_per_instance": properties.get("maxConcurrencyPerInstance"),
            "error_threshold": properties.get("errorThreshold"),
            "max_retries": retries.get("maxRetries"),
            "timeout": _seconds(retries.get("timeout"), "retrySettings.timeout"),
            "output_action": properties.get("outputAction"),
            "output_file_name": properties.get("outputFileName"),
            "logging_level": properties.get("loggingLevel"),
            "environment_variables": properties.get("environmentVariables"),
        }
        return cls(**_normalised(found))

    @classmethod
    def from_yaml(cls, path: Path) -> Settings:
        """From a deployment.yml of `az ml batch-deployment create`; settings may also stand at the root (legacy)."""
        import yaml  # the only dependency, and only here

        try:
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path}: cannot be read as YAML: {error}") from error
        if not isinstance(document, dict):
            raise SettingsError(f"{path}: expected a mapping of deployment keys, found {type(document).__name__}")
        try:
            return cls(**_normalised(_from_document(document)))
        except SettingsError as error:
            raise SettingsError(f"{path}: {error}") from error


def _from_document(document: dict[str, Any]) -> dict[str, Any]:
    if document.get("type") == "pipeline":
        raise SettingsError("type is pipeline: only model deployments run a scoring script")
    nested, resources = _mapping(document, "settings"), _mapping(document, "resources")
    problems = [f"{key}: not a key of a batch deployment" for key in document if key not in _ROOT_KEYS]
    problems += [f"settings.{key}: not a setting of a batch deployment" for key in nested if key not in _SETTINGS_KEYS]
    if "instance_count" in resources and "instance_count" in nested:
        problems.append("instance_count is set under resources and under settings: Azure takes one of them")
    if problems:
        raise SettingsError("; ".join(problems))
    found = {key: document[key] for key in _SETTINGS_KEYS if key in document} | nested
    retries = _mapping(found, "retry_settings")
    found.pop("retry_settings", None)
    found["max_retries"], found["timeout"] = retries.get("max_retries"), retries.get("timeout")
    found.setdefault("instance_count", resources.get("instance_count"))
    return found


def _mapping(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = document.get(key)
    if value is not None and not isinstance(value, Mapping):
        raise SettingsError(f"{key}: found {value!r}, expected a mapping")
    return dict(value or {})


def _normalised(found: Mapping[str, Any]) -> dict[str, Any]:
    """Drops what is not set (Azure's default holds) and reads 10.0 as 10: Pulumi sends numbers as floats."""
    given = {key: value for key, value in found.items() if value is not None}
    for key, value in given.items():
        if isinstance(value, float) and value.is_integer() and key != "timeout":
            given[key] = int(value)
    if "output_action" in given:
        action = str(given["output_action"])
        given["output_action"] = cast("OutputAction", _ACTIONS.get(action.replace("_", "").lower(), action))
    if "logging_level" in given:
        given["logging_level"] = str(given["logging_level"]).lower()
    if isinstance(given.get("environment_variables"), Mapping):
        given["environment_variables"] = {str(k): str(v) for k, v in given["environment_variables"].items()}
    return given


def _seconds(duration: Any, key: str) -> float | None:
    if duration is None:
        return None
    match = _DURATION.fullmatch(str(duration))
    if not match or not any(match.groups()):
        raise SettingsError(f"{key}: found {duration!r}, expected an ISO 8601 duration such as PT5M")
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _problems(settings: Settings) -> list[str]:
    least = {
        "mini_batch_size": 1,
        "instance_count": 1,
        "max_concurrency_per_instance": 1,
        "error_threshold": -1,
        "max_retries": 0,
    }
    problems = []
    for key, low in least.items():
        value = getattr(settings, key)
        if not isinstance(value, int) or isinstance(value, bool) or value < low:
            problems.append(f"{key}: found {value!r}, expected a whole number of at least {low}")
    timeout = settings.timeout
    if not isinstance(timeout, int | float) or isinstance(timeout, bool) or not 0 < timeout <= LONGEST_TIMEOUT:
        problems.append(f"timeout: found {timeout!r}, expected seconds above 0, at most {LONGEST_TIMEOUT:.0f}")
    if settings.output_action not in _ACTIONS.values():
        problems.append(f"output_action: found {settings.output_action!r}, expected AppendRow or SummaryOnly")
    if settings.logging_level not in LOGGING_LEVELS:
        problems.append(f"logging_level: found {settings.logging_level!r}, expected one of {', '.join(LOGGING_LEVELS)}")
    name = settings.output_file_name
    if not isinstance(name, str) or not name or name in {".", ".."} or "/" in name or "\\" in name:
        problems.append(f"output_file_name: found {name!r}, expected a file name without folders")
    if not isinstance(settings.environment_variables, Mapping):
        problems.append(f"environment_variables: found {settings.environment_variables!r}, expected names and values")
    return problems
