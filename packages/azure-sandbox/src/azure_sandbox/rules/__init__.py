"""Resource Manager's rules, one module a family of services. A new type is one `Type(...)` in one of them."""

from azure_sandbox.rules import basics, keeping, learning, streaming
from azure_sandbox.rules.types import Type

TYPES: dict[str, Type] = {rule.kind: rule for module in (basics, keeping, streaming, learning) for rule in module.TYPES}
