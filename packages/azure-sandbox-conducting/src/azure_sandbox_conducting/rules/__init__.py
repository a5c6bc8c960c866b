"""The rules of Data Factory, Azure SQL and Synapse."""

from azure_sandbox_conducting.rules import factories, warehouse

__all__ = ["factories", "warehouse"]
