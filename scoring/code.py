"""Which files make up the code that runs on the cluster, and the digests that name code and models."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

_HERE = Path(__file__).parent
_TEXT = {".py", ".txt", ".yml", ".json", ".asaql", ".sql"}
_GENERIC = ("__init__.py", "code.py", "contract.py", "model_folder.py", "rows.py")
_OF_THE_PROBLEM = ("__init__.py", "contract.py", "model.py")
_TRAINING = ("evaluate.py", "problems.py", "training.py")


def code_files(problem: str) -> dict[str, Path]:
    """Name in the code folder → file: the entry script at the top, the package `scoring` beside it.

    The list is explicit, so that a stray file never changes a digest. FileNotFoundError names what a problem lacks.
    """
    # In a staged code folder the script stands beside the package, in the repository inside it.
    script = next(
        (path for path in (_HERE / "score.py", _HERE.parent / "score.py") if path.is_file()), _HERE / "score.py"
    )
    files = {"score.py": script}
    files |= {f"scoring/{name}": _HERE / name for name in _GENERIC}
    files |= {f"scoring/{problem}/{name}": _HERE / problem / name for name in _OF_THE_PROBLEM}
    missing = [str(path) for path in files.values() if not path.is_file()]
    if missing:
        raise FileNotFoundError(f"problem {problem}: no file {', '.join(missing)}")
    return files


def training_files(problem: str) -> dict[str, Path]:
    """Name in the code folder → file, for a job that trains and compares: the scoring code, and what it lacks for that.

    Run `python -m scoring.<problem>.train` and `python -m scoring.evaluate` at the top of the folder.
    """
    files = code_files(problem)
    files |= {f"scoring/{name}": _HERE / name for name in _TRAINING}
    files[f"scoring/{problem}/train.py"] = _HERE / problem / "train.py"
    missing = [str(path) for path in files.values() if not path.is_file()]
    if missing:
        raise FileNotFoundError(f"problem {problem}: no file {', '.join(missing)}")
    return files


def model_files(folder: Path) -> dict[str, Path]:
    """Name in the model folder → file, for every file below `folder`."""
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    if "manifest.json" not in files:
        raise FileNotFoundError(f"{folder} holds no manifest.json: it is not a model folder")
    return files


def content(name: str, file: Path | bytes) -> bytes:
    """The bytes of a file as they are hashed and shipped: text files with LF endings, whatever the checkout has."""
    data = file if isinstance(file, bytes) else file.read_bytes()
    return data.replace(b"\r\n", b"\n") if Path(name).suffix in _TEXT else data


def digest(files: Mapping[str, Path | bytes]) -> str:
    """First 16 hex digits of the SHA-256 over (name, length, bytes) of every file, sorted by name."""
    total = hashlib.sha256()
    for name in sorted(files):
        data = content(name, files[name])
        total.update(f"{name}\n{len(data)}\n".encode())
        total.update(data)
    return total.hexdigest()[:16]


def stage(problem: str, folder: Path, files: Mapping[str, Path] | None = None) -> dict[str, Path]:
    """Write the problem's code folder, replacing what is there; name → written file. Its digest is that of `files`.

    `files` are those that score when none are given.
    """
    files = code_files(problem) if files is None else files
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        built = Path(temporary, "code")
        for name, path in files.items():
            target = built / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content(name, path))
        if folder.exists():
            shutil.rmtree(folder)
        built.rename(folder)
    return {name: folder / name for name in files}
