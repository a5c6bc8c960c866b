"""The command `batch-scoring`: options and messages; the work is done in the modules beside it."""

import sys

import typer

from operations.commands import pbids, put, replay, results, score, send, status, stream, teardown, train, windows
from operations.errors import OperationError

app = typer.Typer(
    help="Operate batch scoring: send events, train, score hours, look at jobs and results.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("send")(send.send)
app.add_typer(stream.app, name="stream")
app.command("train")(train.train)
app.command("register")(train.register)
app.command("compare")(train.compare)
app.command("models")(train.models)
app.command("score")(score.score)
app.command("status")(status.status)
app.command("logs")(status.logs)
app.command("windows")(windows.windows)
app.command("rerun")(windows.rerun)
app.command("put")(put.put)
app.command("replay")(replay.replay)
app.command("results")(results.results)
app.command("pbids")(pbids.pbids)
app.command("teardown")(teardown.teardown)


def main() -> None:
    try:
        app()
    except OperationError as error:
        sys.exit(f"batch-scoring: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
