"""The SDK's inputs as a path and a request body, and an answer as the SDK's outputs."""

from typing import Any

from azure_sandbox_pulumi import factories, schema, table

Value = dict[str, Any]


def path(token: str, inputs: Value, subscription: str) -> str:
    values = {"subscriptionId": subscription, **inputs}
    filled = {p: str(values[p]).strip("/") for p in table.parameters(token)}
    return "/" + table.template(token).format(**filled).strip("/")


def to_arm(token: str, inputs: Value) -> Value:
    kind = table.short(token)
    renamed = table.RENAMED.get(kind, {})
    outside = (table.ENVELOPE | table.OUTSIDE.get(kind, set())) - table.INSIDE.get(kind, set())
    body: Value = {}
    for key, value in inputs.items():
        if key in table.parameters(token) or key == "subscriptionId":
            continue
        if key in outside:
            body[key] = value
        else:
            body.setdefault("properties", {})[renamed.get(key, key)] = value
    identity = body.get("identity")
    if isinstance(identity, dict) and isinstance(identity.get("userAssignedIdentities"), list):
        body["identity"] = {**identity, "userAssignedIdentities": {u: {} for u in identity["userAssignedIdentities"]}}
    return factories.wrap(kind, _nested(kind, body, _wrap))


def from_arm(token: str, answer: Value) -> Value:
    """Only what the SDK's resource class can show."""
    kind, names = table.short(token), schema.output_names(token)
    flat = {key: value for key, value in factories.unwrap(kind, _nested(kind, answer, _unwrap)).items() if key != "id"}
    if "properties" not in names:
        back = {arm: ours for ours, arm in table.RENAMED.get(kind, {}).items()}
        inner = flat.pop("properties", None) or {}
        flat = {**{back.get(key, key): value for key, value in inner.items()}, **flat}
    flat["azureApiVersion"] = schema.resource(token)["api"]
    return {key: value for key, value in flat.items() if key in names and value is not None}


def inputs_from(token: str, resource_id: str, outputs: Value, old_inputs: Value, old_outputs: Value) -> Value:
    """The inputs that give these outputs. An old input stays unless Azure changed its output: what Azure adds,
    rewrites or never returns (a password) is no drift. Without old inputs, as in an import, all that can be set."""
    params = {k: v for k, v in (table.parse_id(token, resource_id) or {}).items() if k != "subscriptionId"}
    if not old_inputs:
        known = schema.objects()[schema.resource(token)["inputs"]]
        return {k: _settable(known[k][0], v) for k, v in {**outputs, **params}.items() if k in known}
    changed = {k for k in old_inputs if old_outputs.get(k) != outputs.get(k)} - params.keys()
    found = {k: _project(k, v, outputs.get(k)) if k in changed else v for k, v in old_inputs.items()}
    return {k: v for k, v in found.items() if v is not None}


def _settable(type_: list[Any], value: Any) -> Any:
    """`value`, less what the SDK's input type does not know."""
    only = type_[0] if len(type_) == 1 and isinstance(type_[0], dict) else {}
    if "list" in only and isinstance(value, dict):
        return list(value)
    if "list" in only and isinstance(value, list):
        return [_settable(only["list"], item) for item in value]
    if isinstance(value, dict):
        variants = [schema.objects()[t["object"]] for t in type_ if isinstance(t, dict) and "object" in t]
        fitting = [o for o in variants if all(value.get(k) == c for k, (_, _, c) in o.items() if c)]
        if fitting:
            return {k: _settable(fitting[0][k][0], v) for k, v in value.items() if k in fitting[0] and v is not None}
    return value


def _project(name: str, old: Any, new: Any) -> Any:
    """`new`, less what Azure adds to an object."""
    if isinstance(old, dict) and isinstance(new, dict) and name != "tags":
        return {k: _project(k, old[k], v) for k, v in new.items() if k in old}
    if isinstance(old, list) and isinstance(new, dict):
        return list(new)
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [_project(name, o, n) for o, n in zip(old, new, strict=True)]
    return new


def _nested(kind: str, body: Value, change: Any) -> Value:
    """Applies `change` to the objects in `properties` that the SDK flattens."""
    inner = body.get("properties")
    for where, outside in table.NESTED.get(kind, {}).items():
        key = where.removeprefix("properties.")
        if isinstance(inner, dict) and inner.get(key) is not None:
            inner = {**inner, key: change(inner[key], outside)}
    return {**body, "properties": inner} if inner is not None else body


def _wrap(value: Any, outside: set[str]) -> Any:
    if isinstance(value, list):
        return [_wrap(item, outside) for item in value]
    inner = {k: v for k, v in value.items() if k not in outside}
    return {**{k: v for k, v in value.items() if k in outside}, **({"properties": inner} if inner else {})}


def _unwrap(value: Any, outside: set[str]) -> Any:
    if isinstance(value, list):
        return [_unwrap(item, outside) for item in value]
    return {**{k: v for k, v in value.items() if k != "properties"}, **(value.get("properties") or {})}
