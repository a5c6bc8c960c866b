"""Serves the rules to Pulumi. `PolicyPack` blocks until the engine is done, so nothing else imports this file."""

import sys
from pathlib import Path

from pulumi_policy import EnforcementLevel, PolicyPack

# Pulumi puts the pack's own folder on the path, not the one above it.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from policies.pack import policies

PolicyPack("batch-scoring", policies(), enforcement_level=EnforcementLevel.MANDATORY)
