"""Resource Manager's rules: a table a type in types.toml and conducting.toml; where a rule needs code, a module a family of services."""

from azure_sandbox.rules import basics, conducting, keeping, learning, streaming, warehouse
from azure_sandbox.rules.types import TYPES

__all__ = ["TYPES", "basics", "conducting", "keeping", "learning", "streaming", "warehouse"]
