"""Data Factory's `typeProperties`, which the SDK flattens at every level: of definitions, and of activities within."""

from typing import Any

Value = dict[str, Any]

# What stays outside of typeProperties; read off the REST API's reference (2018-06-01).
_PLAIN = {"type", "annotations", "description"}
OUTSIDE = {
    "datafactory:LinkedService": _PLAIN | {"connectVia", "parameters", "version"},
    "datafactory:Dataset": _PLAIN | {"folder", "linkedServiceName", "parameters", "schema", "structure"},
    "datafactory:Trigger": _PLAIN | {"pipeline", "pipelines", "runtimeState"},
    "datafactory:CredentialOperation": _PLAIN,
    "datafactory:IntegrationRuntime": _PLAIN | {"managedVirtualNetwork", "state"},
}
ACTIVITY = {
    *("name", "type", "description", "dependsOn", "userProperties", "policy", "state", "onInactiveMarkAs"),
    *("linkedServiceName", "inputs", "outputs"),
}
LISTS = ("activities", "ifTrueActivities", "ifFalseActivities")
PIPELINE = "datafactory:Pipeline"


def wrap(kind: str, body: Value) -> Value:
    inner = body.get("properties")
    if kind == PIPELINE and inner and "activities" in inner:
        return {
            **body,
            "properties": {**inner, "activities": [_wrapped(each, ACTIVITY) for each in inner["activities"]]},
        }
    if kind in OUTSIDE and inner:
        return {**body, "properties": _wrapped(inner, OUTSIDE[kind])}
    return body


def unwrap(kind: str, body: Value) -> Value:
    inner = body.get("properties")
    if kind == PIPELINE and inner and "activities" in inner:
        return {**body, "properties": {**inner, "activities": [_unwrapped(each) for each in inner["activities"]]}}
    if kind in OUTSIDE and inner:
        return {**body, "properties": _unwrapped(inner)}
    return body


def _wrapped(value: Value, outside: set[str]) -> Value:
    inner = {key: item for key, item in value.items() if key not in outside}
    if outside is ACTIVITY:
        inner = {k: [_wrapped(each, ACTIVITY) for each in v] if k in LISTS else v for k, v in inner.items()}
    kept = {key: item for key, item in value.items() if key in outside}
    return {**kept, **({"typeProperties": inner} if inner else {})}


def _unwrapped(value: Value) -> Value:
    inner = dict(value.get("typeProperties") or {})
    inner = {k: [_unwrapped(each) for each in v] if k in LISTS and isinstance(v, list) else v for k, v in inner.items()}
    return {**{key: item for key, item in value.items() if key != "typeProperties"}, **inner}
