"""Data Factory: the factory with its identities, then what it runs, then the steps that apply the schema and start it.

In that order because Azure forces it: the factory's own identity exists only after the factory, and what it may do must
be there before it does anything.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi import Output, ResourceHookBinding, ResourceOptions
from pulumi_azure_native import datafactory as adf

from components import factory_control
from components.pipelines import CREDENTIAL, TRIGGER, Definitions, flat
from components.place import Place, fingerprint, watch
from components.steps import Values, before_create, before_update, step


class Factory(pulumi.ComponentResource):
    """`batchscoring:index:Factory`: a factory with an identity of its own and the warehouse's administrator at hand."""

    factory_id: Output[str]
    name: Output[str]
    principal_id: Output[str]
    resource: adf.Factory

    def __init__(
        self, name: str, *, place: Place, after: Sequence[pulumi.Resource], opts: ResourceOptions | None = None
    ):
        super().__init__("batchscoring:index:Factory", name, {}, opts)
        admin = place.id_of(f"Microsoft.ManagedIdentity/userAssignedIdentities/{place.names.warehouse_identity}")
        factory = self.resource = adf.Factory(
            f"{name}-factory",
            factory_name=place.names.factory,
            resource_group_name=place.group,
            location=place.location,
            identity=adf.FactoryIdentityArgs(type="SystemAssigned,UserAssigned", user_assigned_identities={admin: {}}),
            public_network_access="Enabled",
            tags=place.tags,
            opts=ResourceOptions(parent=self, depends_on=list(after)),
        )
        watch(f"{name}-factory", factory.id, place, self)
        self.factory_id, self.name = factory.id, factory.name
        self.principal_id = factory.identity.apply(lambda identity: identity.principal_id if identity else "")
        self.register_outputs({"factory_id": self.factory_id, "name": self.name, "principal_id": self.principal_id})


class Conducted(pulumi.ComponentResource):
    """`batchscoring:index:Conducted`: linked services, datasets, pipelines; the schema applied; the trigger running.

    `script` is the schema's T-SQL, `columns` what it declares; `ways` must stand before the linked services. Everything
    goes with the factory, so nothing has to be stopped to be destroyed.
    """

    def __init__(
        self,
        name: str,
        *,
        factory: Factory,
        definitions: Definitions,
        script: str,
        columns: Mapping[str, Mapping[str, str]],
        schedule: bool,
        place: Place,
        ways: Sequence[pulumi.Resource],
        after: Sequence[pulumi.Resource],
        opts: ResourceOptions | None = None,
    ):
        super().__init__("batchscoring:index:Conducted", name, {}, opts)
        where: dict[str, Any] = {"factory_name": factory.name, "resource_group_name": place.group}
        pipelines = self._declare(name, factory, definitions, ways, place, where)
        applied = step(
            f"{name}-schema",
            acts_on={"factory": factory.factory_id, "digest": fingerprint(script), "columns": columns},
            work=lambda new, old: factory_control.apply_schema(new, old, script=script),
            opts=ResourceOptions(parent=self, depends_on=[pipelines["schema"], *after]),
        )
        self._schedule(
            name, factory, definitions.trigger, where, schedule, place, [pipelines["score"], applied, *after]
        )
        self.register_outputs({})

    def _declare(
        self,
        name: str,
        factory: Factory,
        definitions: Definitions,
        ways: Sequence[pulumi.Resource],
        place: Place,
        where: Mapping[str, Any],
    ) -> dict[str, adf.Pipeline]:
        def child(*after: pulumi.Resource) -> ResourceOptions:
            return ResourceOptions(parent=self, depends_on=list(after), deleted_with=factory.resource)

        admin = place.id_of(f"Microsoft.ManagedIdentity/userAssignedIdentities/{place.names.warehouse_identity}")
        credential = adf.CredentialOperation(
            f"{name}-credential",
            credential_name=CREDENTIAL,
            properties=adf.ManagedIdentityCredentialArgs(type="ManagedIdentity", resource_id=admin),
            **where,
            opts=child(),
        )
        services = [
            adf.LinkedService(
                f"{name}-{service.replace('_', '-')}",
                linked_service_name=service,
                properties=flat(properties),
                **where,
                opts=child(credential, *ways),
            )
            for service, properties in definitions.linked_services.items()
        ]
        datasets = [
            adf.Dataset(
                f"{name}-{dataset.replace('_', '-')}",
                dataset_name=dataset,
                properties=flat(properties),
                **where,
                opts=child(*services),
            )
            for dataset, properties in definitions.datasets.items()
        ]
        return {
            pipeline: adf.Pipeline(
                f"{name}-{pipeline}",
                pipeline_name=pipeline,
                **{key: flat(value) for key, value in properties.items()},
                **where,
                opts=child(*datasets),
            )
            for pipeline, properties in definitions.pipelines.items()
        }

    def _schedule(
        self,
        name: str,
        factory: Factory,
        trigger: Mapping[str, Any],
        where: Mapping[str, Any],
        schedule: bool,
        place: Place,
        after: Sequence[pulumi.Resource],
    ) -> None:
        """The trigger of the windows. A start in the past would score every window since: it is kept once it is set."""
        hours = trigger["typeProperties"]["interval"]
        start = pulumi.Stash(
            f"{name}-start-{hours}h",
            input=factory.resource.create_time.apply(lambda created: factory_control.next_window(created, hours)),
            opts=ResourceOptions(parent=self, ignore_changes=["input"]),
        )

        def stop_others(_: Values) -> None:  # of windows of another length, which is deleted after this one is made
            factory_control.stop_all(place.id_of(f"Microsoft.DataFactory/factories/{place.names.factory}"))

        started: Any = {**flat(trigger), "startTime": start.output}
        made = adf.Trigger(
            f"{name}-{TRIGGER}-{hours}h",
            trigger_name=f"{TRIGGER}-{hours}h",
            properties=started,
            **where,
            opts=ResourceOptions(
                parent=self,
                depends_on=list(after),
                deleted_with=factory.resource,
                # Azure refuses to change a trigger that runs, and to delete it: pulumi-azure-native 3540.
                hooks=ResourceHookBinding(
                    before_update=[before_update(f"{name}-{TRIGGER}", factory_control.stop)],
                    before_create=before_create(f"{name}-{TRIGGER}-made", stop_others).before_create,
                ),
            ),
        )
        step(
            f"{name}-schedule",
            acts_on={"trigger": made.id, "runs": schedule, "digest": fingerprint(trigger)},
            work=factory_control.schedule,
            opts=ResourceOptions(parent=self, depends_on=[made]),
            forget=True,
        )
