"""What a command sees, and the mirror in which the Pulumi CLI runs."""

from pathlib import Path

import pytest
from azure_sandbox.environment import child_environment
from azure_sandbox_pulumi.mirror import mirror

SERVER = {"proxy": 1, "control": 2, "web": 3, "blob": 4}
IDENTITY = {"header": "secret", "subscription": "s", "tenant": "t"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "components").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / ".sandbox").mkdir()
    (folder / "Pulumi.yaml").write_text("name: x\nruntime: python\n")
    (folder / "Pulumi.dev.yaml").write_text("config:\n  x:a: 1\n")
    (folder / "__main__.py").write_text("")
    return folder


@pytest.mark.parametrize(
    "theirs",
    [
        "AZURE_CLIENT_ID",
        "ARM_CLIENT_SECRET",
        "MSI_SECRET",
        "IDENTITY_SERVER_THUMBPRINT",
        "https_proxy",
        "PULUMI_ACCESS_TOKEN",
    ],
)
def test_nothing_that_leads_to_a_real_azure_leaks_in(theirs: str) -> None:
    found = child_environment({theirs: "theirs", "HOME": "/home"}, state=Path("/s"), server=SERVER, identity=IDENTITY)
    assert "theirs" not in found.values()
    assert found["HOME"] == "/home"


def test_a_sandbox_inside_another_has_its_own_pulumi_alone() -> None:
    outer = child_environment({"PATH": "/usr/bin"}, state=Path("/outer"), server=SERVER, identity=IDENTITY)
    assert outer["PATH"] == "/outer/bin:/usr/bin"
    inner = child_environment(outer, state=Path("/inner"), server=SERVER, identity=IDENTITY)
    assert inner["PATH"] == "/inner/bin:/usr/bin"


def test_pulumi_files_are_copies_and_all_else_is_linked(project: Path) -> None:
    copy = mirror(project, project / ".sandbox")
    assert copy == project / ".sandbox" / "project"
    assert {entry.name for entry in copy.iterdir() if not entry.is_symlink()} == {"Pulumi.yaml", "Pulumi.dev.yaml"}
    assert {entry.name for entry in copy.iterdir() if entry.is_symlink()} == {"components", "__main__.py"}


def test_what_the_cli_writes_stays_until_the_source_changes_and_the_salt_stays_after(project: Path) -> None:
    state = project / ".sandbox"
    stack = mirror(project, state) / "Pulumi.dev.yaml"
    stack.write_text("encryptionsalt: v1:abc\nconfig:\n  x:a: 1\n  x:b: set by the CLI\n")
    mirror(project, state)
    assert "set by the CLI" in stack.read_text()
    (project / "Pulumi.dev.yaml").write_text("config:\n  x:a: 2\n")
    mirror(project, state)
    assert stack.read_text() == "encryptionsalt: v1:abc\nconfig:\n  x:a: 2\n"
    assert (project / "Pulumi.dev.yaml").read_text() == "config:\n  x:a: 2\n"


def test_a_stack_file_that_stack_rm_deleted_comes_back(project: Path) -> None:
    stack = mirror(project, project / ".sandbox") / "Pulumi.dev.yaml"
    stack.unlink()
    mirror(project, project / ".sandbox")
    assert stack.exists()


def test_what_goes_from_the_project_goes_from_the_mirror(project: Path) -> None:
    copy = mirror(project, project / ".sandbox")
    (project / "__main__.py").unlink()
    (project / "Pulumi.dev.yaml").unlink()
    mirror(project, project / ".sandbox")
    assert {entry.name for entry in copy.iterdir()} == {"components", "Pulumi.yaml"}


def test_a_second_project_has_a_mirror_of_its_own(project: Path, tmp_path: Path) -> None:
    state, other = project / ".sandbox", tmp_path / "other"
    other.mkdir()
    (other / "Pulumi.yaml").write_text("name: y\n")
    first, second = mirror(project, state), mirror(other, state)
    assert first != second
    assert mirror(project, state) == first
    assert (second / "Pulumi.yaml").read_text() == "name: y\n"
