"""Stream Analytics: the job, then what it reads and writes, then its start.

In that order because Azure forces it: the job's identity exists only after the job, inputs and outputs are tried out
with that identity when they are made, and a job without input cannot start (pulumi-azure-native 2607 and 688).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi import Output, ResourceHookBinding, ResourceOptions
from pulumi_azure_native import streamanalytics as asa

from components import stream_control
from components.place import Place, fingerprint, watch
from components.steps import again_until_authorized, before_update, step
from settings import Stream

# Alias in the query → consumer group of the hub, and output aliases: each writes to the lake's container of its name.
INPUTS = {"events": "features", "arrivals": "archive"}
OUTPUTS = ("features", "raw", "rejected")


class StreamJob(pulumi.ComponentResource):
    """`batchscoring:index:StreamJob`: the job with query and identity, without inputs, outputs or a start."""

    job_id: Output[str]
    job_name: Output[str]
    principal_id: Output[str]
    resource: asa.StreamingJob
    hooks: ResourceHookBinding
    digest: str

    def __init__(self, name: str, *, stream: Stream, query: str, place: Place, opts: ResourceOptions | None = None):
        super().__init__("batchscoring:index:StreamJob", name, {}, opts)
        # Azure changes nothing of a running job, and tries inputs and outputs with the job's identity, whose roles may
        # not have reached them yet. A change that it refuses must not leave the job stopped.
        self.hooks = ResourceHookBinding(
            before_update=[before_update(name, stream_control.stop)],
            on_error=[again_until_authorized(name, otherwise=stream_control.resume)],
        )
        declared = _job(place.names.stream, stream, query, place)
        job = self.resource = asa.StreamingJob(
            f"{name}-job",
            resource_group_name=place.group,
            **declared,
            opts=ResourceOptions(parent=self, hooks=self.hooks),
        )
        watch(f"{name}-job", job.id, place, self)
        self.job_id, self.job_name = job.id, job.name
        self.principal_id = job.identity.apply(lambda identity: identity.principal_id if identity else "")
        self.digest = fingerprint(declared)
        self.register_outputs({"job_id": self.job_id, "job_name": self.job_name, "principal_id": self.principal_id})


class StreamFlow(pulumi.ComponentResource):
    """`batchscoring:index:StreamFlow`: inputs, outputs, and the step that starts the job, again after each change."""

    def __init__(
        self,
        name: str,
        *,
        job: StreamJob,
        stream: Stream,
        place: Place,
        after: Sequence[pulumi.Resource],
        opts: ResourceOptions | None = None,
    ):
        super().__init__("batchscoring:index:StreamFlow", name, {}, opts)

        def child() -> ResourceOptions:
            # Azure removes them with the job, and refuses to remove them from a running one.
            return ResourceOptions(parent=self, depends_on=list(after), deleted_with=job.resource, hooks=job.hooks)

        inputs = {alias: _input(place, reader) for alias, reader in INPUTS.items()}
        outputs = {alias: _output(place, alias, stream) for alias in OUTPUTS}
        made = [
            asa.Input(
                f"{name}-{alias}",
                input_name=alias,
                job_name=job.job_name,
                resource_group_name=place.group,
                properties=properties,
                opts=child(),
            )
            for alias, properties in inputs.items()
        ] + [
            asa.Output(
                f"{name}-{alias}",
                output_name=alias,
                job_name=job.job_name,
                resource_group_name=place.group,
                **declared,
                opts=child(),
            )
            for alias, declared in outputs.items()
        ]
        step(
            f"{name}-start",
            acts_on={
                "job": job.job_id,
                "parts": [part.id for part in made],
                "digest": fingerprint(job.digest, inputs, outputs),
            },
            work=stream_control.start,
            opts=ResourceOptions(parent=self),
            forget=True,  # a change stops the job, whether or not it gets as far as this step
        )
        self.register_outputs({})


def _job(name: str, stream: Stream, query: str, place: Place) -> dict[str, Any]:
    return {
        "job_name": name,
        "location": place.location,
        "identity": asa.IdentityArgs(type="SystemAssigned"),
        "sku": asa.SkuArgs(name="Standard"),
        "job_type": "Cloud",
        "compatibility_level": "1.2",
        "data_locale": "en-US",
        "content_storage_policy": "SystemAccount",
        "events_late_arrival_max_delay_in_seconds": stream.late_arrival_seconds,
        "events_out_of_order_max_delay_in_seconds": stream.out_of_order_seconds,
        "events_out_of_order_policy": "Drop",
        # An output that cannot be written stops the job instead of losing rows.
        "output_error_policy": "Stop",
        "transformation": asa.TransformationArgs(name="query", query=query, streaming_units=stream.streaming_units),
        "tags": place.tags,
    }


def _input(place: Place, consumer_group: str) -> asa.StreamInputPropertiesArgs:
    return asa.StreamInputPropertiesArgs(
        type="Stream",
        serialization=asa.JsonSerializationArgs(type="Json", encoding="UTF8"),
        datasource=asa.EventHubV2StreamInputDataSourceArgs(
            type="Microsoft.EventHub/EventHub",
            authentication_mode="Msi",
            service_bus_namespace=place.names.namespace,
            event_hub_name=place.names.hub,
            consumer_group_name=consumer_group,
        ),
    )


def _output(place: Place, alias: str, stream: Stream) -> Mapping[str, Any]:
    return {
        "serialization": asa.ParquetSerializationArgs(type="Parquet"),
        "datasource": asa.BlobOutputDataSourceArgs(
            type="Microsoft.Storage/Blob",
            authentication_mode="Msi",
            storage_accounts=[asa.StorageAccountArgs(account_name=place.names.lake_account)],
            container=alias,
            # By the end of a row's window: flat folders of an hour, since a batch endpoint looks into no nested ones.
            path_pattern="{date}/{time}",
            date_format="yyyy/MM/dd",
            time_format="HH",
        ),
        "time_window": f"00:{stream.flush_seconds // 60:02}:{stream.flush_seconds % 60:02}",
        "size_window": stream.minimum_rows,
    }
