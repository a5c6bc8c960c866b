"""Azure SQL, Synapse serverless and Data Factory, hooked into a sandbox."""

from azure_sandbox.services import Hooks, Service
from azure_sandbox_learning.jobs import Jobs
from azure_sandbox_storage.blobs import Blobs

from azure_sandbox_conducting.data_factory import DataFactory
from azure_sandbox_conducting.private_link import PrivateLinks
from azure_sandbox_conducting.sql import Sql

AFTER = ("learning", "storage")


def install(hooks: Hooks) -> list[Service]:
    sql = Sql(hooks.sandbox, hooks.offered(Blobs))
    sql.install()
    PrivateLinks(hooks.sandbox).install(hooks.sandbox.manager)
    factories = DataFactory(hooks.sandbox, hooks.offered(Blobs), sql, hooks.offered(Jobs))
    factories.install()
    return [sql, factories]
