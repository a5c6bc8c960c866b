"""Batch scoring of Python models on Azure, in the order in which data flows.

sensors → Event Hubs → Stream Analytics → lake → batch endpoint, on a cluster that scales to zero → predictions
"""

import functools

import pulumi
from pulumi_azure_native import authorization, resources

import checks
import naming
import settings
from components import access, assets, stream
from components.cluster import Cluster
from components.endpoint import Deployment, Endpoint
from components.identity import identity
from components.ingestion import Ingestion
from components.lake import lake, workspace_account
from components.monitoring import Monitoring
from components.place import Place
from components.registry import Registry
from components.vault import Vault
from components.workspace import Workspace

client = authorization.get_client_config()
try:
    config = settings.read()
    suffix = naming.suffix(client.subscription_id, pulumi.get_stack())
    names = naming.names(problem=config.problem, environment=config.environment, suffix=suffix)
    query = checks.checked_query(config.problem, inputs=stream.INPUTS, outputs=stream.OUTPUTS)
except (settings.SettingsError, naming.NamingError, checks.QueryProblems) as error:
    raise pulumi.RunError(str(error)) from None

# The ground: a resource group, logs, identities

group = resources.ResourceGroup("group", resource_group_name=names.group, location=config.location, tags=config.tags)
place = Place.of(config, names, client, group=group.name)
monitoring = Monitoring("monitoring", watch=config.watch, place=place)
place = place.logging_to(monitoring.logs_id)
sensors = identity("sensors", azure_name=names.sensors_identity, place=place)
nodes = identity("cluster", azure_name=names.cluster_identity, place=place)
keeper = identity("workspace", azure_name=names.workspace_identity, place=place)

# Sensors → Event Hubs → Stream Analytics → lake

ingestion = Ingestion("ingestion", hub=config.hub, place=place)
data_lake = lake("lake", storage=config.storage, place=place)
job = stream.StreamJob("stream", stream=config.stream, query=query, place=place)
scopes = {"hub": ingestion.hub_id, "stream": job.job_id, **data_lake.scopes("lake")}
assign = functools.partial(access.assign, scopes=scopes, place=place)
assign("sensors", principal=sensors.principal_id)
flowing = [data_lake, ingestion, *assign("stream", principal=job.principal_id)]
stream.StreamFlow("flow", job=job, stream=config.stream, place=place, after=flowing)

# Lake → Azure ML: a workspace with its own account, registry and vault, and a cluster that scales to zero

account = workspace_account("workspace-account", storage=config.storage, place=place)
registry = Registry("registry", sku=config.registry_sku, place=place)
vault = Vault("vault", vault=config.vault, place=place)
scopes |= {"registry": registry.registry_id, "vault": vault.vault_id, "insights": monitoring.insights_id}
scopes |= account.scopes("workspace-account")
workspace = Workspace(
    "workspace",
    identity_id=keeper.id,
    account=account,
    vault_id=vault.vault_id,
    registry_id=registry.registry_id,
    insights_id=monitoring.insights_id,
    place=place,
    after=assign("workspace", principal=keeper.principal_id),
)
assign("workspace", principal=keeper.principal_id, scopes={"workspace": workspace.workspace_id})
scopes |= workspace.scopes("workspace-account", account)
mounting = assign("cluster", principal=nodes.principal_id)
cluster = Cluster(
    "cluster", cluster=config.cluster, workspace=workspace.name, identity_id=nodes.id, place=place, after=mounting
)

# Model, code and environment → a deployment that has proved itself → the endpoint's default

people = config.people
if people.operator_object_id:
    deploying = assign("deployer", principal=client.object_id, kind=people.deployer_kind)
    assign("operator", principal=people.operator_object_id, kind=people.operator_kind)
else:  # nobody is named: whoever deploys operates
    deploying = assign("deployer", "operator", principal=client.object_id, kind=people.deployer_kind)
endpoint = Endpoint("endpoint", workspace=workspace.name, place=place)
serving = ""
if parts := assets.parts(config.scoring, workspace=workspace, place=place, after=deploying):
    deployment = Deployment(
        "deployment",
        scoring=config.scoring,
        parts=parts,
        endpoint=endpoint,
        cluster_id=cluster.cluster_id,
        workspace=workspace,
        place=place,
        after=[*deploying, *mounting],
    )
    serving = deployment.name
else:
    pulumi.log.warn("neither modelPath nor modelVersion is set: the endpoint has no deployment yet and scores nothing")

# What the operators' commands go by


def export(**outputs: object) -> None:
    for name, value in outputs.items():
        pulumi.export(name, value)


export(problem=config.problem, location=config.location, ephemeral=config.ephemeral)
export(subscriptionId=client.subscription_id, resourceGroup=group.name)
export(eventHubNamespace=ingestion.namespace_name, eventHub=ingestion.hub_name, streamJob=job.job_name)
export(lakeAccount=data_lake.account_name, workspaceAccount=account.account_name, workspace=workspace.name)
export(endpoint=endpoint.name, scoringUri=endpoint.scoring_uri, deployment=serving, cluster=cluster.name)
export(sensorsIdentityClientId=sensors.client_id, sensorsIdentityId=sensors.id, registry=registry.name)
export(logAnalytics=monitoring.logs_id, applicationInsights=monitoring.insights_id, vault=vault.name)
