"""The expression language of Data Factory: `@…`, `@{…}`, `@@`, on JSON values.

https://learn.microsoft.com/azure/data-factory/control-flow-expression-language-functions. Where that page is silent or
wrong, Microsoft's own evaluator decided (tests/judged.jsonl holds its answers).
"""

from factory_engine.expressions.errors import ExpressionError
from factory_engine.expressions.evaluation import Scope, evaluate
from factory_engine.expressions.functions import FUNCTIONS
from factory_engine.expressions.references import Place, check
from factory_engine.expressions.signature import Function
from factory_engine.expressions.template import Template, expressions_in, parse

__all__ = [
    "FUNCTIONS",
    "ExpressionError",
    "Function",
    "Place",
    "Scope",
    "Template",
    "check",
    "evaluate",
    "expressions_in",
    "parse",
]
