"""Started by the engine: prints a port, serves until the engine says goodbye or dies."""

import importlib.util
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import grpc

LARGE = 400 << 20  # the engine's own limit of a message


def skip_imports() -> None:
    """The engine waits for this process at every command. Of pulumi only the messages are needed here, and of httpx
    not its command line: their packages are entered without running what else they import, 0.3 of 0.45 seconds."""
    found = importlib.util.find_spec("pulumi")
    root = next(iter(found.submodule_search_locations or [])) if found else ""
    for name, path in {"pulumi": root, "pulumi.runtime": f"{root}/runtime"}.items():
        module = ModuleType(name)
        module.__path__ = [path]
        sys.modules[name] = module
    sys.modules["httpx._main"] = None  # type: ignore[assignment]  # an ImportError, which httpx expects


def main() -> int:
    engine = os.getppid()
    skip_imports()
    from pulumi.runtime.proto import provider_pb2_grpc

    from azure_sandbox_pulumi.servicer import Provider

    server = grpc.server(ThreadPoolExecutor(32), options=[("grpc.max_receive_message_length", LARGE)])
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    server.start()
    print(port, flush=True)
    while not stopped.wait(0.5) and os.getppid() == engine:
        pass  # an engine that was killed says goodbye to nobody
    server.stop(1).wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
