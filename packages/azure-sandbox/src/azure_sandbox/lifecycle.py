"""Starts, finds, asks and ends the process of a sandbox. Standard library only: every command waits for this import."""

import contextlib
import fcntl
import json
import os
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from azure_sandbox import processes

START = 30.0  # seconds before a start that says nothing counts as failed
ANSWER = 600.0  # seconds that an answer may take: a jump of the clock passes through all that happens meanwhile


class NotRunning(Exception):
    pass


def running(state: Path) -> dict[str, Any] | None:
    """`pid` and ports of the process that serves this state folder, or None."""
    note = state / "server.json"
    if not note.exists() or not _held(state / "lock"):
        return None
    return json.loads(note.read_text())


def start(state: Path, *, clock: str | None = None, speed: float | None = None) -> dict[str, Any]:
    """The running server, started when there is none. Several callers at once start one."""
    state.mkdir(parents=True, exist_ok=True)
    ignore = state / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n")
    with open(state / "start.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _answering(state) or _launch(state, clock, speed)


def _answering(state: Path) -> dict[str, Any] | None:
    """The running server once it answers; None when there is none, or when it was dying."""
    until = time.monotonic() + START
    while found := running(state):
        with contextlib.suppress(OSError, NotRunning):
            ask(state, "/health", patience=5)
            return found
        if time.monotonic() > until:
            message = f"process {found['pid']} serves {state} and has not answered for {START:g} s: end it, start again"
            raise NotRunning(message)
        time.sleep(0.05)
    return None


def _launch(state: Path, clock: str | None, speed: float | None) -> dict[str, Any]:
    (state / "server.json").unlink(missing_ok=True)
    command = [sys.executable, "-P", "-m", "azure_sandbox.server", "--state", str(state)]
    command += ["--clock", clock] if clock else []
    command += ["--speed", str(speed)] if speed is not None else []
    log_file = state / "server.log"
    start_of_log = log_file.stat().st_size if log_file.exists() else 0
    process = processes.detach(command, folder=state, log=log_file, environment=os.environ)
    until = time.monotonic() + START
    while time.monotonic() < until:
        found = running(state)
        if found and found["pid"] == process.pid:
            processes.let_go(process)
            return found
        if process.poll() is not None:
            break
        time.sleep(0.02)
    with open(log_file, "rb") as log:
        log.seek(start_of_log)
        tail = log.read().decode(errors="replace")[-2000:]
    message = f"the sandbox in {state} did not start (exit {process.poll()}); the end of {log_file}:\n{tail}"
    raise NotRunning(message)


def stop(state: Path) -> bool:
    """Ends the server and whatever it started, by process id. False when nothing ran."""
    found = running(state)
    if found:
        processes.end(found["pid"], str(state), patience=20)
    for note in state.glob("*/process.json"):  # a server that was killed has left them
        processes.end_noted(note)
    (state / "server.json").unlink(missing_ok=True)
    return found is not None


def reset(state: Path) -> None:
    """Ends everything and removes the state folder, if it is one."""
    stop(state)
    if not state.exists():
        return
    if not (state / "sandbox.db").exists() and any(state.iterdir()) and not (state / "server.log").exists():
        message = f"{state} is no state folder of a sandbox; nothing was removed"
        raise NotRunning(message)
    shutil.rmtree(state)


def ask(state: Path, path: str, body: dict[str, Any] | None = None, *, patience: float = ANSWER) -> Any:
    """GET, or POST with a body, to the running server's control interface; ValueError in its words when it refuses,
    NotRunning when nothing came for `patience` seconds."""
    found = running(state)
    if found is None:
        message = f"no sandbox runs in {state}; start it with `azure-sandbox up`"
        raise NotRunning(message)
    request = urllib.request.Request(f"http://127.0.0.1:{found['control']}{path}")
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("x-sandbox-key", (state / "keys" / "control").read_text())
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=patience) as answer:
            return json.load(answer)
    except TimeoutError:
        message = f"the sandbox in {state} has not answered {path} within {patience:g} s; see {state / 'server.log'}"
        raise NotRunning(message) from None
    except urllib.error.HTTPError as error:
        with error:
            text = error.read().decode(errors="replace")
        with contextlib.suppress(ValueError, KeyError):
            text = json.loads(text)["error"]
        raise ValueError(text) from None


def _held(lock: Path) -> bool:
    """Whether a living process holds the lock."""
    with _opened(lock) as file:
        if file is None:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        return False


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with open(path) as file:
            yield file
    except FileNotFoundError:
        yield None
