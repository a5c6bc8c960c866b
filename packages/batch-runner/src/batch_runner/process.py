"""A worker process as its parent sees it: started, spoken to over two pipes, killed with all it started."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WORKER = Path(__file__).with_name("worker.py")
_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Slot:
    """Where a worker runs: a node of the cluster, and the name of the process there, `process000` and on."""

    node: str
    name: str

    def __str__(self) -> str:
        return f"{self.name} on {self.node}"


def interpreter(python: str) -> str:
    """The absolute path of a Python interpreter; a virtual environment's link is kept. Raises FileNotFoundError."""
    found = shutil.which(python)
    if found is None:
        raise FileNotFoundError(f"{python}: no such Python interpreter")
    return os.path.abspath(found)


class Worker:
    """One running worker process. Not thread-safe; whoever starts it must end it with `kill`."""

    def __init__(
        self, slot: Slot, *, python: str, folder: Path, environment: Mapping[str, str], stdout: Path, stderr: Path
    ) -> None:
        self.slot = slot
        self.started = time.monotonic()
        self.ready = False
        self.closed = False
        self.failure: tuple[str, str] | None = None  # why init() failed: in one line, and its traceback
        self._buffer = bytearray()
        request, self._requests = os.pipe()
        self._replies, reply = os.pipe()
        os.set_blocking(self._replies, False)
        try:
            with stdout.open("ab") as out, stderr.open("ab") as err:
                # A session of its own: a Ctrl-C at the terminal reaches the parent only, and a kill reaches the
                # script's own child processes too. faulthandler makes a segmentation fault name its line.
                self.process = subprocess.Popen(
                    [python, "-u", "-X", "faulthandler", str(WORKER), str(request), str(reply)],
                    cwd=folder,
                    env=dict(environment),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    pass_fds=(request, reply),
                    start_new_session=True,
                )
        except BaseException:
            os.close(self._requests)
            os.close(self._replies)
            raise
        finally:
            os.close(request)
            os.close(reply)

    @property
    def pid(self) -> int:
        return self.process.pid

    def fileno(self) -> int:
        """The pipe with the worker's messages, for a selector."""
        return self._replies

    def send(self, kind: str, **fields: Any) -> None:
        """Sends one message; a worker that has died meanwhile is noticed at the next `receive`."""
        body = json.dumps({"kind": kind, **fields}).encode("ascii")
        view = memoryview(struct.pack(">Q", len(body)) + body)
        try:
            while view:
                view = view[os.write(self._requests, view) :]
        except BrokenPipeError:
            self.closed = True

    def receive(self) -> Iterator[dict[str, Any]]:
        """The complete messages that have arrived; sets `closed` once the worker can send no more."""
        # Asked before reading, or a last message could slip in between. The end of the pipe alone does not tell: a
        # child process of the script may hold it open after the worker has died.
        ended = self.process.poll() is not None
        try:
            while chunk := os.read(self._replies, _CHUNK):
                self._buffer += chunk
        except BlockingIOError:
            self.closed = self.closed or ended
        else:
            self.closed = True
        while len(self._buffer) >= 8:
            end = 8 + struct.unpack(">Q", self._buffer[:8])[0]
            if len(self._buffer) < end:
                break
            body = bytes(self._buffer[8:end])
            del self._buffer[:end]
            yield json.loads(body)

    def kill(self) -> str:
        """Ends the worker and everything it started; returns how it ended, in plain words."""
        if self.closed:  # it is dying by itself: its own exit code tells more than our SIGKILL
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=1)
        ended = self.process.poll()
        _kill_group(self.pid)
        self.process.wait()
        for descriptor in (self._requests, self._replies):
            if descriptor >= 0:
                os.close(descriptor)
        self._requests = self._replies = -1
        return "ended by the job" if ended is None else _ending(ended)


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody is left in it; macOS says so with EPERM
        os.killpg(pid, signal.SIGKILL)


def _ending(code: int) -> str:
    if code >= 0:
        return f"the worker process ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    reason = " (out of memory, or killed from outside)" if name == "SIGKILL" else ""
    return f"the worker process was killed by {name}{reason}"
