"""Environments of jobs: the Python packages of a conda file in a virtual environment of this machine, built once by uv.

They are kept by the digest of what they hold in the user's cache, shared by all sandboxes. The image, its system
packages and conda packages other than Python and pip are not there: a file that asks for them is refused by name.
"""

import asyncio
import fcntl
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import uv
import yaml

from azure_sandbox_learning.data import JobFailed

PYTHON = re.compile(r"python\s*(?:={1,2}\s*(\d+\.\d+)(?:\.\d+)?)?", re.IGNORECASE)


def requirements_of(conda_file: str | None) -> tuple[str, list[str]]:
    """Python's version ('3.11') and the pip requirements of a conda file."""
    document: Any = yaml.safe_load(conda_file or "{}") or {}
    version, requirements = f"{sys.version_info[0]}.{sys.version_info[1]}", []
    for entry in document.get("dependencies") or []:
        found = PYTHON.fullmatch(str(entry).strip())
        if isinstance(entry, dict) and "pip" in entry:
            requirements += [str(line) for line in entry["pip"]]
        elif found:
            version = found[1] or version
        elif not re.fullmatch(r"pip\s*([=<>].*)?", str(entry).strip()):
            message = f"The conda package '{entry}' is not offered by this sandbox: only python and pip packages are."
            raise JobFailed("ImageBuildFailure", message)
    return version, requirements


def folder_of(conda_file: str | None) -> Path:
    version, requirements = requirements_of(conda_file)
    parts = [version, platform.platform(), *sorted(requirements)]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "azure-sandbox" / "environments"
    return cache / hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


async def build(conda_file: str | None) -> tuple[Path, str]:
    """The interpreter of the environment, and the log of its build. Raises JobFailed with the builder's own words."""
    return await asyncio.to_thread(_build, conda_file)


def _build(conda_file: str | None) -> tuple[Path, str]:
    folder = folder_of(conda_file)
    version, requirements = requirements_of(conda_file)
    folder.mkdir(parents=True, exist_ok=True)
    python, log = folder / "venv" / "bin" / "python", folder / "build.log"
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            (folder / "requirements.txt").write_text("\n".join(requirements) + "\n")
            own = sys.executable if version == f"{sys.version_info[0]}.{sys.version_info[1]}" else version
            steps = [["venv", "--clear", "--python", own, str(folder / "venv")]]
            if requirements:
                listed = str(folder / "requirements.txt")
                steps.append(["pip", "install", "--compile-bytecode", "--python", str(python), "-r", listed])
            log.write_text("".join(_uv(step) for step in steps))
            (folder / "complete").touch()
    return python, log.read_text()


def _uv(arguments: list[str]) -> str:
    done = subprocess.run([uv.find_uv_bin(), *arguments], capture_output=True, text=True, check=False)
    output = f"$ uv {' '.join(arguments)}\n{done.stdout}{done.stderr}"
    if done.returncode:
        raise JobFailed("ImageBuildFailure", f"The environment could not be built:\n{output[-2000:]}")
    return output
