"""Tags have Azure's limits: learn.microsoft.com/azure/azure-resource-manager/management/tag-resources."""

import pytest
from arm_world import HERE, Arm

FITS = {"a b-c.d:ü": "any <value>/?", "hidden-link:/subscriptions/x": "Resource"}


@pytest.mark.parametrize(("short", "longest"), [("id/tagged", 512), ("log/tagged", 512), ("st/tagged1", 128)])
def test_a_name_and_a_value_may_be_so_long_and_no_longer(arm: Arm, short: str, longest: int) -> None:
    body = arm.body("st/work") if short.startswith("st/") else HERE
    fits = {"n" * longest: "v" * 256, **FITS}
    arm.ok("PUT", short, {**body, "tags": fits})
    assert arm.get(short)["tags"] == fits
    for tags, code, told in (
        ({"n" * (longest + 1): ""}, "InvalidTagName", f"Maximum allowed length for tag name - '{longest}' characters"),
        ({"n": "v" * 257}, "InvalidTagValueLength", "Maximum allowed length for tag value - '256' characters"),
    ):
        status, found, message = arm.refused("PUT", short, {**body, "tags": tags})
        assert (status, found, told in message) == (400, code, True)
    assert arm.get(short)["tags"] == fits


@pytest.mark.parametrize("character", [*"<>%&\\?/", "\t"])
def test_a_name_has_none_of_the_reserved_characters(arm: Arm, character: str) -> None:
    assert arm.refused("PUT", "id/tagged", {**HERE, "tags": {f"a{character}b": "x"}})[:2] == (
        400,
        "InvalidTagNameCharacters",
    )


def test_there_are_at_most_fifty(arm: Arm) -> None:
    tags = {f"t{number}": "x" for number in range(50)}
    arm.ok("PUT", "id/tagged", {**HERE, "tags": tags})
    change = {"tags": {"one": "more"}}
    assert arm.refused("PATCH", "id/tagged", change)[:2] == (400, "InvalidTags")
    assert arm.ok("PATCH", "id/tagged", {"tags": {"t0": None, "one": "more"}})["tags"]["one"] == "more"
