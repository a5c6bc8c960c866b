"""The expression language: what Microsoft's pages say, where errors point, and what is refused."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from factory_engine.expressions import ExpressionError, Place, Scope, check, evaluate, parse
from hypothesis import given, settings
from hypothesis import strategies as st

NOW = datetime(2026, 3, 5, 7, 8, 9, 123456, tzinfo=UTC)
SCOPE = Scope(
    now=lambda: NOW,
    new_id=lambda: "c2ecc88d-88c8-4096-912c-d6f2e2b138ce",
    references={"pipeline": {"parameters": {"myNumber": 42, "myString": "foo"}}},
)

# https://learn.microsoft.com/azure/data-factory/control-flow-expression-language-functions
DOCUMENTED = [
    ("parameters", "parameters"),
    ("parameters[1]", "parameters[1]"),
    ("@@", "@"),
    (" @", " @"),
    ("@pipeline().parameters.myString", "foo"),
    ("@{pipeline().parameters.myString}", "foo"),
    ("@pipeline().parameters.myNumber", 42),
    ("@{pipeline().parameters.myNumber}", "42"),
    ("Answer is: @{pipeline().parameters.myNumber}", "Answer is: 42"),
    ("@concat('Answer is: ', string(pipeline().parameters.myNumber))", "Answer is: 42"),
    ("Answer is: @@{pipeline().parameters.myNumber}", "Answer is: @{pipeline().parameters.myNumber}"),
    ("@concat('Baba', '''s ', 'book store')", "Baba's book store"),
    ("@utcNow()", "2026-03-05T07:08:09.1234560Z"),
    ("@utcNow('yyyy/MM/dd/HH')", "2026/03/05/07"),
    ("@guid('P')", "(c2ecc88d-88c8-4096-912c-d6f2e2b138ce)"),
    ("@guid('N')", "c2ecc88d88c84096912cd6f2e2b138ce"),
    ("@getPastTime(1, 'Hour', 's')", "2026-03-05T06:08:09"),
    ("@uriComponentToString('http%3A%2F%2Fcontoso.com')", "http://contoso.com"),
]


@pytest.mark.parametrize(("source", "value"), DOCUMENTED)
def test_a_string_gives_what_the_documentation_says(source: str, value: object) -> None:
    assert evaluate(source, SCOPE) == value


def test_expressions_are_evaluated_wherever_they_stand_in_json() -> None:
    definition = {"a": [{"type": "Expression", "value": "@add(1, 2)"}, "x@{add(1, 2)}"], "b": {"c": None, "d": 1}}
    assert evaluate(definition, SCOPE) == {"a": [3, "x3"], "b": {"c": None, "d": 1}}


ERRORS = [
    ("@concat('a', nosuch(1))", "the function 'nosuch' is not supported", 14),
    ("a @{item()}", "the function 'item' is not supported", 5),
    ("@substring('abc')", "substring() expects 2 to 3 argument(s), found 1", 2),
    ("@toLower(1)", "toLower() expects string for 'text', found Integer", 2),
    ("@formatDateTime('2026-01-01', 'D')", "the standard date format 'D' is not supported", 2),
    ("@add(1, 2", "expected the end, a comma, a closing bracket or a property, found the end", 10),
    ("@foo", "expected an opening parenthesis, found the end", 5),
    ('@"a"', "expected a function, a string in single quotes or a number, found '\"'", 2),
    ("@concat('a)", "the string has no closing quote", 9),
    ("@{add(1, 2)", "'@{' has no closing '}'", 1),
    ("@pipeline().parameters.nope", "'nope' is no property here, known are: known", 24),
    ("@pipeline().RunIdd", "'RunIdd' is no property here", 13),
    ("@variables('nope')", "the variable 'nope' is not declared", 12),
    ("@variables(concat('a'))", "variables() is supported with a name in quotes only", 2),
    ("@activity('Later').output", "activity('Later') refers to an activity which is not an ancestor", 11),
    ("@activity('Nope').output", "activity('Nope') refers to an activity which does not exist", 11),
    ("@activity('Before').outputs", "'outputs' is no property here, known are: error, output, status", 21),
    ("@activity('Before').error.code", "'code' is no property here", 27),
    ("@dataset().x", "the function 'dataset' is not expected at this location", 2),
    ("@trigger().outputs", "the function 'trigger' is not expected at this location", 2),
]


@pytest.mark.parametrize(("source", "reason", "position"), ERRORS)
def test_what_is_wrong_is_found_before_a_run_and_its_place_is_named(source: str, reason: str, position: int) -> None:
    place = Place(
        parameters=frozenset({"known"}),
        variables=frozenset({"v"}),
        activities=frozenset({"Before"}),
        hidden=frozenset({"Before", "Later"}),
    )
    (error,) = check(source, place)
    assert error.reason.startswith(reason)
    assert (error.position, error.expression) == (position, source)


def test_names_are_not_case_sensitive_and_an_optional_property_may_be_missing() -> None:
    place = Place(parameters=frozenset({"Known"}), activities=frozenset({"Before"}))
    assert check("@toUPPER(PIPELINE().Parameters.KNOWN)", place) == []
    assert check("@coalesce(pipeline().parameters?.nope, activity('before').output.x)", place) == []


def test_an_error_while_evaluating_points_at_the_call() -> None:
    with pytest.raises(ExpressionError) as raised:
        evaluate("@concat('a', div(1, 0))", SCOPE)
    assert str(raised.value) == "division by zero, at character 14 of \"@concat('a', div(1, 0))\""


@settings(deadline=None)
@given(st.text())
def test_any_text_can_be_said_as_a_quoted_string(text: str) -> None:
    quoted = text.replace("'", "''")
    assert evaluate(f"@concat('{quoted}')", SCOPE) == text


@settings(deadline=None)
@given(st.text(alphabet="ab@{}'", max_size=12))
def test_a_string_is_parsed_or_refused_with_a_place_in_it(text: str) -> None:
    errors = check(text, Place())
    assert all(1 <= (error.position or 0) <= len(text) + 1 for error in errors)
    assert errors or parse(text).source == text


@settings(deadline=None)
@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**31), 2**31).filter(bool))
def test_div_and_mod_fit_together(left: int, right: int) -> None:
    quotient, rest = evaluate(f"@div({left}, {right})", SCOPE), evaluate(f"@mod({left}, {right})", SCOPE)
    assert quotient * right + rest == left
    assert abs(rest) < abs(right)


@settings(deadline=None)
@given(
    st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 28)).map(lambda when: when.replace(tzinfo=UTC)),
    st.integers(-47, 47),
)
def test_adding_hours_agrees_with_python(when: datetime, hours: int) -> None:
    text = when.isoformat(timespec="microseconds").replace("+00:00", "Z")
    expected = (when + timedelta(hours=hours)).isoformat(timespec="microseconds").replace("+00:00", "0Z")
    assert evaluate(f"@addHours('{text}', {hours})", SCOPE) == expected


@settings(deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3), st.lists, max_leaves=6))
def test_json_and_string_are_inverse(value: object) -> None:
    text = json.dumps([value]).replace("'", "''")
    assert evaluate(f"@json(string(json('{text}')))", SCOPE) == [value]
