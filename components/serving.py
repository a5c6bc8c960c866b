"""Which deployment serves: the one that callers of the endpoint get who name none."""

from collections.abc import Mapping
from typing import Any

from pulumi import ResourceHookBinding

from components import arm, smoke, steps

_API = arm.MACHINE_LEARNING_API


def switch(acts_on: Mapping[str, Any], before: Mapping[str, Any] | None, *, minutes: int) -> None:
    """Lets a deployment serve: smoke run first where it is new, then the endpoint's default. The work of a step.

    Raises SmokeError where it must not serve; the deployment that served before still does.
    """
    import pulumi

    target = smoke.Target(
        endpoint=acts_on["endpoint"],
        deployment=acts_on["deployment"],
        workspace=acts_on["workspace"],
        account=acts_on["account"],
        model=acts_on["model"],
        model_digest=acts_on["modelDigest"],
    )
    if target.deployment != (before or {}).get("deployment"):
        rows = smoke.run(target, minutes=minutes)
        pulumi.log.info(
            f"the deployment {target.deployment} answers {rows} golden rows as its model did; it serves now"
        )
    _set_default(target.endpoint, target.deployment)


def keep_default(name: str) -> ResourceHookBinding:
    """Gives an endpoint its default back after a change: the PUT says nothing of a default and resets it.

    The switch sets it too, once it is reached; an `up` that fails before must not leave callers without an answer.
    """
    served: dict[str, str] = {}

    def remember(endpoint_id: str) -> None:
        served[endpoint_id] = _default(arm.call("GET", endpoint_id, api=_API))

    def restore(endpoint_id: str) -> None:
        if served.get(endpoint_id):
            _set_default(endpoint_id, served[endpoint_id])

    return ResourceHookBinding(
        before_update=[steps.before_update(f"{name}-update", remember)],
        after_update=[steps.after_update(f"{name}-update", restore)],
    )


def _default(endpoint: Mapping[str, Any]) -> str:
    return (endpoint["properties"].get("defaults") or {}).get("deploymentName") or ""


def _set_default(endpoint_id: str, deployment: str) -> None:
    """Makes a deployment the one that callers get who name none."""
    endpoint = arm.call("GET", endpoint_id, api=_API)
    properties = endpoint["properties"]
    if _default(endpoint) == deployment:
        return
    kept = {key: properties[key] for key in ("authMode", "description", "properties") if properties.get(key)}
    envelope = {key: endpoint[key] for key in ("location", "tags", "kind", "identity", "sku") if endpoint.get(key)}
    # PATCH knows no defaults, so a PUT of the whole; the endpoint's identity goes back without what Azure filled in.
    if "identity" in envelope:
        envelope["identity"] = {"type": envelope["identity"]["type"]}
    body = {**envelope, "properties": {**kept, "defaults": {"deploymentName": deployment}}}
    arm.call("PUT", endpoint_id, api=_API, body=body)
