"""batch-scoring replay"""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from operations import problem
from operations.clock import clock
from operations.commands.options import DEFAULT_STACK, Outputs, StackName, err, out
from operations.commands.windows import score_again
from operations.errors import OperationError
from operations.stack import Stack, load
from operations.windows import Window, folder, window

if TYPE_CHECKING:
    from operations.replay import Hour, Stream


def replay(
    start: Annotated[str, typer.Option("--from", help="First hour, as 2026-01-05T00:00Z.")],
    end: Annotated[str, typer.Option("--to", help="The hour after the last one.")],
    stack: StackName = DEFAULT_STACK,
    outputs: Outputs = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compare only; write nothing.")] = False,
    lookback: Annotated[int, typer.Option(min=1, help="Hours before --from that the query's windows reach back.")] = 1,
    allow_losses: Annotated[bool, typer.Option(help="Write an hour though rows go that the archive lacks.")] = False,
) -> None:
    """Make hours of features again from the raw archive, by the stream job's own query.

    Hours are compared row by row first; one that is as it should be is left alone. Then Data Factory scores the windows
    of the rebuilt hours again.
    """
    from operations import replay as replays

    hours = window(start, end)
    chosen = load(stack, outputs)
    contract = problem.contract(chosen.problem)
    stream = replays.declared(chosen)
    _passed(chosen, stream, hours)
    found = replays.hours(chosen, stream, hours, contract, lookback)
    _show(found)
    differ = [one for one in found if one.differs]
    if dry_run or not differ:
        out.print(f"{len(differ)} of {len(found)} hours differ from the archive")
        return
    if not allow_losses:
        replays.refuse_losses(found)
    for one in differ:
        replays.write(chosen, one, err.print)
    out.print(f"{len(differ)} of {len(found)} hours rebuilt from the archive")
    score_again(chosen, replays.windows((hour.hour for hour in differ), chosen.windowHours))


def _passed(stack: Stack, stream: "Stream", hours: Window) -> None:
    """The stream must be done with the hours: what it has not written yet, the archive lacks too."""
    from operations import monitor

    state = monitor.stream(stack, clock().now())
    wanted = hours.end + stream.flush
    if state.watermark is None:
        err.print(f"stream job {state.name} is {state.state}, without a watermark: is the archive of the hours whole?")
    elif state.watermark < wanted:
        raise OperationError(
            f"{hours.name}: not complete: stream job {state.name} has written what came to "
            f"{state.watermark:%Y-%m-%d %H:%M}Z; expected {wanted:%Y-%m-%d %H:%M}Z or later (batch-scoring status)."
        )


def _show(found: "list[Hour]") -> None:
    table = Table("hour", "rows", "equal", "changed", "new", "gone", "files", box=None)
    for one in found:
        files = f"{len(one.files)}" + (f", {len(one.broken)} unreadable" if one.broken else "")
        numbers = (one.rows.num_rows, one.equal, one.changed, one.new, one.gone)
        table.add_row(folder(one.hour), *(f"{number:,}" for number in numbers), files)
    out.print(table)
