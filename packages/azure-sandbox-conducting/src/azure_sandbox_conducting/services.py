"""Azure SQL, Synapse serverless and Data Factory, hooked into a sandbox."""

from azure_sandbox.services import Hooks, Service
from azure_sandbox_learning.jobs import Jobs

from azure_sandbox_conducting.data_factory import DataFactory
from azure_sandbox_conducting.sql import Sql

AFTER = ("learning",)


def install(hooks: Hooks) -> list[Service]:
    sql = Sql(hooks.sandbox, hooks.blobs)
    sql.install()
    factories = DataFactory(hooks.sandbox, hooks.blobs, sql, hooks.offered(Jobs))
    factories.install()
    return [sql, factories]
