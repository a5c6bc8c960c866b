"""Resource Manager's rules: a table a type in types.toml; where code is needed, a module a family of services."""

from azure_sandbox.rules import basics, keeping
from azure_sandbox.rules.types import TYPES
from azure_sandbox.tables import packages

__all__ = ["TYPES", "basics", "keeping"]

for _package in packages():
    _package.load()
