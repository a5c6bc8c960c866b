"""Azure Machine Learning, hooked into a sandbox."""

from azure_sandbox.services import Hooks
from azure_sandbox_storage.blobs import Blobs

from azure_sandbox_learning.jobs import Jobs
from azure_sandbox_learning.machine_learning import MachineLearning
from azure_sandbox_learning.run_history import RunHistory

AFTER = ("storage",)


def install(hooks: Hooks) -> list[Jobs]:
    """Offers its `Jobs`."""
    learning = MachineLearning(hooks.sandbox, hooks.offered(Blobs))
    learning.install(hooks.web)
    RunHistory(hooks.sandbox, hooks.offered(Blobs), learning.jobs).install(hooks.web)
    hooks.offers[Jobs] = learning.jobs
    return [learning.jobs]
