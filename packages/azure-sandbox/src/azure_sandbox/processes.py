"""Processes that outlive the one that started them: found, recognised and ended by their id."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time


def alive(pid: int, mark: str) -> bool:
    """Whether that process runs and its command line holds `mark` (an id may since belong to somebody else)."""
    shown = subprocess.run(
        ["ps", "-ww", "-o", "stat=,command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return mark in shown.stdout and not shown.stdout.startswith("Z")


def end(pid: int, mark: str, patience: float = 10.0) -> None:
    """Asks the process to end, and ends it when it does not within `patience` seconds."""
    for number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 5.0)):
        if not alive(pid, mark):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        until = time.monotonic() + seconds
        while alive(pid, mark) and time.monotonic() < until:
            time.sleep(0.05)


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
