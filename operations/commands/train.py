"""batch-scoring train, register"""

from datetime import UTC, datetime
from typing import Annotated

import typer

from operations import problem as problems
from operations.clock import clock
from operations.commands.options import DEFAULT_PROBLEM, DEFAULT_STACK, Outputs, Problem, StackName, err, out
from operations.stack import load


def train(
    problem: Problem = None,
    days: Annotated[int, typer.Option(min=1, help="Days of history.")] = 7,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day after the history. Default: today (UTC).")
    ] = None,
    devices: Annotated[int, typer.Option(min=1, help="Number of devices.")] = 3,
    sensors: Annotated[int, typer.Option(min=1, help="Sensors of each device.")] = 5,
    seed: Annotated[int, typer.Option(help="The same seed gives the same plant as send.")] = 7,
) -> None:
    """Train the problem's models on this machine into build/models; nothing is done when nothing has changed."""
    from operations.training import History, model_digest, train

    name = problem or DEFAULT_PROBLEM
    problems.contract(name)
    midnight = clock().now().replace(hour=0, minute=0, second=0, microsecond=0)
    end = midnight if until is None else until.replace(tzinfo=UTC)
    history = History(until=end, days=days, devices=devices, sensors=sensors, seed=seed)
    train(name, history, err.print)
    out.print(f"{problems.models_folder(name)}: model {model_digest(problems.models_folder(name))}")


def register(stack: StackName = DEFAULT_STACK, outputs: Outputs = None) -> None:
    """Upload build/models/<problem> and register it as a model version, by its digest, for stacks that name one."""
    from operations.registration import register

    chosen = load(stack, outputs)
    version, new = register(chosen, problems.models_folder(chosen.problem), err.print)
    state = "registered" if new else "was registered already"
    out.print(f"{chosen.workspace}: model {chosen.problem}:{version} {state}")
    out.print(f"to use it: pulumi config set modelVersion {version} --stack {stack}")
