"""The activities that need nothing of the world: Wait, SetVariable, Fail, IfCondition, Until."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from factory_engine import records
from factory_engine.definitions import Json, all_activities, branches, own_properties, seconds_of
from factory_engine.expressions import ExpressionError, evaluate
from factory_engine.expressions.conversion import kind
from factory_engine.parameters import fits
from factory_engine.timing import within
from factory_engine.world import ActivityError, Output

if TYPE_CHECKING:
    from factory_engine.execution import Attempt, Execution, Outcome

# https://learn.microsoft.com/azure/data-factory/control-flow-until-activity: seven days
UNTIL_TIMEOUT = "7.00:00:00"


async def perform(execution: "Execution", attempt: "Attempt") -> Output:
    """The output of a control activity. Raises ActivityError or ExpressionError."""
    return await _PERFORM[str(attempt.activity["type"])](execution, attempt)


async def _wait(execution: "Execution", attempt: "Attempt") -> Output:
    inputs = evaluate(own_properties(attempt.activity), execution.pipeline_run.scope())
    seconds = inputs["waitTimeInSeconds"]
    if kind(seconds) != "Integer" or seconds < 0:
        msg = f"waitTimeInSeconds expects a whole number of seconds, found {seconds!r}"
        raise ActivityError("BadRequest", msg)
    attempt.asked(inputs)
    await execution.pipeline_run.clock.sleep(seconds)
    return {}


async def _set_variable(execution: "Execution", attempt: "Attempt") -> Output:
    run = execution.pipeline_run
    inputs = evaluate(own_properties(attempt.activity), run.scope())
    name = next(each for each in run.variables if each.lower() == str(inputs["variableName"]).lower())
    declared, value = run.variable_type(name), inputs["value"]
    if not fits(value, declared):
        msg = (
            f"The variable '{name}' of type '{declared}' cannot be initialized or updated with value of type "
            f"'{kind(value)}'. The variable '{name}' only supports values of types '{declared}'."
        )
        raise ActivityError("BadRequest", msg)
    run.variables[name] = value
    attempt.asked({"name": name, "value": value})
    return {"name": name, "value": value}


async def _fail(execution: "Execution", attempt: "Attempt") -> Output:
    inputs = own_properties(attempt.activity)
    message, code = (_interpreted(execution, inputs.get(each)) for each in ("message", "errorCode"))
    attempt.asked({"message": message, "errorCode": code})
    raise fail_error(str(attempt.activity["name"]), message, code)


_FAILED = object()


def _interpreted(execution: "Execution", value: Any) -> Any:
    try:
        return evaluate(value, execution.pipeline_run.scope())
    except ExpressionError:
        return _FAILED


def fail_error(name: str, message: Any, code: Any) -> ActivityError:
    """The error of a Fail activity, with the edge cases of
    https://learn.microsoft.com/azure/data-factory/control-flow-fail-activity."""
    usable = isinstance(code, str) and code.strip()
    if isinstance(message, str) and message.strip():
        text = message
    elif message is _FAILED or message is None or isinstance(message, str):
        text = f"Failed to interpret {name} fail message or error code"
    else:
        text = f"{name} fail message parameter couldn't be interpreted as a string"
    return ActivityError(code if usable else "ErrorCodeNotString", text)


async def _if_condition(execution: "Execution", attempt: "Attempt") -> Output:
    chosen = _condition(execution, attempt.activity)
    attempt.asked({})
    inside = branches(attempt.activity)["ifTrueActivities" if chosen else "ifFalseActivities"]
    outcome = await execution.inner().run(inside)
    _raise_inner(outcome)
    return {}


async def _until(execution: "Execution", attempt: "Attempt") -> Output:
    run, name = execution.pipeline_run, str(attempt.activity["name"])
    try:
        limit = seconds_of(evaluate(own_properties(attempt.activity).get("timeout", UNTIL_TIMEOUT), run.scope()))
    except ExpressionError:
        raise
    except ValueError as error:
        raise ActivityError("BadRequest", str(error)) from None
    attempt.asked({})
    _raise_inner(await within(run.clock, limit, _loop(execution, attempt), name))
    return {}


async def _loop(execution: "Execution", attempt: "Attempt") -> "Outcome":
    """Repeats until the expression holds. A failed inner activity does not stop it; the last iteration counts."""
    inside, iteration = branches(attempt.activity)["activities"], 0
    clock = execution.pipeline_run.clock
    while True:
        began = clock.now()
        for each in all_activities(inside):
            execution.pipeline_run.activities.pop(str(each["name"]), None)
        hashed = records.iteration_hash(attempt.record["activityRunId"], iteration)
        outcome = await execution.inner(hashed).run(inside)
        if _condition(execution, attempt.activity):
            return outcome
        if clock.now() == began:
            # On the service no iteration is free; on a clock that stands still while work is done it would never end.
            await clock.sleep(1)
        iteration += 1


def _condition(execution: "Execution", activity: Json) -> bool:
    expression = own_properties(activity)["expression"]
    value = evaluate(expression, execution.pipeline_run.scope())
    if not isinstance(value, bool):
        msg = f"The expression of '{activity['name']}' must be true or false, found {kind(value)}"
        raise ActivityError("BadRequest", msg)
    return value


def _raise_inner(outcome: "Outcome") -> None:
    for name, error in outcome.errors.items():
        msg = f"Activity failed because an inner activity failed; Inner activity name: {name}, Error: {error.message}"
        raise ActivityError("ActionFailed", msg, error.failure_type)


_PERFORM: dict[str, Callable[["Execution", "Attempt"], Awaitable[Output]]] = {
    "Wait": _wait,
    "SetVariable": _set_variable,
    "Fail": _fail,
    "IfCondition": _if_condition,
    "Until": _until,
}
