"""Event Hubs, Stream Analytics and the metrics of its jobs, hooked into a sandbox."""

from typing import Never

from azure_sandbox.services import Hooks
from azure_sandbox_storage.blobs import Blobs

from azure_sandbox_streaming import event_hubs, metrics, stream_analytics

AFTER = ("storage",)


def install(hooks: Hooks) -> list[Never]:
    log = event_hubs.install(hooks.sandbox, hooks.web)
    stream_analytics.install(hooks.sandbox, hooks.offered(Blobs), log, metrics.install(hooks.sandbox))
    return []
