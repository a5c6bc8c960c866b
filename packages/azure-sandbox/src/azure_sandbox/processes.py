"""Processes that outlive the one that started them: found, recognised and ended by their id."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path


def alive(pid: int, mark: str) -> bool:
    """Whether that process runs and its command line holds `mark` (an id may since belong to somebody else)."""
    shown = subprocess.run(
        ["ps", "-ww", "-o", "stat=,command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return mark in shown.stdout and not shown.stdout.startswith("Z")


def detach(command: list[str], *, folder: Path, log: Path, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """Starts a process that outlives this one; what it says goes to `log`. Call `let_go` once it is known to run."""
    with open(log, "ab") as out:
        return subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )


def let_go(process: "subprocess.Popen[bytes]") -> None:
    process.returncode = 0  # else Python warns at exit that it still runs, as it is meant to


def end(pid: int, mark: str, patience: float = 10.0) -> None:
    """Asks the process to end, ends it when it does not within `patience` seconds, and returns when it is gone."""
    for number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 5.0)):
        if not alive(pid, mark):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        until = time.monotonic() + seconds
        while alive(pid, mark) and time.monotonic() < until:
            time.sleep(0.05)


def end_noted(note: Path, patience: float = 15.0) -> None:
    """Ends the process whose id a file names, if it still is the one that works in the file's folder."""
    if note.exists():
        end(json.loads(note.read_text())["pid"], str(note.parent), patience)
        note.unlink(missing_ok=True)


def free_port(wanted: int = 0) -> int:
    """`wanted` when it is free, else any free port of the loopback interface."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return free_port()
        return int(probe.getsockname()[1])


def tool(name: str, hint: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"`{name}` is not on PATH: {hint}")
    return found
