"""The closed list of functions, by lower-case name."""

from factory_engine.expressions import functions_of_text, functions_of_time, functions_of_values
from factory_engine.expressions.signature import Function

FUNCTIONS: dict[str, Function] = {
    each.name.lower(): each
    for each in (*functions_of_values.FUNCTIONS, *functions_of_text.FUNCTIONS, *functions_of_time.FUNCTIONS)
}
