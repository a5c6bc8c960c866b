"""What Resource Manager itself checks of any resource, before its service looks at it; and how paths are read."""

import copy
import inspect
import re
from typing import Any

from azure_sandbox.errors import AzureError
from azure_sandbox.ids import GROUP, group_of, kind_of, name_of, type_of
from azure_sandbox.rules.types import Body, Type, refuse

Answer = tuple[int, Any, dict[str, str]]
RESERVED = re.compile(r"[<>%&\\?/\x00-\x1f\x7f]")
LOCATIONS = """australiaeast brazilsouth canadacentral centralindia centralus eastasia eastus eastus2 francecentral
germanywestcentral global italynorth japaneast koreacentral northcentralus northeurope norwayeast polandcentral
southafricanorth southcentralus southeastasia spaincentral swedencentral switzerlandnorth uaenorth uksouth ukwest
westcentralus westeurope westus westus2 westus3""".split()  # noqa: SIM905


def check_envelope(rule: Type, path: str, new: Body, old: Body | None) -> None:
    """Location and tags."""
    if rule.tracked:
        location = new.get("location") or (old or {}).get("location")
        refuse(not location, "The location property is required for this definition.", "LocationRequired")
        new["location"], place = location, str(location).lower().replace(" ", "")
        text = (
            f"The provided location '{location}' is not available for resource type '{rule.name}'. List of available "
        )
        text += f"regions for the resource type is '{','.join(LOCATIONS)}'."
        refuse(place not in LOCATIONS, text, "LocationNotAvailableForResourceType")
        before = str((old or {}).get("location", location))
        text = (
            f"The resource '{name_of(path)}' already exists in location '{before}'. A resource with the same name "
            f"cannot be created in location '{location}'. Please select a new resource name."
        )
        error = "InvalidResourceGroupLocation" if rule.kind == GROUP else "InvalidResourceLocation"
        refuse(place != before.lower().replace(" ", ""), text, error, 409)
    if new.get("tags") is not None:
        _check_tags(new["tags"], 128 if rule.kind == "microsoft.storage/storageaccounts" else 512)


def _check_tags(tags: Any, longest: int) -> None:
    """learn.microsoft.com/azure/azure-resource-manager/management/tag-resources; the words are azure-powershell's."""
    wrong = [k for k, v in tags.items() if not isinstance(v, str)] if isinstance(tags, dict) else [""]
    text = "The request content was invalid and could not be deserialized: the value of a tag must be a string. Path "
    refuse(wrong, f"{text}'tags.{''.join(wrong[:1])}'.", "InvalidRequestContent")
    text = f"Too many tags specified. Requested tag count - '{len(tags)}'. Maximum number of tags allowed - '50'."
    refuse(len(tags) > 50, text, "InvalidTags")
    wrong = [name for name in tags if RESERVED.search(name) and not name.startswith(("hidden-", "link:"))]
    text = f"The tag names '{', '.join(wrong)}' have reserved characters '<,>,%,&,\\,?,/' or control characters."
    refuse(wrong, text, "InvalidTagNameCharacters")
    text = (
        "Tag {0} too large. Following tag {0} '{1}' exceeded the maximum length. Maximum allowed length for tag {0} - "
    )
    wrong = [name for name in tags if len(name) > longest]
    refuse(wrong, f"{text.format('name', ', '.join(wrong))}'{longest}' characters.", "InvalidTagName")
    wrong = [name for name, value in tags.items() if len(value) > 256]
    refuse(wrong, f"{text.format('value', ', '.join(wrong))}'256' characters.", "InvalidTagValueLength")


def is_item(path: str) -> bool:
    """Whether a path names one resource; else it names a collection, or an action on a resource."""
    lower = path.strip("/").lower().split("/")
    if "providers" not in lower:
        return len(lower) % 2 == 0
    return lower[::-1].index("providers") % 2 == 1


def action_type(rule: Type) -> str:
    return "Microsoft.Resources/subscriptions/resourceGroups" if rule.kind == GROUP else rule.name


def not_found(path: str) -> AzureError:
    group = name_of(group_of(path)) if group_of(path) else ""
    if kind_of(path) == GROUP:
        return AzureError(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.")
    text = (
        f"The Resource '{type_of(path)}/{name_of(path)}' under resource group '{group}' was not "
        "found. For more details please go to https://aka.ms/ARMResourceNotFoundFix"
    )
    return AzureError(404, "ResourceNotFound", text)


def merged(old: Any, change: Any) -> Any:
    """JSON merge patch (RFC 7396): objects merge, null removes, the rest replaces."""
    if not (isinstance(old, dict) and isinstance(change, dict)):
        return copy.deepcopy(change)
    result = {k: v for k, v in old.items() if k not in change}
    result |= {k: merged(old.get(k), v) for k, v in change.items() if v is not None}
    return result


def answered(result: tuple[Any, ...]) -> Answer:
    status, body, *rest = result
    return status, body, dict(rest[0]) if rest else {}


async def settled(result: Any) -> None:
    if inspect.isawaitable(result):
        await result
