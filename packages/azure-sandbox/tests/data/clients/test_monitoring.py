"""azure-mgmt-monitor, -loganalytics and -applicationinsights."""

from collections.abc import Callable
from typing import Any

import pytest
from answers import HERE, MISSING, names, refusal
from azure.mgmt.applicationinsights import ApplicationInsightsManagementClient
from azure.mgmt.loganalytics import LogAnalyticsManagementClient
from azure.mgmt.monitor import MonitorManagementClient
from sandbox_world import World

Client = Callable[..., Any]
GLOBAL = {"location": "global"}


@pytest.fixture
def logs(client: Client, group: str) -> Any:
    """A Log Analytics workspace in the test's group."""
    return client(LogAnalyticsManagementClient).workspaces.begin_create_or_update(group, "client-logs", HERE).result()


def test_workspaces_come_change_and_go(client: Client, group: str, logs: Any) -> None:
    workspaces = client(LogAnalyticsManagementClient).workspaces
    assert (logs.properties.sku.name, logs.properties.retention_in_days) == ("PerGB2018", 30)
    assert workspaces.get(group, "client-logs").properties.customer_id == logs.properties.customer_id
    assert names(workspaces.list_by_resource_group(group)) == ["client-logs"]
    assert "client-logs" in names(workspaces.list())
    longer = {"properties": {"retentionInDays": 90}}
    assert workspaces.update(group, "client-logs", longer).properties.retention_in_days == 90
    short = {**HERE, "properties": {"retentionInDays": 7}}
    assert refusal(workspaces.begin_create_or_update, group, "client-logs", short) == (400, "InvalidParameter")
    workspaces.begin_delete(group, "client-logs").result()
    assert refusal(workspaces.get, group, "client-logs") == MISSING


def test_components_come_change_and_go(client: Client, group: str, logs: Any) -> None:
    components = client(ApplicationInsightsManagementClient).components
    body = {**HERE, "kind": "web", "application_type": "web", "workspace_resource_id": logs.id}
    made = components.create_or_update(group, "client-insights", body)
    assert made.instrumentation_key in made.connection_string
    assert components.get(group, "client-insights").workspace_resource_id == logs.id
    assert names(components.list_by_resource_group(group)) == ["client-insights"]
    assert "client-insights" in names(components.list())
    assert components.update_tags(group, "client-insights", {"tags": {"a": "b"}}).tags == {"a": "b"}
    del body["workspace_resource_id"]
    assert refusal(components.create_or_update, group, "client-classic", body) == (400, "BadRequest")
    components.delete(group, "client-insights")
    assert refusal(components.get, group, "client-insights") == MISSING


def test_alerts_tell_a_group_of_people(client: Client, world: World, group: str, logs: Any) -> None:
    monitor = client(MonitorManagementClient)
    actions = monitor.action_groups
    people = {**GLOBAL, "group_short_name": "people", "enabled": True}
    made = actions.create_or_update(group, "client-people", people)
    assert actions.get(group, "client-people").group_short_name == "people"
    assert names(actions.list_by_resource_group(group)) == ["client-people"]
    condition = {
        "name": "busy",
        "metric_name": "Operations",
        "operator": "GreaterThan",
        "threshold": 3,
        "time_aggregation": "Total",
        "criterion_type": "StaticThresholdCriterion",
    }
    kind = "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria"
    alert: dict[str, Any] = {
        **GLOBAL,
        "severity": 2,
        "enabled": True,
        "scopes": [logs.id],
        "evaluation_frequency": "PT5M",
        "window_size": "PT5M",
        "criteria": {"odata_type": kind, "all_of": [condition]},
        "actions": [{"action_group_id": made.id}],
    }
    alerts = monitor.metric_alerts
    alerts.create_or_update(group, "client-busy", alert)
    found = alerts.get(group, "client-busy")
    assert (found.severity, found.criteria.all_of[0].threshold) == (2, 3)
    assert names(alerts.list_by_resource_group(group)) == ["client-busy"]
    assert refusal(alerts.create_or_update, group, "client-worse", alert | {"severity": 9})[0] == 400
    nowhere = alert | {"scopes": [f"{logs.id}-none"]}
    assert refusal(alerts.create_or_update, group, "client-worse", nowhere) == (400, "InvalidResourceReference")
    alerts.delete(group, "client-busy")
    assert refusal(alerts.get, group, "client-busy")[0] == 404
    actions.delete(group, "client-people")
    assert refusal(actions.get, group, "client-people")[0] == 404


def test_a_query_over_the_logs_raises_an_alert(client: Client, group: str, logs: Any) -> None:
    rules = client(MonitorManagementClient).scheduled_query_rules
    condition = {"query": "Heartbeat", "time_aggregation": "Count", "operator": "GreaterThan", "threshold": 1}
    rule = {**HERE, "scopes": [logs.id], "severity": 1, "criteria": {"all_of": [condition]}}
    rule |= {"evaluation_frequency": "PT5M", "window_size": "PT5M"}
    rules.create_or_update(group, "client-beats", rule)
    found = rules.get(group, "client-beats")
    assert (found.severity, found.criteria.all_of[0].query) == (1, "Heartbeat")
    assert names(rules.list_by_resource_group(group)) == ["client-beats"]
    assert refusal(rules.create_or_update, group, "client-beats", rule | {"severity": 5})[0] == 400
    rules.delete(group, "client-beats")
    assert refusal(rules.get, group, "client-beats")[0] == 404
