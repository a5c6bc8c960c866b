"""The model folder: model files and golden rows, held together by `manifest.json`.

A pickle runs code when it is loaded. So every byte is checked before anything is: each file's SHA-256 against the
manifest, and the whole folder's digest against the one that the deployment names. Problems load from the checked bytes,
never from the disk again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scoring.code import digest, model_files

MANIFEST = "manifest.json"
GOLDEN_INPUT = "golden/input.parquet"
GOLDEN_EXPECTED = "golden/expected.parquet"
RELATIVE_TOLERANCE = 1e-6
"""How far a golden row's numbers may be from those at training: other processors round differently, no more."""


class ModelRefused(Exception):
    """The model folder is not what was trained, or not fit for this environment. Nothing of it was executed."""


@dataclass(frozen=True, kw_only=True)
class ModelFolder:
    """A folder whose every file was checked: its digest, its manifest, and the checked bytes by name."""

    digest: str
    manifest: Mapping[str, Any]
    files: Mapping[str, bytes]


def write(folder: Path, *, manifest: Mapping[str, Any], files: Mapping[str, bytes]) -> str:
    """Write the model folder, replacing what is there; its digest. The manifest gains hashes and versions."""
    import numpy
    import sklearn

    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
    versions = {"sklearn": sklearn.__version__, "numpy": numpy.__version__}
    text = json.dumps({**manifest, "versions": versions, "files": hashes}, indent=1, sort_keys=True) + "\n"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        built = Path(temporary, "model")
        for name, data in {**files, MANIFEST: text.encode()}.items():
            target = built / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        if folder.exists():
            shutil.rmtree(folder)
        built.rename(folder)
    return digest(model_files(folder))


def find(root: Path) -> Path:
    """The model folder at or below `root`: where Azure ML mounts a model depends on how it was registered."""
    found = sorted(root.rglob(MANIFEST))
    if len(found) != 1:
        raise ModelRefused(f"{root}: found {len(found)} files {MANIFEST} there or below, expected exactly one")
    return found[0].parent


def verify(folder: Path, *, problem: str, expected_digest: str | None) -> ModelFolder:
    """Read and check the folder; ModelRefused says which file or version is not as expected. Executes nothing of it."""
    # A link may lead out of the folder, or change between check and use.
    links = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink()]
    if links:
        raise ModelRefused(f"{folder}: {', '.join(sorted(links))} is a link; a model folder holds plain files only")
    files = {name: path.read_bytes() for name, path in model_files(folder).items()}
    found = digest(files)
    if expected_digest and found != expected_digest:
        raise ModelRefused(f"{folder}: the model's digest is {found}, the deployment expects {expected_digest}")
    manifest = _read_manifest(folder, files.pop(MANIFEST))
    _check_hashes(folder, manifest["files"], files)
    if manifest.get("problem") != problem:
        raise ModelRefused(f"{folder / MANIFEST}: problem is {manifest.get('problem')!r}, expected {problem!r}")
    _check_version(folder, manifest["versions"])
    return ModelFolder(digest=found, manifest=manifest, files=files)


def _read_manifest(folder: Path, data: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(data)
    except ValueError as error:
        raise ModelRefused(f"{folder / MANIFEST}: not JSON: {error}") from error
    for name in ("files", "versions"):
        if not isinstance(manifest, dict) or not isinstance(manifest.get(name), dict):
            raise ModelRefused(f"{folder / MANIFEST}: no object {name!r}")
    return manifest


def _check_hashes(folder: Path, hashes: Mapping[str, str], files: Mapping[str, bytes]) -> None:
    missing, unknown = hashes.keys() - files, files.keys() - hashes
    if missing or unknown:
        found = [f"{name} is missing" for name in sorted(missing)] + [
            f"{name} is not listed" for name in sorted(unknown)
        ]
        raise ModelRefused(f"{folder}: not the files of {MANIFEST}: {', '.join(found)}")
    for name, data in files.items():
        found = hashlib.sha256(data).hexdigest()
        if found != hashes[name]:
            raise ModelRefused(f"{folder / name}: SHA-256 is {found}, {MANIFEST} says {hashes[name]}")


def _check_version(folder: Path, versions: Mapping[str, str]) -> None:
    import sklearn

    trained = versions.get("sklearn")
    if trained != sklearn.__version__:
        # scikit-learn: pickles may not load, or give other results, under another version.
        # https://scikit-learn.org/stable/model_persistence.html
        raise ModelRefused(f"{folder}: trained with scikit-learn {trained}, this environment has {sklearn.__version__}")


def golden_problems(expected: Any, found: Any) -> list[str]:
    """How two tables of predictions differ, by column and first row; empty when the second reproduces the first."""
    import numpy as np
    import pyarrow as pa

    if expected.num_rows != found.num_rows:
        return [f"{found.num_rows} rows, expected {expected.num_rows}"]
    problems = []
    for name in expected.column_names:
        if name not in found.column_names:
            problems.append(f"column {name} is missing")
            continue
        before, now = expected[name].to_numpy(), found[name].to_numpy()
        if pa.types.is_floating(expected[name].type):
            same = np.isclose(now, before, rtol=RELATIVE_TOLERANCE, atol=0.0)
        else:
            same = before == now
        if not same.all():
            row = int(np.argmin(same))
            problems.append(f"column {name}, row {row}: {now[row]}, expected {before[row]}")
    return problems
