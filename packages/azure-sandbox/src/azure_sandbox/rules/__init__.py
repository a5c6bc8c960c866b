"""Resource Manager's rules: a table a type in types.toml; where a rule needs code, a module a family of services."""

from azure_sandbox.rules import basics, keeping, learning, streaming
from azure_sandbox.rules.types import TYPES

__all__ = ["TYPES", "basics", "keeping", "learning", "streaming"]
