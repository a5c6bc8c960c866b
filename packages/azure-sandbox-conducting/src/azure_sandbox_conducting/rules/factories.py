"""What conducts: Data Factory."""

from collections.abc import Iterator
from typing import Any

from azure_sandbox.ids import kind_of, name_of, parent_of
from azure_sandbox.rules.types import Body, World, code, dig, refuse, same

FACTORY = "Microsoft.DataFactory/factories"
PARTS = {part: f"{FACTORY}/{part}" for part in ("linkedservices", "datasets", "pipelines", "triggers", "credentials")}
RUNTIMES, NETWORKS = f"{FACTORY}/integrationRuntimes", f"{FACTORY}/managedVirtualNetworks"
# Type of a reference in a definition → where its target is declared.
REFERENCES = {
    "LinkedServiceReference": "linkedservices",
    "DatasetReference": "datasets",
    "PipelineReference": "pipelines",
    "CredentialReference": "credentials",
    "IntegrationRuntimeReference": "integrationRuntimes",
    "ManagedVirtualNetworkReference": "managedVirtualNetworks",
}
BUILT_IN = "AutoResolveIntegrationRuntime"  # of every factory, declared by none


def factory_of(world: World, resource_id: str) -> Any:
    """The definitions of a factory, as the engine reads them."""
    from factory_engine import Factory

    above = resource_id if kind_of(resource_id) == FACTORY.lower() else parent_of(resource_id)
    parts = {
        part: {r["name"]: {"properties": r["properties"]} for r in world.store.resources(above, kind)}
        for part, kind in PARTS.items()
    }
    return Factory(
        name=name_of(above),
        pipelines=parts["pipelines"],
        datasets=parts["datasets"],
        linked_services=parts["linkedservices"],
        global_parameters=dig(world.find(above), "properties.globalParameters") or {},
    )


@code("check", FACTORY)
def check_factory(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    before, after = dig(old, "identity.type"), dig(body, "identity.type")
    text = f"The identity type of the factory '{name_of(resource_id)}' cannot be changed from '{before}' to '{after}'."
    refuse(before and after and not same(_spaceless(before), _spaceless(after)), text)


def _spaceless(text: str) -> str:
    return str(text).replace(" ", "")


@code("check", PARTS["linkedservices"], PARTS["datasets"], PARTS["pipelines"], PARTS["triggers"])
def check_definition(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    """Azure checks references and structure at PUT; the engine's checks are stricter where it cannot run something."""
    import factory_engine as engine

    kind, name = kind_of(resource_id).rsplit("/", 1)[-1], name_of(resource_id)
    if kind == "triggers":
        _refuse_while_started(old, "TriggerEnabledCannotUpdate", "update")
    _refuse_dangling(world, resource_id, body)
    factory = factory_of(world, resource_id)
    if kind == "linkedservices":
        found = engine.check_linked_service(name, body)
    elif kind == "datasets":
        found = engine.check_dataset(name, body, factory)
    else:
        check = engine.check_pipeline if kind == "pipelines" else engine.check_trigger
        found = check(name, body, factory)
    refuse(found, "\n".join(map(str, found)))


def _refuse_dangling(world: World, resource_id: str, body: Body) -> None:
    missing = next(
        (r for r in references(body["properties"]) if world.find(f"{parent_of(resource_id)}/{r}") is None), ""
    )
    # github.com/Azure/Azure-DataFactory/issues: the message of a reference to nothing
    text = f"The document creation or update failed because of invalid reference '{name_of(missing)}'."
    refuse(missing, text)


@code("check", RUNTIMES)
def check_runtime(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    """learn.microsoft.com/azure/data-factory/managed-virtual-network-private-endpoint: a runtime stays where it is."""
    _refuse_dangling(world, resource_id, body)
    before, after = (dig(each, "properties.managedVirtualNetwork.referenceName") for each in (old, body))
    text = "An existing global integration runtime can't switch to an integration runtime in a Data Factory managed "
    refuse(old is not None and not same(before, after), f"{text}virtual network and vice versa.")


@code("in_use", NETWORKS)
def network_in_use(world: World, resource: Body) -> None:
    """learn.microsoft.com/rest/api/datafactory/managed-virtual-networks has no operation that deletes one."""
    refuse(True, "A managed virtual network goes with its factory only.", "HttpMethodNotAllowed", 405)


def references(value: Any) -> Iterator[str]:
    """`pipelines/score` and the like, for every reference in a definition that is no expression."""
    if isinstance(value, dict):
        kind, target = REFERENCES.get(str(value.get("type"))), value.get("referenceName")
        if kind and isinstance(target, str) and not target.startswith("@") and target != BUILT_IN:
            yield f"{kind}/{target}"
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def _refuse_while_started(trigger: Body | None, code: str, verb: str) -> None:
    # github.com/Azure/Azure-DataFactory/issues/539, github.com/Azure/Synapse-workspace-deployment/issues/46
    started = dig(trigger, "properties.runtimeState") == "Started"
    refuse(started, f"Cannot {verb} enabled Trigger; the trigger needs to be disabled first. ", code)


@code("in_use", *PARTS.values(), RUNTIMES)
def definition_in_use(world: World, resource: Body) -> None:
    kind = kind_of(resource["id"]).rsplit("/", 1)[-1]
    if kind == "triggers":
        _refuse_while_started(resource, "TriggerEnabledCannotUpdate", "delete")
    own = f"{kind}/{resource['name']}".lower()
    for other in world.store.resources(parent_of(resource["id"])):
        used = own in {each.lower() for each in references(other.get("properties"))}
        # github.com/liprec/vsts-publish-adf/issues/57
        refuse(used, f"The document cannot be deleted since it is referenced by {other['name']}.")
