"""The table of identities in docs/ says what components/access.py declares."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_table_of_identities_is_fresh():
    spec = importlib.util.spec_from_file_location("identities", ROOT / "tools" / "identities.py")
    assert spec is not None
    assert spec.loader is not None
    identities = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(identities)
    written = identities.FILE.read_text("utf-8")
    assert written == identities.document(), "docs/identities.md is stale: run python tools/identities.py"
