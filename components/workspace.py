"""The Azure ML workspace and its datastores: all access to storage by identity, no keys kept anywhere."""

from collections.abc import Sequence

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_azure_native import machinelearningservices as ml

from components import leftovers
from components.place import Place, keep, watch
from components.storage import StorageAccount

# Datastore → container of the workspace's account. Names of datastores take no hyphens.
DATASTORES = {"assets": "assets", "scoring_input": "scoring-input", "scoring_output": "scoring-output"}


class Workspace(pulumi.ComponentResource):
    """`batchscoring:index:Workspace`: the workspace with its identity, and a datastore for each container."""

    workspace_id: Output[str]
    name: Output[str]
    guid: Output[str]
    datastores: list[ml.Datastore]

    def __init__(
        self,
        name: str,
        *,
        identity_id: Input[str],
        account: StorageAccount,
        vault_id: Input[str],
        registry_id: Input[str],
        insights_id: Input[str],
        place: Place,
        after: Sequence[pulumi.Resource],
        opts: ResourceOptions | None = None,
    ):
        super().__init__("batchscoring:index:Workspace", name, {}, opts)
        workspace = ml.Workspace(
            f"{name}-workspace",
            workspace_name=place.names.workspace,
            resource_group_name=place.group,
            location=place.location,
            kind="Default",
            sku=ml.SkuArgs(name="Basic"),
            identity=ml.ManagedServiceIdentityArgs(type="UserAssigned", user_assigned_identities=[identity_id]),
            primary_user_assigned_identity=identity_id,
            storage_account=account.account_id,  # this and the vault are fixed for good
            key_vault=vault_id,
            container_registry=registry_id,
            application_insights=insights_id,
            system_datastores_auth_mode="Identity",
            public_network_access="Enabled",
            v1_legacy_mode=False,
            tags=place.tags,
            opts=keep(
                self, place, depends_on=list(after), hooks=leftovers.hooks(name, place, leftovers.purge_workspace)
            ),
        )
        self.datastores = [
            ml.Datastore(
                f"{name}-{datastore.replace('_', '-')}",
                name=datastore,
                workspace_name=workspace.name,
                resource_group_name=place.group,
                properties=ml.AzureBlobDatastoreArgs(
                    datastore_type="AzureBlob",
                    account_name=account.account_name,
                    container_name=account.containers[container].name,
                    endpoint="core.windows.net",
                    protocol="https",
                    credentials=ml.NoneDatastoreCredentialsArgs(credentials_type="None"),
                    service_data_access_auth_identity="WorkspaceUserAssignedIdentity",
                    tags=place.tags,
                ),
                skip_validation=True,  # Azure would try the data at once, before the roles have reached storage
                opts=ResourceOptions(parent=self),
            )
            for datastore, container in DATASTORES.items()
        ]
        watch(f"{name}-workspace", workspace.id, place, self)
        self.workspace_id, self.name, self.guid = workspace.id, workspace.name, workspace.workspace_id
        self.register_outputs({"workspace_id": self.workspace_id, "name": self.name, "guid": self.guid})

    def scopes(self, prefix: str, account: StorageAccount) -> dict[str, Output[str]]:
        """Where roles are given: the workspace, and its default datastore's container, which Azure ML makes."""
        default = Output.concat(account.account_id, "/blobServices/default/containers/azureml-blobstore-", self.guid)
        return {"workspace": self.workspace_id, f"{prefix}/default": default}
