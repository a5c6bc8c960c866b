"""The command `azure-sandbox`."""

import os
import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from azure_sandbox import lifecycle
from azure_sandbox.environment import child_environment

app = typer.Typer(
    help="An Azure that fits on one machine, and says no as Azure would.",
    no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None, add_completion=False,
)  # fmt: skip
clock_app = typer.Typer(help="The sandbox's one clock.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(clock_app, name="clock")
DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?")
Clock = Annotated[str | None, typer.Option(help="First moment of a new sandbox, or a later one, ISO 8601.")]
Speed = Annotated[float | None, typer.Option(help="Sandbox seconds per second; 0 stops the clock.")]


@app.callback()
def _state(
    context: typer.Context,
    state: Annotated[Path, typer.Option(envvar="AZURE_SANDBOX_STATE", help="The state folder.")] = Path(".sandbox"),
) -> None:
    context.obj = state.resolve()


@app.command()
def up(context: typer.Context, clock: Clock = None, speed: Speed = None) -> None:
    """Start the sandbox, unless it runs."""
    state: Path = context.obj
    found = lifecycle.running(state)
    if found is None:
        found = lifecycle.start(state, clock=clock, speed=speed)
    elif clock or speed is not None:
        moves = {"to": clock} if clock else {}
        lifecycle.ask(state, "/clock", moves | ({"speed": speed} if speed is not None else {}))
    print(f"The sandbox in {state} runs: process {found['pid']}, proxy http://127.0.0.1:{found['proxy']}.")
    _print_clock(lifecycle.ask(state, "/clock"))


@app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def run(
    context: typer.Context,
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND...")],
    as_: Annotated[
        str, typer.Option("--as", metavar="IDENTITY", help="deployer, an identity, or user:NAME.")
    ] = "deployer",
) -> None:
    """Run a command inside the sandbox; starts the sandbox when it does not run. The exit code is the command's."""
    state: Path = context.obj
    server = lifecycle.start(state)
    identity = lifecycle.ask(state, "/identity", {"as": as_})
    environment = child_environment(os.environ, state=state, server=server, identity=identity)
    try:
        os.execvpe(command[0], command, environment)  # noqa: S606
    except FileNotFoundError:
        sys.exit(f"azure-sandbox: no command `{command[0]}` on PATH={environment['PATH']}")


@app.command()
def status(context: typer.Context) -> None:
    """Show what runs, the clock, counts and the last refusals."""
    state: Path = context.obj
    found = lifecycle.running(state)
    if found is None:
        print(f"No sandbox runs in {state}.")
        raise typer.Exit(1)
    shown = lifecycle.ask(state, "/status")
    print(f"Sandbox   {state}, process {found['pid']}, proxy http://127.0.0.1:{found['proxy']}")
    print(f"Page      http://127.0.0.1:{found['control']}/")
    _print_clock(shown.pop("clock"))
    refusals = shown.pop("refusals")
    for title, content in shown.items():
        _print_section(title, content)
    print("Refusals" if refusals else "Refusals  none")
    for entry in refusals:
        _print_request(entry)


@app.command()
def request(
    context: typer.Context, id: Annotated[str, typer.Argument(help="As in the header x-ms-request-id.")]
) -> None:
    """Show a request by the id that Azure's answer carried: who asked, for what, and why it was refused."""
    _print_request(lifecycle.ask(context.obj, f"/requests/{quote(id, safe='')}"))


@app.command()
def faults(
    context: typer.Context,
    seed: Annotated[int, typer.Option(help="The same seed gives the same faults.")] = 0,
    throttle: Annotated[float, typer.Option(help="Share of requests answered 429 (storage: 503).")] = 0,
    conflict: Annotated[float, typer.Option(help="Share of Resource Manager's writes answered 409.")] = 0,
    error: Annotated[float, typer.Option(help="Share of requests answered 500.")] = 0,
    cut: Annotated[float, typer.Option(help="Share of requests whose connection is cut.")] = 0,
    slow: Annotated[float, typer.Option(help="Seconds that provisioning takes more.")] = 0,
    service: Annotated[str, typer.Option(help="arm, blob, dfs, eventhubs, ml, or a namespace. Default: all.")] = "",
    off: Annotated[bool, typer.Option("--off", help="End all faults.")] = False,
) -> None:
    """Let Azure fail at random, by seed; without options show how it does."""
    shares = {"throttle": throttle, "conflict": conflict, "error": error, "cut": cut, "slow": slow}
    given = {"seed": seed, "service": service, **shares} if any(shares.values()) else None
    plan = lifecycle.ask(context.obj, "/faults", {} if off else given)
    on = [f"{name} {plan[name]:g}" for name in shares if plan[name]]
    place = f" at {plan['service']}" if plan["service"] else ""
    print(f"Faults    {', '.join(on)}, seed {plan['seed']}{place}" if on else "Faults    none")


@app.command()
def down(context: typer.Context) -> None:
    """Stop the sandbox; its state stays."""
    ran = lifecycle.stop(context.obj)
    print(f"The sandbox in {context.obj} {'is down' if ran else 'did not run'}.")


@app.command()
def reset(context: typer.Context) -> None:
    """Stop the sandbox and remove its state folder."""
    lifecycle.reset(context.obj)
    print(f"{context.obj} is gone.")


@clock_app.command()
def show(context: typer.Context) -> None:
    """Show the time and the speed."""
    _print_clock(lifecycle.ask(context.obj, "/clock"))


@clock_app.command()
def advance(
    context: typer.Context,
    duration: Annotated[str | None, typer.Argument(help="As 90s, 15m, 2h30m or 1d.")] = None,
    to: Annotated[str | None, typer.Option(help="A moment, ISO 8601 with a time zone.")] = None,
) -> None:
    """Move the clock on; returns when every service has seen the new time."""
    if (duration is None) == (to is None):
        sys.exit("azure-sandbox: give either a duration or --to")
    body = {"to": to} if to else {"advance": _seconds(duration or "")}
    _print_clock(lifecycle.ask(context.obj, "/clock", body))


@clock_app.command()
def speed(context: typer.Context, factor: float) -> None:
    """Let the clock run FACTOR times as fast as real time; 0 stops it."""
    _print_clock(lifecycle.ask(context.obj, "/clock", {"speed": factor}))


def main() -> None:
    try:
        app()
    except (lifecycle.NotRunning, ValueError) as error:
        sys.exit(f"azure-sandbox: {error}")


def _seconds(text: str) -> float:
    found = DURATION.fullmatch(text)
    if not text or found is None:
        message = f"'{text}' is no duration; write 90s, 15m, 2h30m or 1d"
        raise ValueError(message)
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds).total_seconds()


def _print_clock(clock: dict[str, Any]) -> None:
    print(f"Clock     {clock['now'][:19]}Z at speed {clock['speed']:g}")


def _print_request(entry: dict[str, Any]) -> None:
    request = f"{entry['method']} {entry['host'] or ''}{entry['path']}"
    print(f"  {entry['at'][:19]}  {entry['status']} {entry['code'] or ''}  {entry['principal'] or '-'}  {request}")
    print(f"      {entry['message'] or 'allowed'}  [{entry['id']}]")


def _print_section(title: str, content: Any) -> None:
    words = re.sub(r"(?<!^)([A-Z])", r" \1", title).capitalize()
    if not isinstance(content, dict | list):
        print(f"{words:9} {content}")
        return
    print(words if content else f"{words:9} none")
    lines = [f"{key}: {value}" for key, value in content.items()] if isinstance(content, dict) else content
    for line in lines:
        print(f"  {line}")
