"""The services of a sandbox: where each is hooked into Resource Manager, the hosts and the clock."""

from typing import Protocol

from azure_sandbox import dfs, event_hubs, monitor, storage, stream_analytics
from azure_sandbox.blobs import Blobs
from azure_sandbox.context import Sandbox
from azure_sandbox.data_factory import DataFactory
from azure_sandbox.machine_learning import MachineLearning
from azure_sandbox.run_history import RunHistory
from azure_sandbox.sql import Sql
from azure_sandbox.web import Web


class Service(Protocol):
    def start(self) -> None: ...

    async def close(self) -> None: ...


def install(sandbox: Sandbox, web: Web) -> list[Service]:
    """Returns what is started, and ended in the reverse order, with the process."""
    blobs = Blobs(sandbox)
    metrics = monitor.install(sandbox)
    storage.install(sandbox, blobs)
    dfs.install(blobs, web)
    log = event_hubs.install(sandbox, web)
    stream_analytics.install(sandbox, blobs, log, metrics)
    learning = MachineLearning(sandbox, blobs)
    learning.install(web)
    RunHistory(sandbox, blobs, learning.jobs).install(web)
    sql = Sql(sandbox, blobs)
    sql.install()
    factories = DataFactory(sandbox, blobs, sql, learning.jobs)
    factories.install()
    return [sql, learning.jobs, factories]
