"""The provider protocol, from Check to Delete."""

import difflib
import os
import re
import uuid
from collections.abc import Iterator
from typing import Any, NoReturn

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc
from pulumi.runtime.proto import provider_pb2 as pb

from azure_sandbox_pulumi import VERSION, body, schema, table
from azure_sandbox_pulumi.client import Refused, ResourceManagerClient

Value = dict[str, Any]


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """Secrets are the engine's: without `acceptSecrets` it takes them off before a call and puts them back after."""

    def __init__(self) -> None:
        self._arm = ResourceManagerClient()
        self._config: Value = {}

    # Handshake and configuration

    def Handshake(self, request: Any, context: Any) -> Any:
        return pb.ProviderHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=VERSION)

    def GetSchema(self, request: Any, context: Any) -> Any:
        return pb.GetSchemaResponse(schema='{"name": "azure-native"}')

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return pb.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        return pb.DiffResponse(changes=pb.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: Any) -> Any:
        self._config = plain(request.args)
        return pb.ConfigureResponse(supportsPreview=True)

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    @property
    def _subscription(self) -> str:
        found = self._config.get("subscriptionId") or os.environ.get("ARM_SUBSCRIPTION_ID")
        if not found:
            raise Refused(400, "NoSubscription", "set azure-native:subscriptionId or ARM_SUBSCRIPTION_ID")
        return found

    # Checks: no request leaves the machine

    def Check(self, request: Any, context: Any) -> Any:
        token, news, olds = request.type, plain(request.news), plain(request.olds)
        if table.short(token) not in table.PATHS:
            near = difflib.get_close_matches(table.short(token), table.PATHS, 3)
            hint = f"; it offers {', '.join(near)}" if near else ""
            return failures([("", f"the sandbox does not offer {token}{hint}")])
        nulls = [(path, "expected a string, got null") for path in null_tags(request.news)]
        problems = [*schema.check(token, news), *nulls]
        if problems:
            return failures(problems)
        self._name(token, request, olds, news)
        if "location" in schema.input_names(token) and self._config.get("location"):
            news.setdefault("location", self._config["location"])
        return pb.CheckResponse(inputs=struct(news))

    def _name(self, token: str, request: Any, olds: Value, news: Value) -> None:
        """The last part of the path is the name; if the program leaves it out, one is made, and kept from then on."""
        last = table.named_by(token)
        if last is None or last in news:
            return
        if last in olds:
            news[last] = olds[last]
        elif table.short(token).startswith("authorization:"):
            news[last] = str(uuid.UUID(bytes=request.randomSeed[:16], version=4))
        else:
            news[last] = request.name + request.randomSeed[:4].hex()

    def Diff(self, request: Any, context: Any) -> Any:
        token, olds, news = request.type, plain(request.old_inputs), plain(request.news)
        parameters, fixed = set(table.parameters(token)), table.immutable(token)
        kinds, replaces, detail, moves = pb.PropertyDiff.Kind, set[str](), {}, False
        for path, kind in differences(olds, news):
            top = re.split(r"[.\[]", path)[0]
            replace = top in parameters or any(path == f or path.startswith((f + ".", f + "[")) for f in fixed)
            moves = moves or top in parameters
            if replace:
                replaces.add(top)
            detail[path] = pb.PropertyDiff(kind=kinds.Value(kind + "_REPLACE" * replace), inputDiff=True)
        return pb.DiffResponse(
            changes=pb.DiffResponse.DIFF_SOME if detail else pb.DiffResponse.DIFF_NONE,
            diffs=sorted({re.split(r"[.\[]", path)[0] for path in detail}),
            replaces=sorted(replaces),
            detailedDiff=detail,
            hasDetailedDiff=True,
            # The same name again: the old one must go first, else its deletion would take the new one.
            deleteBeforeReplace=bool(replaces) and not moves,
        )

    # Requests

    def Create(self, request: Any, context: Any) -> Any:
        token, inputs = request.type, plain(request.properties)
        if request.preview:
            return pb.CreateResponse(properties=struct(schema.preview(token, inputs)))
        version = schema.resource(token)["api"]
        try:
            path = body.path(token, inputs, self._subscription)
            if table.short(token) not in table.SINGLETONS and self._arm.get(path, version) is not None:
                text = f"cannot create already existing resource '{path}'; use pulumi import"
                context.abort(grpc.StatusCode.ALREADY_EXISTS, text)
            found = self._arm.put(path, version, body.to_arm(token, inputs))
        except Refused as refused:
            self._abort(context, refused)
        return pb.CreateResponse(id=found["id"], properties=struct(body.from_arm(token, found)))

    def Update(self, request: Any, context: Any) -> Any:
        token, news = request.type, plain(request.news)
        if request.preview:
            # What has not changed keeps its outputs, or everything below would be replaced.
            olds, fresh = plain(request.old_inputs), schema.preview(token, news)
            changed = {key: fresh[key] for key in news if key in fresh and news[key] != olds.get(key)}
            return pb.UpdateResponse(properties=struct({**plain(request.olds), **changed}))
        try:
            found = self._arm.put(request.id, schema.resource(token)["api"], body.to_arm(token, news))
        except Refused as refused:
            self._abort(context, refused)
        return pb.UpdateResponse(properties=struct(body.from_arm(token, found)))

    def Read(self, request: Any, context: Any) -> Any:
        token = request.type
        if table.short(token) not in table.PATHS:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"the sandbox does not offer {token}")
        if table.parse_id(token, request.id) is None:
            text = f"'{request.id}' is no id of {token}: expected {table.template(token)}"
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, text)
        try:
            found = self._arm.get(request.id, schema.resource(token)["api"])
        except Refused as refused:
            self._abort(context, refused)
        if found is None:
            return pb.ReadResponse(id="")
        outputs = body.from_arm(token, found)
        inputs = body.inputs_from(token, request.id, outputs, plain(request.inputs), plain(request.properties))
        return pb.ReadResponse(id=found["id"], properties=struct(outputs), inputs=struct(inputs))

    def Delete(self, request: Any, context: Any) -> Any:
        token, version = request.type, schema.resource(request.type)["api"]
        try:
            if table.short(token) not in table.SINGLETONS:
                self._arm.delete(request.id, version)
            elif self._arm.get(request.id, version) is not None:
                self._arm.put(request.id, version, {"properties": {}})
        except Refused as refused:
            self._abort(context, refused)
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: Any) -> Any:
        module, name = request.tok.removeprefix("azure-native:").split(":")
        token = f"azure-native:{module}:{name.removeprefix('get')}"
        try:
            if (module, name) == ("authorization", "getClientConfig"):
                return invoked(self._client_config())
            if name.startswith("get") and table.short(token) in table.PATHS:
                path = body.path(token, plain(request.args), self._subscription)
                found = self._arm.get(path, schema.resource(token)["api"])
                if found is None:
                    raise Refused(404, "ResourceNotFound", f"The Resource '{path}' was not found.")
                return invoked({**body.from_arm(token, found), "id": found["id"]})
        except Refused as refused:
            self._abort(context, refused)
        context.abort(grpc.StatusCode.UNIMPLEMENTED, f"the sandbox does not offer the function {request.tok}")

    def _client_config(self) -> Value:
        who = self._arm.caller()
        return {
            "clientId": who.client_id,
            "objectId": who.object_id,
            "subscriptionId": self._subscription,
            "tenantId": who.tenant_id,
        }

    def _abort(self, context: Any, refused: Refused) -> NoReturn:
        status = grpc.StatusCode.UNAVAILABLE if refused.status == 503 else grpc.StatusCode.UNKNOWN
        context.abort(status, str(refused))
        raise AssertionError  # abort raises


def plain(values: Any) -> Value:
    return tidy(json_format.MessageToDict(values))


def tidy(value: Any) -> Any:
    """A Struct's numbers are floats and its nulls explicit; Resource Manager wants 4, not 4.0, and no null."""
    if isinstance(value, dict):
        return {k: tidy(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [tidy(v) for v in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def struct(value: Value) -> struct_pb2.Struct:
    result = struct_pb2.Struct()
    result.update(value)
    return result


def null_tags(news: Any) -> list[str]:
    """Tags with a null, which azure-sdk-for-python#44114 tells to refuse."""
    tags = json_format.MessageToDict(news).get("tags")
    return [f"tags.{key}" for key, value in tags.items() if value is None] if isinstance(tags, dict) else []


def failures(problems: list[tuple[str, str]]) -> Any:
    """The engine looks a nested path up as one key and shows nothing of it: the reason says the path as well."""
    return pb.CheckResponse(
        failures=[
            pb.CheckFailure(property=path, reason=f"{path}: {reason}" if path else reason) for path, reason in problems
        ]
    )


def invoked(values: Value) -> Any:
    answer = {"return": struct(values)}
    return pb.InvokeResponse(**answer)  # pyright: ignore[reportArgumentType]  # `return` is a keyword


def differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(path, ADD, DELETE or UPDATE) of every leaf that differs."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            where = schema.join(path, key)
            if key not in old:
                yield where, "ADD"
            elif key not in new:
                yield where, "DELETE"
            else:
                yield from differences(old[key], new[key], where)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, pair in enumerate(zip(old, new, strict=True)):
            yield from differences(*pair, f"{path}[{index}]")
    elif old != new:
        yield path, "UPDATE"
