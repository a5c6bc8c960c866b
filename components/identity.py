"""User-assigned identities: who the sensors, the workspace and the cluster are to Azure."""

from pulumi_azure_native import managedidentity

from components.place import Place


def identity(name: str, *, azure_name: str, place: Place) -> managedidentity.UserAssignedIdentity:
    """One identity without any rights; access.py gives them."""
    return managedidentity.UserAssignedIdentity(
        f"{name}-identity",
        resource_name_=azure_name,
        resource_group_name=place.group,
        location=place.location,
        tags=place.tags,
    )
