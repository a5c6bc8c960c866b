"""Keeps the worker processes at work: hands out mini-batches, enforces timeouts, replaces who dies, retries."""

from __future__ import annotations

import selectors
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from batch_runner.accounting import Failure, JobFailed, Tally, with_advice
from batch_runner.environment import arguments
from batch_runner.explain import explain
from batch_runner.logs import Logs, tail, utc_now
from batch_runner.plan import Attempt, Plan
from batch_runner.process import Slot, Worker

TICK = 0.2  # seconds between looks at deadlines and at workers that ended without a word
STUCK_SECONDS = 30.0  # Azure: init() may take 3 x run_invocation_timeout and this much more
SHUTDOWN_SECONDS = 30.0  # for shutdown() and exit handlers, before the worker is killed


@dataclass(kw_only=True)
class Supervisor:
    """Runs a plan to its end. `keep_rows(mini-batch id, rows)` takes what is to be appended, `changed()` every step."""

    plan: Plan
    logs: Logs
    tally: Tally
    keep_rows: Callable[[int, str], None]
    changed: Callable[[], None]
    stop: threading.Event | None = None
    workers: dict[Worker, Attempt | None] = field(default_factory=dict)
    queue: deque[Attempt] = field(default_factory=deque)
    started: Counter[str] = field(default_factory=Counter)
    init_failures: Counter[str] = field(default_factory=Counter)

    def run(self) -> None:
        """Returns when every mini-batch is done or has failed; raises JobFailed. No worker is left in any case."""
        self.queue.extend(Attempt(mini_batch=mini_batch) for mini_batch in self.plan.mini_batches)
        self.selector = selectors.DefaultSelector()
        try:
            while not self.tally.settled:
                self._top_up()
                self._assign()
                self._listen(self._patience())
                self._check_limits()
            self._shut_down()
        finally:
            for worker in list(self.workers):
                self._remove(worker)
            self.selector.close()

    def _top_up(self) -> None:
        """Starts workers up to the concurrency of every node, as long as mini-batches wait."""
        settings = self.plan.settings
        for index in range(settings.instance_count if self.queue else 0):
            node = f"node{index}"
            running = sum(worker.slot.node == node for worker in self.workers)
            for _ in range(settings.max_concurrency_per_instance - running):
                self._start(Slot(node=node, name=f"process{self.started[node]:03}"))
                self.started[node] += 1

    def _start(self, slot: Slot) -> None:
        plan, logs = self.plan, self.logs
        worker = Worker(
            slot,
            python=plan.python,
            folder=plan.script.parent,
            environment=plan.environment,
            stdout=logs.stdout(slot),
            stderr=logs.stderr(slot),
        )
        self.workers[worker] = None
        self.selector.register(worker, selectors.EVENT_READ)
        logs.master(f"started {slot}, pid {worker.pid}")
        worker.send(
            "start",
            script=str(plan.script),
            arguments=arguments(plan.settings),
            name=slot.name,
            node=slot.node,
            log_dir=str(logs.entry_script_folder(slot)),
            output_dir=str(plan.output),
            logging_level=plan.settings.logging_level,
            append=plan.settings.output_action == "AppendRow",
        )

    def _assign(self) -> None:
        for worker, busy in self.workers.items():
            if worker.ready and busy is None and not worker.closed and self.queue:
                attempt = self.queue.popleft()
                attempt.began, attempt.picked = time.monotonic(), utc_now()
                attempt.deadline = attempt.began + self.plan.settings.timeout
                self.workers[worker] = attempt
                self.logs.node(worker.slot, f"pid {worker.pid} picked {attempt.mini_batch}, attempt {attempt.number}")
                worker.send("run", files=attempt.mini_batch.files)

    def _patience(self) -> float:
        deadlines = [busy.deadline for busy in self.workers.values() if busy and busy.deadline is not None]
        return max(0.0, min([TICK, *(deadline - time.monotonic() for deadline in deadlines)]))

    def _listen(self, seconds: float) -> None:
        self.selector.select(seconds)
        for worker in list(self.workers):
            for message in worker.receive():
                self._hear(worker, message)
            if worker.closed:
                self._mourn(worker)

    def _hear(self, worker: Worker, message: dict[str, Any]) -> None:
        kind, attempt = message["kind"], self.workers[worker]
        if kind == "ready":
            worker.ready = True
            self.init_failures[worker.slot.node] = 0
            self.logs.node(worker.slot, f"init() done in {time.monotonic() - worker.started:.2f} s")
            self.changed()
        elif kind == "failed" and message["stage"] == "shutdown":
            self.logs.error(worker.slot, f"shutdown() failed: {message['error']}", message["traceback"])
        elif kind == "failed" and attempt is None:  # import or init(): the worker ends itself, see _mourn
            worker.failure = (f"{_stage(message['stage'])}: {message['error']}", message["traceback"])
        elif kind == "ran" and attempt is not None:
            attempt.deadline = None
        elif kind in {"result", "failed"} and attempt is not None:
            self.workers[worker] = None
            if kind == "result":
                self._succeeded(worker, attempt, message)
            else:
                self._failed(worker, attempt, "RUN_EXCEPTION", message["error"], message["traceback"])

    def _succeeded(self, worker: Worker, attempt: Attempt, message: dict[str, Any]) -> None:
        mini_batch, count, tally = attempt.mini_batch, message["returned"], self.tally
        self.keep_rows(mini_batch.id, message["rows"])
        tally.returned(mini_batch, count)
        self._report(worker, attempt, "RUN_DONE", count, "", message["cpu_seconds"], message["run_seconds"])
        usage = (utc_now(), worker.slot.name, worker.pid, mini_batch.id, message["cpu_seconds"], message["max_rss"])
        self.logs.resources(worker.slot, usage)
        if (missing := len(mini_batch.files) - count) > 0:
            # Azure counts the missing ones as failed and keeps the rows; it does not try the mini-batch again.
            error = (
                f"run() returned {count} elements for {len(mini_batch.files)} files: {missing} files count as failed"
            )
            self.logs.error(worker.slot, f"{mini_batch}: {error}", "")
            self._give_up(attempt, error, "", missing)
        else:
            tally.done += 1
            self.changed()

    def _failed(self, worker: Worker, attempt: Attempt, status: str, error: str, details: str) -> None:
        """An attempt failed: the mini-batch goes to the end of the queue, or fails after max_retries + 1 attempts."""
        most = self.plan.settings.max_retries + 1
        self.logs.error(worker.slot, f"{attempt.mini_batch}: attempt {attempt.number} of {most}: {error}", details)
        self._report(worker, attempt, status, 0, error)
        if attempt.number < most:
            self.tally.retries += 1
            self.queue.append(replace(attempt, number=attempt.number + 1))
            self.changed()
        else:
            self._give_up(attempt, error, details, len(attempt.mini_batch.files))

    def _give_up(self, attempt: Attempt, error: str, details: str, files_failed: int) -> None:
        settings, tally = self.plan.settings, self.tally
        failure = Failure(
            mini_batch=attempt.mini_batch,
            attempts=attempt.number,
            max_attempts=settings.max_retries + 1,
            files_failed=files_failed,
            error=error,
            details=details,
        )
        tally.fail(failure)
        self.changed()
        if 0 <= settings.error_threshold < tally.failed:
            left = tally.mini_batches - tally.done - len(tally.failures)
            message = (
                f"{tally.failed} files failed, more than the error_threshold of {settings.error_threshold} allows; "
                f"{left} of {tally.mini_batches} mini-batches were left unprocessed. The last failure:\n{failure}"
            )
            raise JobFailed("ErrorThresholdExceeded", message)

    def _mourn(self, worker: Worker) -> None:
        """A worker is gone: killed, crashed, or after a failing init()."""
        attempt, slot = self.workers[worker], worker.slot
        ending = self._remove(worker)
        if attempt is not None:
            details = tail(self.logs.stderr(slot), 20)
            self._failed(worker, attempt, "RUN_DIED", f"{ending} while it ran this mini-batch", details)
        elif not worker.ready:
            error, details = worker.failure or (f"init(): {ending}", tail(self.logs.stderr(slot), 20))
            self._init_failed(slot, error, details)

    def _init_failed(self, slot: Slot, error: str, details: str) -> None:
        """Azure stops trying after 3 failures in a row per process of a node ("What happens if init fails?")."""
        self.init_failures[slot.node] += 1
        most = 3 * self.plan.settings.max_concurrency_per_instance
        count = self.init_failures[slot.node]
        self.logs.error(slot, f"{error} (failure {count} of {most} in a row on {slot.node})", details)
        if count >= most:
            what = (
                f"No worker process of {slot.node} could be initialised, {count} tries: {self.plan.script.name} {error}"
            )
            raise JobFailed("InitFailed", with_advice(what, details, explain(error)))

    def _check_limits(self) -> None:
        now, timeout = time.monotonic(), self.plan.settings.timeout
        if self.stop is not None and self.stop.is_set():
            raise JobFailed("Canceled", "The job was cancelled.")
        for worker, attempt in list(self.workers.items()):
            if attempt and attempt.deadline is not None and now >= attempt.deadline:
                self._remove(worker)
                attempt.timeouts += 1
                error = (
                    f"The run() function in the entry script had timeout for {attempt.timeouts} times: it was stopped "
                    f"after the {timeout:g} s that retry_settings.timeout allows per mini-batch"
                )
                self._failed(worker, attempt, "RUN_TIMEOUT", error, tail(self.logs.stdout(worker.slot), 5))
        stuck = 3 * timeout + STUCK_SECONDS
        if self.workers and all(not worker.ready and now - worker.started > stuck for worker in self.workers):
            what = f"No progress: every worker process has been in init() for more than {stuck:g} s"
            advice = f"make init() load less, or raise retry_settings.timeout: 3 x timeout + {STUCK_SECONDS:g} s count."
            raise JobFailed("InitFailed", with_advice(what, "", advice))

    def _report(self, worker: Worker, attempt: Attempt, status: str, count: int, error: str, *seconds: float) -> None:
        total = len(attempt.mini_batch.files)
        cpu, run = seconds or ("", "")
        elapsed = round(time.monotonic() - attempt.began, 4)
        process = f"{worker.slot.node}/{worker.slot.name}"
        who = (attempt.mini_batch.id, attempt.number, process, attempt.picked)
        self.logs.attempt((*who, total, count, max(0, total - count), elapsed, cpu, run, status, error))
        self.logs.node(worker.slot, f"pid {worker.pid} {status} {attempt.mini_batch}: {count} of {total} succeeded")

    def _shut_down(self) -> None:
        """Lets idle workers run shutdown() and end; one still in init() has nothing left to do."""
        ready = {worker for worker in self.workers if worker.ready}
        for worker in self.workers.keys() - ready:
            self._remove(worker)
        for worker in ready:
            worker.send("stop")
        limit = time.monotonic() + SHUTDOWN_SECONDS
        while (left := ready & self.workers.keys()) and time.monotonic() < limit:
            self._listen(TICK)
        for worker in left:
            self.logs.error(worker.slot, f"killed: shutdown() took longer than {SHUTDOWN_SECONDS:g} s", "")

    def _remove(self, worker: Worker) -> str:
        """Kills a worker, unless it has ended, and forgets it; returns how it ended."""
        self.selector.unregister(worker)
        ending = worker.kill()
        del self.workers[worker]
        self.logs.node(worker.slot, f"pid {worker.pid}: {ending}")
        return ending


def _stage(stage: str) -> str:
    return "could not be imported" if stage == "import" else "init() failed"
