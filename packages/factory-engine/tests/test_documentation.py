"""The README says what the package does, and its example runs."""

import re
from pathlib import Path

from factory_engine.documentation import renewed

README = Path(__file__).parents[1] / "README.md"


def test_the_readmes_tables_are_fresh() -> None:
    text = README.read_text(encoding="utf-8")
    assert text == renewed(text), "run: python -m factory_engine.documentation packages/factory-engine/README.md"


def test_the_readmes_example_runs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    exec(code, names)
    example = names["test_the_hour_is_scored_after_it_was_found_complete"]
    assert callable(example)
    example()
