"""What a rule is, and how one is declared: `@rules.rule` for one resource, `@rules.stack_rule` for all of them
together, `rules.requires` and `rules.forbids` where a rule needs no code of its own.

A rule yields the `Problem`s that it finds. What a person reads is written once, in the rule's metadata: it goes into
the message, into Pulumi's own listing of the pack and into docs/policies.md.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)

from policies.inputs import ABSENT, UNKNOWN, one_of, read, same, show

LOW, MEDIUM, HIGH, CRITICAL = Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL

AnyResource = ResourceValidationArgs | PolicyResource
Settings = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One place that breaks a rule. `resource` only where a rule looks at the whole stack."""

    property: str
    found: str
    expected: str
    resource: AnyResource | None = None


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule with all that is written about it.

    `on` holds type tokens without "azure-native:", () means every resource; `where` narrows them down. `settings` are
    JSON schemas by key, each with its default; policies/config/<stack>.json sets them.

    `sources` name what others demand: AZR = PSRule for Azure, AP = Azure Policy, MCSB = Microsoft cloud security
    benchmark, TRV = Trivy, WAF = Well-Architected Framework, AML and ASA = the documentation of Azure Machine Learning
    and Stream Analytics, design = docs/architecture.md, practice = none of them.
    """

    id: str
    title: str
    on: tuple[str, ...]
    property: str
    expected: str
    why: str
    fix: str
    severity: Severity
    sources: tuple[str, ...]
    check: Callable[..., Iterator[Problem]]
    where: Callable[[ResourceValidationArgs], bool] = lambda resource: True
    whole_stack: bool = False
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def configured(self, config: Mapping[str, Any]) -> Settings:
        return {key: schema["default"] for key, schema in self.settings.items()} | dict(config)


# Pulumi shows a stack policy the outputs, and of these a provider may report parts as unknown in a preview. The inputs
# of the same resources pass by just before, one at a time, in this process: kept here, so that a stack rule reads them.
INPUTS: dict[str, Mapping[str, Any]] = {}


def inputs(resource: AnyResource) -> Mapping[str, Any]:
    """What the program declared for `resource`; its outputs where this run did not register it (`--target`)."""
    return INPUTS.get(resource.urn, resource.props)


def kind(token: str) -> str:
    """The type token without provider and API version: a pinned version of a type obeys the same rules."""
    return re.sub(r"^azure-native(_\w+)?:|/v\d{8}(preview)?(?=:)", "", token)


@dataclass
class Rules:
    """The rules of one service, in the order in which they are declared."""

    title: str
    declared: list[Rule] = field(default_factory=list)

    def add(
        self, check: Callable[..., Iterator[Problem]], id: str, on: str | Iterable[str], about: dict[str, Any]
    ) -> None:
        self.declared.append(Rule(id=id, on=(on,) if isinstance(on, str) else tuple(on), check=check, **about))

    def rule(self, id: str, *, on: str | Iterable[str] = (), **about: Any):
        """Declares `check(resource, settings)`, called for each resource whose type is in `on`."""

        def declare(check: Callable[[ResourceValidationArgs, Settings], Iterator[Problem]]):
            self.add(check, id, on, about)
            return check

        return declare

    def stack_rule(self, id: str, *, on: str | Iterable[str] = (), **about: Any):
        """Declares `check(resources, settings)`, called once with all resources. `on` is for the reader only."""

        def declare(check: Callable[[list[PolicyResource], Settings], Iterator[Problem]]):
            self.add(check, id, on, about | {"whole_stack": True})
            return check

        return declare

    def requires(
        self, id: str, *values: Any, on: str, property: str, absent: bool = False, flag: str = "", **about: Any
    ) -> None:
        """Declares that `property` has one of `values`; `absent`: or is left out, because Azure's default is good.

        With a `flag`: only where the rule's setting of that name is true, which it is not by default.
        """

        def check(resource: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
            if not flag or settings[flag]:
                yield from differs(resource, property, *values, absent=absent)

        expected = one_of(values) + (" or absent" if absent else "")
        about |= {"property": property, "expected": expected}
        if flag:
            about |= {"expected": f"{expected} where `{flag}`"}
            about |= {"settings": {flag: {"type": "boolean", "default": False}}}
        self.add(check, id, on, about)

    def forbids(self, id: str, *, on: str | Iterable[str], expected: str, **about: Any) -> None:
        """Declares that resources of these types must not exist at all."""

        def check(resource: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
            yield Problem(property="type", found=show(kind(resource.resource_type)), expected=expected)

        self.add(check, id, on, about | {"property": "type", "expected": expected})


def differs(resource: AnyResource, property: str, *values: Any, absent: bool = False) -> Iterator[Problem]:
    """A problem unless the input `property` is one of `values`. An unknown value is one: it could become anything."""
    found = read(resource.props, property)
    if (found is ABSENT and absent) or any(same(found, value) for value in values):
        return
    hint = " as a plain value" if found is UNKNOWN else ""
    yield Problem(property=property, found=show(found), expected=one_of(values) + hint)


def exceeds(resource: AnyResource, property: str, most: float, *, least: float = 0) -> Iterator[Problem]:
    """A problem unless the number at `property` is within `least` and `most`."""
    found = read(resource.props, property)
    if isinstance(found, (int, float)) and not isinstance(found, bool) and least <= found <= most:
        return
    yield Problem(property=property, found=show(found), expected=f"{show(least)} to {show(most)}")


def policy(rule: Rule) -> Policy:
    """The rule as Pulumi runs it."""
    about: dict[str, Any] = {
        "name": rule.id,
        "description": rule.title,
        "enforcement_level": EnforcementLevel.MANDATORY,
        "severity": rule.severity,
        "remediation_steps": rule.fix,
        "config_schema": PolicyConfigSchema({key: dict(schema) for key, schema in rule.settings.items()})
        if rule.settings
        else None,
    }
    if rule.whole_stack:
        return StackValidationPolicy(validate=_stack_check(rule), **about)
    return ResourceValidationPolicy(validate=_resource_check(rule), **about)


def _resource_check(rule: Rule):
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        INPUTS[args.urn] = args.props
        if (rule.on and kind(args.resource_type) not in rule.on) or not rule.where(args):
            return
        for problem in rule.check(args, rule.configured(args.get_config() or {})):
            report(message(rule, problem, args.name), None)

    return validate


def _stack_check(rule: Rule):
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        for problem in rule.check(args.resources, rule.configured(args.get_config() or {})):
            place = problem.resource
            report(message(rule, problem, place.name if place else "the stack"), place.urn if place else None)

    return validate


def message(rule: Rule, problem: Problem, name: str) -> str:
    return f"{name}: {problem.property} is {problem.found}, expected {problem.expected}. {rule.why} Fix: {rule.fix}"
