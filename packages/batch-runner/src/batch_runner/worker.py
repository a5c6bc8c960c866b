"""One worker process of a batch scoring job: loads the entry script, calls init() once, then run() per mini-batch.

This file is run by its path under any Python from 3.8 on, with the standard library only: the scoring environment
need not have batch_runner installed. The parent speaks over two pipes of its own, given as file descriptors in argv,
so stdout and stderr stay the script's. A frame is an 8-byte big-endian length and that many bytes of JSON:

    parent to worker   start {script, arguments, name, node, log_dir, output_dir, logging_level}
                       run {files} | stop
    worker to parent   ready | ran | result {returned, rows, run_seconds, cpu_seconds, max_rss}
                       failed {stage, error, traceback} | stopped

`ran` is sent as soon as run() returns: the mini-batch's timeout covers run() alone. When the pipe from the parent
closes, the parent is gone, and the worker ends itself with everything it started.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import queue
import signal
import struct
import sys
import threading
import time
import traceback
import types

CONTRACT = (
    "The run() method in the entry script should return a list or a pandas DataFrame. The length of returned result is "
    "considered as succeeded number of items. For --output_action=append_row, the returned result is what to write "
    "into the result file. The actual type of output is {}."
)


class EntryScript:
    """`azureml_user.parallel_run.EntryScript`, which exists on the cluster only: one instance per worker process.

    logger      writes to logs/user/entry_script_log/<node>/<process>.log.txt
    log_dir     that folder, agent_name the process' name, node_id the node's
    output_dir  AZUREML_BI_OUTPUT_PATH
    working_dir the folder the script runs in
    """

    _instance = None

    def __new__(cls, start=None):
        if cls._instance is None:
            cls._instance = object.__new__(cls)
            cls._instance._prepare(start)
        return cls._instance

    def _prepare(self, start):
        self.agent_name, self.node_id = start["name"], start["node"]
        self.log_dir, self.output_dir, self.working_dir = start["log_dir"], start["output_dir"], os.getcwd()
        self.logger = logging.getLogger("azureml_user.parallel_run")
        self.logger.setLevel(start["logging_level"].upper())
        self.logger.propagate = False
        os.makedirs(self.log_dir, exist_ok=True)
        handler = logging.FileHandler(os.path.join(self.log_dir, self.agent_name + ".log.txt"), delay=True)
        handler.setFormatter(logging.Formatter("%(asctime)s|%(levelname)s|%(process)d|%(message)s"))
        self.logger.addHandler(handler)

    @classmethod
    def install(cls, start):
        """Makes the one instance, and the module that scripts import it from."""
        cls(start)
        package, module = types.ModuleType("azureml_user"), types.ModuleType("azureml_user.parallel_run")
        package.__path__ = []
        setattr(package, "parallel_run", module)  # noqa: B010
        setattr(module, "EntryScript", cls)  # noqa: B010
        sys.modules.update({"azureml_user": package, "azureml_user.parallel_run": module})


class Replies:
    """The pipe to the parent."""

    def __init__(self, descriptor):
        self.pipe = os.fdopen(descriptor, "wb", buffering=0)

    def send(self, kind, **fields):
        body = json.dumps({"kind": kind, **fields}).encode("ascii")
        view = memoryview(struct.pack(">Q", len(body)) + body)
        while view:
            view = view[self.pipe.write(view) or 0 :]

    def failed(self, stage, error):
        """Reports an exception with the traceback as the script's author would see it, without this file's frames."""
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename.startswith((__file__, "<frozen importlib")):
            trace = trace.tb_next
        text = "".join(traceback.format_exception(type(error), error, trace))
        summary = "".join(traceback.format_exception_only(type(error), error)).strip().splitlines()
        self.send("failed", stage=stage, error=summary[-1] if summary else repr(error), traceback=text)


def listen(descriptor, requests):
    """Reads the parent's frames into `requests`; at the end of the pipe the parent is gone, and so must we be."""
    with os.fdopen(descriptor, "rb") as pipe:
        while True:
            head = pipe.read(8)
            body = pipe.read(struct.unpack(">Q", head)[0]) if len(head) == 8 else b""
            if not body:
                break
            requests.put(json.loads(body))
    if os.getpgrp() == os.getpid():  # our own session: takes the script's child processes along
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


def load(start):
    """Prepares the process as the service does and imports the entry script under its own name."""
    script = start["script"]
    folder, here = os.path.dirname(script), os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [folder] + [entry for entry in sys.path if os.path.abspath(entry or ".") not in (here, folder)]
    sys.argv[:] = [script, *start["arguments"]]
    # Azure: the root logger sinks to logs/user/stdout/<node>/processNNN.stdout.txt, at the deployment's level.
    logging.basicConfig(stream=sys.stdout, level=start["logging_level"].upper())
    EntryScript.install(start)
    name = os.path.splitext(os.path.basename(script))[0]
    spec = importlib.util.spec_from_file_location(name, script)
    if spec is None or spec.loader is None:
        raise ImportError("%s is not a Python file" % script)  # noqa: UP031
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    missing = [function for function in ("init", "run") if not callable(getattr(module, function, None))]
    if missing:
        raise AttributeError("the entry script %s must have a function %s()" % (script, missing[0]))  # noqa: UP031
    return module


def rows_of(returned, append):
    """(number of succeeded items, text to append): a row per line, a DataFrame's columns separated by a space."""
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(returned, pandas.DataFrame):
        return len(returned), returned.to_csv(sep=" ", header=False, index=False) if append and len(returned) else ""
    if isinstance(returned, list):
        return len(returned), "".join("%s\n" % (item,) for item in returned) if append else ""  # noqa: UP031
    raise TypeError(CONTRACT.format(type(returned).__name__))


def usage():
    """(CPU seconds, most resident memory in MB) of this process so far."""
    try:
        import resource
    except ImportError:
        return time.process_time(), None
    scale = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return time.process_time(), round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale, 1)


def run(module, request, append, replies):
    """Runs one mini-batch and replies with its result or its failure."""
    began, cpu = time.monotonic(), time.process_time()
    try:
        returned = module.run(list(request["files"]))
        seconds = time.monotonic() - began
        replies.send("ran")
        count, rows = rows_of(returned, append)
    except BaseException as error:  # SystemExit too: a script that exits fails its mini-batch, not the worker
        replies.failed("run", error)
        return
    cpu_now, memory = usage()
    replies.send(
        "result", returned=count, rows=rows, run_seconds=seconds, cpu_seconds=round(cpu_now - cpu, 4), max_rss=memory
    )


def main(request_descriptor, replies):
    requests = queue.SimpleQueue()
    threading.Thread(target=listen, args=(request_descriptor, requests), daemon=True).start()
    start = requests.get()
    stage = "import"
    try:
        module = load(start)
        stage = "init"
        module.init()
    except BaseException as error:
        replies.failed(stage, error)
        return
    replies.send("ready")
    while True:
        request = requests.get()
        if request["kind"] == "stop":
            break
        run(module, request, start["append"], replies)
    try:
        if callable(getattr(module, "shutdown", None)):
            module.shutdown()
    except BaseException as error:
        replies.failed("shutdown", error)
    replies.send("stopped")


if __name__ == "__main__":
    descriptors = [int(argument) for argument in sys.argv[1:]]
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    # Global, so that the pipe stays open until the script's exit handlers have run: its end is our end to the parent.
    to_parent = Replies(descriptors[1])
    main(descriptors[0], to_parent)
