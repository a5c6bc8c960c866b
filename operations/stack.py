"""A stack's outputs: all that the commands know about what `pulumi up` made."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from operations.errors import OperationError


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Outputs of one stack, under the names that `__main__.py` exports."""

    name: str
    problem: str
    subscriptionId: str
    resourceGroup: str
    location: str
    eventHubNamespace: str
    eventHub: str
    streamJob: str
    lakeAccount: str
    workspaceAccount: str
    workspace: str
    endpoint: str
    scoringUri: str
    deployment: str
    cluster: str
    factory: str
    ingestion: str
    staticSource: str
    windowHours: int
    sqlServer: str
    database: str
    synapse: str
    sensorsIdentityId: str
    sensorsIdentityClientId: str
    vault: str
    ephemeral: bool

    @classmethod
    def of(cls, name: str, outputs: Mapping[str, Any], place: str) -> Self:
        """Raises OperationError that lists every output missing from `outputs`; `place` says where they came from."""
        wanted = [field.name for field in fields(cls) if field.name != "name"]
        missing = [key for key in wanted if key not in outputs]
        if missing:
            found = "no outputs at all" if not outputs else f"without {', '.join(missing)}"
            raise OperationError(f"{place}: {found}. Deploy it first: pulumi up --stack {name}")
        return cls(name=name, **{key: outputs[key] for key in wanted})

    @property
    def group_id(self) -> str:
        return f"/subscriptions/{self.subscriptionId}/resourceGroups/{self.resourceGroup}"

    @property
    def workspace_id(self) -> str:
        return f"{self.group_id}/providers/Microsoft.MachineLearningServices/workspaces/{self.workspace}"

    @property
    def stream_job_id(self) -> str:
        return f"{self.group_id}/providers/Microsoft.StreamAnalytics/streamingjobs/{self.streamJob}"


def load(name: str, outputs: Path | None = None) -> Stack:
    """Outputs of stack `name`, from the file `outputs` (as `pulumi stack output --json` writes it) or from Pulumi."""
    if outputs is None:
        return Stack.of(name, _pulumi_outputs(name), f"stack {name!r}")
    try:
        values = json.loads(outputs.read_text("utf-8"))
    except FileNotFoundError:
        raise OperationError(f"{outputs}: no such file; expected the JSON of `pulumi stack output --json`.") from None
    except ValueError as error:
        raise OperationError(f"{outputs}: not JSON ({error}); expected that of `pulumi stack output --json`.") from None
    return Stack.of(name, values, f"{outputs} (stack {name!r})")


def _pulumi_outputs(name: str) -> dict[str, Any]:
    command = ["pulumi", "stack", "output", "--json", "--stack", name]
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise OperationError("pulumi: no such command on PATH; the stack's outputs are read by it.") from None
    if run.returncode:
        raise OperationError(f"stack {name!r}: `{' '.join(command)}` failed: {run.stderr.strip()}")
    return json.loads(run.stdout)
