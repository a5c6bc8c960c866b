"""Turns the evaluated inputs of activities into requests to the world."""

from typing import TYPE_CHECKING, Any

from factory_engine import resolving
from factory_engine.definitions import seconds_of, type_properties
from factory_engine.expressions.conversion import to_string
from factory_engine.world import (
    Context,
    CopyRequest,
    Dataset,
    DeleteRequest,
    MetadataRequest,
    Output,
    ScriptRequest,
    WebRequest,
    World,
)

if TYPE_CHECKING:
    from factory_engine.execution import Attempt

Request = WebRequest | CopyRequest | ScriptRequest | MetadataRequest | DeleteRequest


def build(attempt: "Attempt", inputs: dict[str, Any]) -> Request:
    """The request of an activity. Raises ActivityError or ValueError."""
    run = attempt.run
    context = Context(
        factory=run.factory.name,
        pipeline=run.pipeline,
        run_id=run.run_id,
        activity=str(attempt.activity["name"]),
        activity_run_id=attempt.record["activityRunId"],
        attempt=attempt.number,
    )
    return _BUILD[str(attempt.activity["type"])](attempt, inputs, context)


async def send(world: World, request: Request) -> Output:
    if isinstance(request, WebRequest):
        return await world.web(request)
    if isinstance(request, CopyRequest):
        return await world.copy(request)
    if isinstance(request, ScriptRequest):
        return await world.script(request)
    if isinstance(request, MetadataRequest):
        return await world.get_metadata(request)
    return await world.delete(request)


def _web(attempt: "Attempt", inputs: dict[str, Any], context: Context) -> WebRequest:
    headers = inputs.get("headers") or {}
    return WebRequest(
        context=context,
        method=str(inputs["method"]).upper(),
        url=to_string(inputs["url"]),
        headers={name: to_string(value) for name, value in headers.items()},
        body=inputs.get("body"),
        authentication=inputs.get("authentication"),
        timeout=seconds_of(inputs.get("httpRequestTimeout") or "00:01:00"),
        turn_off_async=bool(inputs.get("turnOffAsync", False)),
        disable_cert_validation=bool(inputs.get("disableCertValidation", False)),
    )


def _copy(attempt: "Attempt", inputs: dict[str, Any], context: Context) -> CopyRequest:
    return CopyRequest(
        context=context,
        input=_dataset(attempt, attempt.activity["inputs"][0]),
        output=_dataset(attempt, attempt.activity["outputs"][0]),
        source=inputs["source"],
        sink=inputs["sink"],
        translator=inputs.get("translator"),
        settings=_rest(inputs, "source", "sink", "translator"),
    )


def _script(attempt: "Attempt", inputs: dict[str, Any], context: Context) -> ScriptRequest:
    reference = attempt.activity["linkedServiceName"]
    return ScriptRequest(
        context=context,
        linked_service=resolving.linked_service(attempt.run.factory, reference, attempt.run.scope()),
        scripts=tuple(inputs["scripts"]),
        settings=_rest(inputs, "scripts"),
    )


def _get_metadata(attempt: "Attempt", inputs: dict[str, Any], context: Context) -> MetadataRequest:
    return MetadataRequest(
        context=context,
        dataset=_dataset(attempt, type_properties(attempt.activity)["dataset"]),
        fields=tuple(map(str, inputs["fieldList"])),
        store_settings=inputs.get("storeSettings") or {},
        format_settings=inputs.get("formatSettings") or {},
    )


def _delete(attempt: "Attempt", inputs: dict[str, Any], context: Context) -> DeleteRequest:
    store = inputs.get("storeSettings") or {}
    return DeleteRequest(
        context=context,
        dataset=_dataset(attempt, type_properties(attempt.activity)["dataset"]),
        recursive=bool(store.get("recursive", inputs.get("recursive", False))),
        store_settings=store,
        settings=_rest(inputs, "dataset", "recursive", "storeSettings"),
    )


def _dataset(attempt: "Attempt", reference: dict[str, Any]) -> Dataset:
    return resolving.dataset(attempt.run.factory, reference, attempt.run.scope())


def _rest(inputs: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in inputs.items() if name not in names}


_BUILD = {"WebActivity": _web, "Copy": _copy, "Script": _script, "GetMetadata": _get_metadata, "Delete": _delete}
