"""The services of a sandbox: where each is hooked into Resource Manager, the hosts and the clock."""

from azure_sandbox import dfs, event_hubs, monitor, storage, stream_analytics
from azure_sandbox.blobs import Blobs
from azure_sandbox.context import Sandbox
from azure_sandbox.machine_learning import MachineLearning
from azure_sandbox.ml_jobs import Jobs
from azure_sandbox.run_history import RunHistory
from azure_sandbox.web import Web


def install(sandbox: Sandbox, web: Web) -> Jobs:
    """Returns the jobs, which are started and ended with the process."""
    blobs = Blobs(sandbox)
    metrics = monitor.install(sandbox)
    storage.install(sandbox, blobs)
    dfs.install(blobs, web)
    log = event_hubs.install(sandbox, web)
    stream_analytics.install(sandbox, blobs, log, metrics)
    learning = MachineLearning(sandbox, blobs)
    learning.install(web)
    RunHistory(sandbox, blobs, learning.jobs).install(web)
    return learning.jobs
