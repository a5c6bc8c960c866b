"""Started by the engine: prints a port, serves until the engine says goodbye or dies."""

import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from azure_sandbox.provider.servicer import Provider

LARGE = 400 << 20  # the engine's own limit of a message


def main() -> int:
    engine = os.getppid()
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
