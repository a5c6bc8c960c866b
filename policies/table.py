"""Writes docs/policies.md from the rules' own metadata:  python -m policies.table"""

import json
from pathlib import Path
from typing import Any

from policies.pack import RULES, SERVICES
from policies.rule import Rules

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "policies.md"
STACKS = ("local", "dev", "prod")
HEAD = """# Policies

    pulumi preview --policy-pack policies --policy-pack-config policies/config/<stack>.json

checks {count} rules against what a stack declares, before anything is made; `up` does the same. All are mandatory: one
that is broken stops the command. Each message names the resource, the property, what was found, what was expected, why,
and how to put it right.

What is deployed already is audited by the same rules: `pulumi policy analyze --stack <stack>`, with the same two
options.

A value that is known only after the deployment breaks a rule too. Pulumi itself would let it pass with a note, so
values that security depends on are written into the program as they are, never as an `Output`.

Sources: AZR is [PSRule for Azure](https://azure.github.io/PSRule.Rules.Azure/), AP an Azure Policy by the start of its
id, MCSB the Microsoft cloud security benchmark, TRV [Trivy](https://trivy.dev), WAF the Azure Well-Architected
Framework, AML and ASA the documentation of Azure Machine Learning and Stream Analytics, design
[this project's own](architecture.md), practice what none of them asks for. "waives" names a rule of others that is
broken here on purpose.

This file is written by `python -m policies.table`.
"""

TAIL = """## Not yet

- **Private networking** of all but Azure SQL: closed public endpoints, firewalls that deny by default, private
  endpoints, the workspace's managed network. They come with the private network of `prod`.
- **Application Insights without local auth** (AZR-000484): Azure ML's own logging signs in with the connection string.
- **Budgets, Defender, custom roles**, and rules for services that no stack declares yet.
- Nothing is mended silently: the rules report, and never rewrite a property (Pulumi's `remediate`).
"""


def document() -> str:
    return "\n".join([HEAD.format(count=len(RULES)), *map(chapter, SERVICES), settings(), TAIL])


def chapter(rules: Rules) -> str:
    head = ["rule", "what it demands", "property", "expected", "severity", "sources"]
    rows = [
        [f"`{r.id}`", r.title, r.property, r.expected, r.severity.value, ", ".join(r.sources)] for r in rules.declared
    ]
    return f"## {rules.title}\n\n{table(head, rows)}"


def settings() -> str:
    """What the stacks set differently."""
    chosen = {stack: json.loads((ROOT / "policies" / "config" / f"{stack}.json").read_text()) for stack in STACKS}
    rows = []
    for rule in sorted(RULES.values(), key=lambda rule: rule.id):
        for key, schema in rule.settings.items():
            values = [chosen[stack].get(rule.id, {}).get(key, schema["default"]) for stack in STACKS]
            rows.append([f"`{rule.id}`", f"`{key}`", *map(shown, values)])
    return f"## Settings of the stacks\n\nFrom `policies/config/`.\n\n{table(['rule', 'setting', *STACKS], rows)}"


def shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(escaped, line))} |\n" for line in lines)


def escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    DOCUMENT.write_text(document())
