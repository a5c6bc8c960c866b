"""The core stays small enough to be read."""

from pathlib import Path

import azure_sandbox


def test_the_core_has_less_than_five_thousand_lines() -> None:
    files = [path for kind in ("*.py", "*.toml") for path in Path(azure_sandbox.__file__).parent.rglob(kind)]
    assert 1_000 < sum(len(path.read_text("utf-8").splitlines()) for path in files) < 5_000
