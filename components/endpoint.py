"""The batch endpoint, its deployment, and the step that lets the deployment serve once it has proved itself."""

import dataclasses
from collections.abc import Sequence

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_azure_native import machinelearningservices as ml

import naming
from components import serving
from components.assets import Parts
from components.place import Place, fingerprint
from components.steps import step
from components.workspace import Workspace
from settings import Scoring


class Endpoint(pulumi.ComponentResource):
    """`batchscoring:index:Endpoint`: the batch endpoint, which callers reach with an Entra token alone."""

    endpoint_id: Output[str]
    name: Output[str]
    scoring_uri: Output[str]
    resource: ml.BatchEndpoint
    digest: str

    def __init__(self, name: str, *, workspace: Input[str], place: Place, opts: ResourceOptions | None = None):
        super().__init__("batchscoring:index:Endpoint", name, {}, opts)
        declared = {
            "endpoint_name": place.names.endpoint,
            "location": place.location,
            "kind": "Batch",
            "identity": ml.ManagedServiceIdentityArgs(type="SystemAssigned"),
            "properties": ml.BatchEndpointPropertiesArgs(auth_mode="AADToken", description="Scores files by the hour"),
            "tags": place.tags,  # Azure ML refuses an endpoint whose tags are null (azure-sdk-for-python 44114)
        }
        self.resource = ml.BatchEndpoint(
            f"{name}-endpoint",
            workspace_name=workspace,
            resource_group_name=place.group,
            **declared,
            # Which deployment serves is set by the switch below; a refresh that finds it is no reason to take it away.
            opts=ResourceOptions(parent=self, ignore_changes=["properties.defaults"], hooks=serving.keep_default(name)),
        )
        self.digest = fingerprint(declared)
        self.endpoint_id, self.name = self.resource.id, self.resource.name
        self.scoring_uri = self.resource.properties.apply(lambda properties: properties.scoring_uri)
        self.register_outputs({"endpoint_id": self.endpoint_id, "name": self.name, "scoring_uri": self.scoring_uri})


class Deployment(pulumi.ComponentResource):
    """`batchscoring:index:Deployment`: one immutable deployment, smoke-run and then made the endpoint's default.

    Its name and its logical name hold the digest of all that it is made of. Changed content is therefore another
    resource, which Pulumi creates beside the live one; the live one goes last, after the switch. A smoke run that
    fails ends `up` before that.
    """

    name: str
    serving: pulumi.Resource

    def __init__(
        self,
        name: str,
        *,
        scoring: Scoring,
        parts: Parts,
        endpoint: Endpoint,
        cluster_id: Input[str],
        workspace: Workspace,
        place: Place,
        after: Sequence[pulumi.Resource],
        opts: ResourceOptions | None = None,
    ):
        super().__init__("batchscoring:index:Deployment", name, {}, opts)
        digest = content(scoring, parts)
        self.name = naming.deployment(place.problem, digest)
        deployment = ml.BatchDeployment(
            f"{name}-{digest}",
            deployment_name=self.name,
            endpoint_name=endpoint.name,
            workspace_name=workspace.name,
            resource_group_name=place.group,
            location=place.location,
            properties=_properties(place.problem, scoring, parts, cluster_id),
            tags=place.tags,
            # Azure removes it with the endpoint, and might refuse to remove the default alone.
            opts=ResourceOptions(parent=self, depends_on=list(after), deleted_with=endpoint.resource),
        )
        self.serving = step(
            f"{name}-switch",
            acts_on={
                "endpoint": endpoint.endpoint_id,
                "endpointDigest": endpoint.digest,
                "deployment": deployment.name,
                "workspace": workspace.workspace_id,
                "account": place.names.workspace_account,
                "model": parts.model.id,
                "modelDigest": parts.model.digest,
            },
            work=lambda new, old: serving.switch(new, old, minutes=scoring.smoke_minutes),
            opts=ResourceOptions(parent=self, depends_on=[deployment, *after]),
        )
        self.register_outputs({"name": self.name})


def content(scoring: Scoring, parts: Parts) -> str:
    """Digest of all that a deployment is made of."""
    run = {key: value for key, value in dataclasses.asdict(scoring).items() if key not in _NOT_CONTENT}
    return fingerprint(parts.model.digest, parts.code.digest, parts.environment.digest, run)


_NOT_CONTENT = {"smoke_minutes", "model_path", "model_version"}


def _properties(
    problem: str, scoring: Scoring, parts: Parts, cluster_id: Input[str]
) -> ml.BatchDeploymentPropertiesArgs:
    return ml.BatchDeploymentPropertiesArgs(
        model=ml.IdAssetReferenceArgs(reference_type="Id", asset_id=parts.model.id),
        code_configuration=ml.CodeConfigurationArgs(code_id=parts.code.id, scoring_script="score.py"),
        environment_id=parts.environment.id,
        environment_variables={
            "PROBLEM": problem,
            "MODEL_DIGEST": parts.model.digest,
            "CODE_DIGEST": parts.code.digest,
        },
        compute=cluster_id,
        resources=ml.DeploymentResourceConfigurationArgs(instance_count=scoring.instances),
        max_concurrency_per_instance=scoring.concurrency,
        mini_batch_size=scoring.mini_batch_files,
        # No failed file may go unseen: with -1 its rows would be neither scored nor rejected.
        error_threshold=0,
        output_action="SummaryOnly",
        output_file_name="predictions.csv",
        retry_settings=ml.BatchRetrySettingsArgs(max_retries=scoring.retries, timeout=f"PT{scoring.timeout_seconds}S"),
        logging_level="Info",
        description=f"Model {parts.model.digest}, code {parts.code.digest}",
    )
