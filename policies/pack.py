"""All rules, by service."""

from pulumi_policy import Policy

from policies import (
    access,
    containerregistry,
    datafactory,
    deployment,
    eventhub,
    keyvault,
    machinelearning,
    monitoring,
    sql,
    stack,
    storage,
    streamanalytics,
    synapse,
)
from policies.rule import Rule, policy

SERVICES = (
    eventhub.rules,
    streamanalytics.rules,
    storage.rules,
    keyvault.rules,
    containerregistry.rules,
    machinelearning.rules,
    deployment.rules,
    sql.rules,
    synapse.rules,
    datafactory.rules,
    monitoring.rules,
    access.rules,
    stack.rules,
)
RULES: dict[str, Rule] = {rule.id: rule for rules in SERVICES for rule in rules.declared}


def policies() -> list[Policy]:
    return [policy(rule) for rule in RULES.values()]
