"""Commands inside the sandbox of this checkout, for the demo: each one is what a person would type."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STACK = "local"


def state_folder() -> Path:
    return Path(os.environ.get("AZURE_SANDBOX_STATE") or ROOT / ".sandbox")


def sandbox(*arguments: str, quiet: bool = False) -> str:
    return run("azure-sandbox", *arguments, capture=quiet)


def in_sandbox(*command: str | Path, identity: str = "deployer", capture: bool = False) -> str:
    """Runs a command as `identity`; its output is returned when captured, else shown."""
    return run("azure-sandbox", "run", "--as", identity, "--", *map(str, command), capture=capture)


def batch_scoring(*arguments: str | Path, identity: str = "deployer") -> None:
    """Runs the project's command as `identity` in the sandbox."""
    in_sandbox("batch-scoring", *arguments, identity=identity)


def run(*command: str, capture: bool = False) -> str:
    """Ends the program with the command's own exit code when it fails; its own words say why."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE if capture else None, text=True, check=False, env=_environment(), cwd=ROOT
    )
    if done.returncode:
        print(f"demo: `{' '.join(command)}` failed with exit code {done.returncode}", file=sys.stderr)
        sys.exit(done.returncode)
    return done.stdout or ""


def _environment() -> dict[str, str]:
    places = [str(ROOT / ".tools" / "bin"), str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    # Without byte code every command would take seconds longer to start.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PATH": os.pathsep.join(places), "AZURE_SANDBOX_STATE": str(state_folder())}
