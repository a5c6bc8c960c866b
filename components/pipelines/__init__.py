"""What the factory runs, as plain data in the form of Resource Manager: checked at preview, run in the sandbox."""

from components.pipelines.definitions import CREDENTIAL, RUNTIME, TRIGGER, Definitions, definitions, flat
from components.pipelines.plan import DATABASE, Plan, plan

__all__ = ["CREDENTIAL", "DATABASE", "RUNTIME", "TRIGGER", "Definitions", "Plan", "definitions", "flat", "plan"]
