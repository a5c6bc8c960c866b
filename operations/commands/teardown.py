"""batch-scoring teardown"""

from typing import Annotated

import typer

from operations import teardown as removing
from operations.commands.options import DEFAULT_STACK, StackName, err, out


def teardown(
    stack: StackName = DEFAULT_STACK,
    unprotect: Annotated[bool, typer.Option("--unprotect", help="Yes, also a stack that is protected.")] = False,
    keep_stack: Annotated[bool, typer.Option(help="Keep the empty stack and its history.")] = False,
) -> None:
    """Destroy a stack. Of an ephemeral one nothing stays, not even soft-deleted; of others the vault does, by name."""
    state = removing.state(stack)
    removing.destroy(state, unprotect=unprotect, tell=err.print)
    if state.ephemeral:
        removing.purge(state, err.print)
    else:
        for vault in state.vaults:
            name = vault.id.rsplit("/", 1)[-1]
            out.print(f"vault {name} stays, soft-deleted, for its retention; a new stack of that name recovers it")
    if not keep_stack:
        removing.forget(stack)
    out.print(f"stack {stack}: destroyed")
