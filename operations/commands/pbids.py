"""batch-scoring pbids"""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from operations import powerbi
from operations.commands.options import DEFAULT_STACK, Outputs, StackName, err
from operations.errors import OperationError
from operations.stack import load

MODES: dict[str, powerbi.Mode] = {"import": "Import", "directquery": "DirectQuery"}


def pbids(
    stack: StackName = DEFAULT_STACK,
    outputs: Outputs = None,
    mode: Annotated[
        Literal["import", "directquery"], typer.Option(help="Copy the rows into the report, or ask at each look.")
    ] = "import",
    serverless: Annotated[
        bool, typer.Option("--serverless", help="The lake's files by Synapse serverless SQL, not the database.")
    ] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file. Default: stdout.")] = None,
) -> None:
    """Write a data source file for Power BI: opened there, it asks for a sign-in and shows the stack's views."""
    chosen = load(stack, outputs)
    server = powerbi.serverless(chosen.synapse) if serverless else chosen.sqlServer
    text = powerbi.data_source(server, "master" if serverless else chosen.database, MODES[mode])
    if output is None:
        sys.stdout.write(text)
        return
    if output.suffix.lower() != powerbi.SUFFIX:
        raise OperationError(f"--output {output}: found {output.suffix or 'no suffix'}; expected {powerbi.SUFFIX}.")
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text, "utf-8")
    err.print(f"{output}: {server}")
