"""Batch scoring of Python models on Azure, in the order in which data flows.

sensors → Event Hubs → Stream Analytics → lake → batch endpoint, on a cluster that scales to zero → predictions
"""

import functools

import pulumi
from pulumi_azure_native import authorization, resources

import checks
import naming
import settings
from components import access, assets, conduct, pipelines
from components.arrival import arrival
from components.cluster import Cluster
from components.endpoint import Deployment, Endpoint
from components.identity import identity
from components.lake import lake, workspace_account
from components.monitoring import Monitoring
from components.outputs import export
from components.place import Place
from components.registry import Registry
from components.vault import Vault
from components.workspace import Workspace

client = authorization.get_client_config()
try:
    config = settings.read()
    suffix = naming.suffix(client.subscription_id, pulumi.get_stack())
    names = naming.names(problem=config.problem, environment=config.environment, suffix=suffix)
    sources = checks.checked_sources(config)
except (settings.SettingsError, naming.NamingError) as error:
    raise pulumi.RunError(str(error)) from None

# The ground: a resource group, logs, identities

group = resources.ResourceGroup("group", resource_group_name=names.group, location=config.location, tags=config.tags)
place = Place.of(config, names, client, group=group.name)
monitoring = Monitoring("monitoring", watch=config.watch, place=place)
place = place.logging_to(monitoring.logs_id)
sensors = identity("sensors", azure_name=names.sensors_identity, place=place)
nodes = identity("cluster", azure_name=names.cluster_identity, place=place)
keeper = identity("workspace", azure_name=names.workspace_identity, place=place)
admin = identity("warehouse", azure_name=names.warehouse_identity, place=place)

# Sensors → Event Hubs → Stream Analytics → lake, or files → lake; Data Factory and its databases beside it

data_lake = lake("lake", storage=config.storage, ingestion=config.ingestion, place=place)
events = arrival(config, query=sources.query, sensors=sensors, lake=data_lake, place=place)
standing = conduct.stand(config, admin=admin, lake=data_lake, place=place)
scopes = {**events.scopes, **data_lake.scopes("lake"), "factory": standing.factory.factory_id}
assign = functools.partial(access.assign, scopes=scopes, place=place)
assign("synapse", principal=standing.synapse.principal_id)

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

deploying = access.assign_people(config.people, deployer=client.object_id, scopes=scopes, place=place)
conducting = assign("factory", principal=standing.factory.principal_id)
endpoint = Endpoint("endpoint", workspace=workspace.name, place=place)
serving, digest, served = "", "", []
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
    serving, digest, served = deployment.name, parts.model.digest, [deployment.serving]
else:
    pulumi.log.warn("neither modelPath nor modelVersion is set: the endpoint has no deployment yet and scores nothing")

# Window by window, on schedule: the lake's rows → a job → results in the lake and in SQL

key = sources.contract.prediction.key
plan = pipelines.plan(config, place, template=sources.preparation, key=key, deployment=serving)
definitions = checks.checked_pipelines(plan, pipelines.definitions(plan))
after = [*conducting, *served]
model = {"model_digest": digest, "deployment": serving}
conduct.run(standing, config, sources.contract, definitions, **model, place=place, after=after)

# What the operators' commands go by

export(problem=config.problem, location=config.location, ephemeral=config.ephemeral)
export(subscriptionId=client.subscription_id, resourceGroup=group.name)
export(eventHubNamespace=events.namespace, eventHub=events.hub, streamJob=events.job, ingestion=config.ingestion)
export(lakeAccount=data_lake.account_name, workspaceAccount=account.account_name, workspace=workspace.name)
export(endpoint=endpoint.name, scoringUri=endpoint.scoring_uri, deployment=serving, cluster=cluster.name)
export(factory=standing.factory.name, sqlServer=standing.warehouse.host, database=pipelines.DATABASE)
export(synapse=names.synapse, windowHours=config.windows.hours)
export(staticSource="table" if config.static_table else "files")
export(sensorsIdentityClientId=sensors.client_id, sensorsIdentityId=sensors.id, registry=registry.name)
export(logAnalytics=monitoring.logs_id, applicationInsights=monitoring.insights_id, vault=vault.name)
