"""Imperative steps in a declarative program: what Azure has no resource for, done once for each state it acts on.

A step is a `pulumi.Stash` whose input names what it acts on, by id and by digest. Its before-hook does the work, so a
step that fails leaves no trace in the state: `up` fails, the next `up` tries again, and once it has passed it is not
repeated until the input changes. After-hooks would not be repeated, delete hooks would make a plain `pulumi destroy`
fail.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Any

import pulumi
from pulumi import (
    ErrorHook,
    ErrorHookArgs,
    ResourceHook,
    ResourceHookArgs,
    ResourceHookBinding,
    ResourceHookOptions,
    ResourceOptions,
)

from components import arm

Values = Mapping[str, Any]
REFUSED = r"not authorized|Unauthorized|AuthorizationPermissionMismatch|AuthorizationFailed"
Work = Callable[[Values, Values | None], None]


def step(
    name: str, *, acts_on: Mapping[str, pulumi.Input[Any]], work: Work, opts: ResourceOptions, forget: bool = False
) -> pulumi.Stash:
    """Does `work(new, old)` when `acts_on` is new or has changed; `old` is None the first time. Previews do nothing.

    With `forget` a change first takes the old value out of the state. A step that then fails is due again whatever the
    next `up` wants, also when it wants the old value back: right where the way to the step undoes what it did before.
    """

    async def before(args: ResourceHookArgs) -> None:
        old = args.old_inputs["input"] if args.old_inputs else None
        await in_thread(work, _wire(args)["input"], old)

    hook = ResourceHook(f"step-{name}", before)
    hooks = ResourceHookBinding(before_create=[hook], before_update=[hook])
    replaced = ResourceOptions(replace_on_changes=["input"], delete_before_replace=True) if forget else None
    opts = ResourceOptions.merge(ResourceOptions.merge(opts, ResourceOptions(hooks=hooks)), replaced)
    return pulumi.Stash(f"{name}-step", input=acts_on, opts=opts)


def before_create(name: str, work: Callable[[Values], None]) -> ResourceHookBinding:
    """Does `work(inputs)` before a resource is created; inputs are named as on the wire (`resourceGroupName`)."""

    async def before(args: ResourceHookArgs) -> None:
        await in_thread(work, _wire(args))

    return ResourceHookBinding(before_create=[ResourceHook(f"before-{name}", before)])


def before_update(name: str, work: Callable[[str], None]) -> ResourceHook:
    """Does `work(id)` before a resource is changed."""

    async def before(args: ResourceHookArgs) -> None:
        await in_thread(work, args.id)

    return ResourceHook(f"before-{name}", before)


def after_update(name: str, work: Callable[[str], None]) -> ResourceHook:
    """Does `work(id)` after a resource was changed. A failure is a warning: the engine would not repeat the hook."""

    async def after(args: ResourceHookArgs) -> None:
        await in_thread(work, args.id)

    return ResourceHook(f"after-{name}", after, ResourceHookOptions(ignore_errors=True))


def again_until_authorized(name: str, *, otherwise: Callable[[str], None]) -> ErrorHook:
    """Tries again what Azure refused for a missing right: a role assignment takes minutes to reach services.

    When a change of a resource fails for good, does `otherwise(id)`; the failure stays one.
    """

    async def on_error(args: ErrorHookArgs) -> bool:
        attempts = len(args.errors)
        if re.search(REFUSED, args.errors[0]) and sum(map(_pause, range(attempts))) < arm.PATIENCE_SECONDS:
            if attempts == 1:
                pulumi.log.info(f"{args.name}: not authorized yet, a role assignment may be on its way; trying again")
            await asyncio.sleep(_pause(attempts))
            return True
        if args.failed_operation == "update":
            await in_thread(otherwise, args.id)
        return False

    return ErrorHook(f"again-{name}", on_error)


def _pause(attempts: int) -> float:
    """Seconds to wait after so many failed attempts."""
    return min(1.5**attempts, 20)


def _wire(args: ResourceHookArgs) -> Values:
    return args.new_inputs or {}


async def in_thread(work: Callable[..., None], *values: Any) -> None:
    """Does the work of a hook beside the program; what it raises always has a message."""
    # The program's event loop goes on meanwhile: a hook that blocks it would hold up every other resource.
    try:
        await asyncio.to_thread(work, *values)
    except Exception as error:
        # The engine takes an empty message for success. Azure's clients say code and message a second time, below.
        raise RuntimeError(str(error).partition("\nCode: ")[0] or repr(error)) from error
