"""Resource Manager's rules: a table a type in the TOML files; where code is needed, a module a family of services."""

from azure_sandbox.rules import basics, conducting, keeping, learning, streaming, warehouse
from azure_sandbox.rules.types import TYPES

__all__ = ["TYPES", "basics", "conducting", "keeping", "learning", "streaming", "warehouse"]
