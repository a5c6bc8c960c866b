"""The Pulumi CLI inside a sandbox: a script on the child's PATH that runs the real CLI in a mirror of the project.

The CLI writes salts into stack files and `stack rm` deletes them, so it never runs in the user's folder: in the mirror
the stack files are copies. Only the standard library is imported here: the script starts with every `pulumi` command.
"""

import hashlib
import json
import os
import shlex
import shutil
import sys
from pathlib import Path

COPIED = "Pulumi*.yaml"
LEFT_OUT = {".git", ".sandbox", ".pulumi"}


def write_pulumi_script(state: Path) -> None:
    """Puts `pulumi` into the folder that comes first on the child's PATH."""
    for folder in (state / "bin", state / "stacks", state / "pulumi"):
        folder.mkdir(parents=True, exist_ok=True)
    script = state / "bin" / "pulumi"
    python, module = shlex.quote(sys.executable), "azure_sandbox_pulumi.mirror"
    temporary = script.with_suffix(f".{os.getpid()}")
    temporary.write_text(f'#!/bin/sh\nexec {python} -P -m {module} {shlex.quote(str(state))} "$@"\n')
    temporary.chmod(0o755)
    temporary.replace(script)


def run_pulumi(state: Path, arguments: list[str]) -> None:
    """Becomes the real CLI: in the mirror when the working folder is a Pulumi project, else where it is."""
    own = str(state / "bin")
    path = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if part != own)
    real = shutil.which("pulumi", path=path)
    if real is None:
        sys.exit("`pulumi` is not on PATH: install the Pulumi CLI, version 3.244 or newer")
    folder = Path.cwd()
    if (folder / "Pulumi.yaml").exists() and state not in folder.parents:
        os.chdir(mirror(folder, state))
        os.environ["PWD"] = str(Path.cwd())
    os.execv(real, [real, *arguments])  # noqa: S606


def mirror(source: Path, state: Path) -> Path:
    """A folder that looks like `source`: its Pulumi files copied, everything else linked."""
    target = _place(source, state)
    target.mkdir(parents=True, exist_ok=True)
    note = target.with_suffix(".json")
    copied: dict[str, str] = json.loads(note.read_text())["copied"] if note.exists() else {}
    wanted = {entry.name: entry for entry in source.iterdir() if _belongs(entry, state)}
    for entry in target.iterdir():
        if entry.is_symlink() and (entry.name not in wanted or entry.readlink() != wanted[entry.name]):
            entry.unlink()
    for name, entry in wanted.items():
        there = target / name
        if entry.match(COPIED):
            copied[name] = _copy(entry, there, copied.get(name))
        elif not there.is_symlink():
            there.symlink_to(entry)
    for name in set(copied) - set(wanted):
        (target / name).unlink(missing_ok=True)
        del copied[name]
    temporary = note.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps({"source": str(source), "copied": copied}))
    temporary.replace(note)
    return target


def _place(source: Path, state: Path) -> Path:
    """`project` belongs to the first folder; others get a name of their own."""
    note = state / "project.json"
    if not note.exists() or json.loads(note.read_text())["source"] == str(source):
        return state / "project"
    return state / f"project-{hashlib.sha256(str(source).encode()).hexdigest()[:8]}"


def _belongs(entry: Path, state: Path) -> bool:
    return entry.name not in LEFT_OUT and entry != state and entry not in state.parents


def _copy(source: Path, target: Path, before: str | None) -> str:
    """Copies when the source has changed since the last copy (else the CLI's own edits stay); the salt is kept, since
    the stack's secrets can be read with no other. Returns the digest of the source."""
    content = source.read_text()
    digest = hashlib.sha256(content.encode()).hexdigest()
    if before == digest and target.exists():
        return digest
    salts = [line for line in _lines(target) if line.startswith("encryptionsalt:")]
    if salts and "encryptionsalt:" not in content:
        content = "\n".join([*salts, content])
    temporary = target.with_suffix(f".{os.getpid()}")
    temporary.write_text(content)
    temporary.replace(target)
    return digest


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


if __name__ == "__main__":
    run_pulumi(Path(sys.argv[1]), sys.argv[2:])
