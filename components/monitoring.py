"""Log Analytics, where every service's logs go, and Application Insights on top of it."""

import pulumi
from pulumi import Output, ResourceOptions
from pulumi_azure_native import applicationinsights, operationalinsights

from components.place import Place
from settings import Watch


class Monitoring(pulumi.ComponentResource):
    """`batchscoring:index:Monitoring`: Log Analytics and an Application Insights component based on it."""

    logs_id: Output[str]
    insights_id: Output[str]

    def __init__(
        self,
        name: str,
        *,
        watch: Watch,
        place: Place,
        opts: ResourceOptions | None = None,
    ):
        super().__init__("batchscoring:index:Monitoring", name, {}, opts)
        child = ResourceOptions(parent=self)
        logs = operationalinsights.Workspace(
            f"{name}-logs",
            workspace_name=place.names.logs,
            resource_group_name=place.group,
            location=place.location,
            sku=operationalinsights.WorkspaceSkuArgs(name="PerGB2018"),
            retention_in_days=watch.retention_days,
            workspace_capping=operationalinsights.WorkspaceCappingArgs(daily_quota_gb=watch.daily_cap_gb),
            features=operationalinsights.WorkspaceFeaturesArgs(
                disable_local_auth=True, enable_log_access_using_only_resource_permissions=True
            ),
            public_network_access_for_ingestion="Enabled",
            public_network_access_for_query="Enabled",
            tags=place.tags,
            opts=child,
        )
        insights = applicationinsights.Component(
            f"{name}-insights",
            resource_name_=place.names.insights,
            resource_group_name=place.group,
            location=place.location,
            kind="web",
            application_type="web",
            ingestion_mode="LogAnalytics",
            workspace_resource_id=logs.id,
            # Azure ML's own logging signs in with the connection string, which is no credential for anything else.
            disable_local_auth=False,
            tags=place.tags,
            opts=child,
        )
        self.logs_id, self.insights_id = logs.id, insights.id
        self.register_outputs({"logs_id": self.logs_id, "insights_id": self.insights_id})
