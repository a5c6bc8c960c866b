"""The process: starts fast, once, survives being killed, lives beside others, and leaves nothing."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from azure.identity import ManagedIdentityCredential
from azure.storage.blob import BlobServiceClient
from azure_sandbox import lifecycle, processes
from sandbox_world import World

COMMAND = [sys.executable, "-m", "azure_sandbox"]


def cli(state: Path, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    command = [*COMMAND, "--state", str(state), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | more, timeout=60, check=False)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_sandbox_starts_once_and_within_six_seconds(tmp_path: Path) -> None:
    state = tmp_path / "s"
    began = time.monotonic()
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: lifecycle.start(state), range(3)))
    try:
        assert time.monotonic() - began < 6
        assert len({one["pid"] for one in found}) == 1
    finally:
        lifecycle.reset(state)
    assert not processes.alive(found[0]["pid"], str(state))
    assert not state.exists()


def test_down_keeps_the_state_and_leaves_no_process_and_no_port(tmp_path: Path) -> None:
    state = tmp_path / "s"
    assert "runs" in cli(state, "up", "--clock", "2026-01-01T00:00:00Z", "--speed", "0").stdout
    server = lifecycle.running(state)
    assert server is not None
    assert "2026-01-01T01:30:00Z" in cli(state, "clock", "advance", "1h30m").stdout
    assert "is down" in cli(state, "down").stdout
    assert not processes.alive(server["pid"], str(state))
    assert not any(listens(server[name]) for name in ("proxy", "web", "blob", "control"))
    assert cli(state, "status").returncode == 1
    assert "2026-01-01T01:30:00Z at speed 0" in cli(state, "up").stdout
    cli(state, "reset")
    assert list(tmp_path.iterdir()) == []


def test_reset_removes_no_folder_that_is_not_a_sandbox(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("keep")
    done = cli(tmp_path, "reset")
    assert done.returncode == 1
    assert "nothing was removed" in done.stderr
    assert (tmp_path / "mine").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["clock", "advance", "soon"], "'soon' is no duration"),
        (["clock", "advance", "--to", "2026-01-01T00:00:00"], "names no time zone"),
        (["clock", "advance", "--to", "2020-01-01T00:00:00Z"], "cannot go back"),
        (["clock", "speed", "--", "-1"], "must be 0 or more"),
        (["run", "--as", "no-one", "--", "true"], "nobody is called 'no-one'; there is: "),
        (["run", "--", "no-such-command"], "no command `no-such-command`"),
    ],
)
def test_a_wrong_command_is_told_what_is_wrong(running: World, arguments: list[str], message: str) -> None:
    done = cli(running.state, *arguments)
    assert done.returncode == 1
    assert message in done.stderr


def test_a_command_runs_inside_with_its_own_exit_code_and_nothing_of_the_users_azure(running: World) -> None:
    show = "import os, json; print(json.dumps(dict(os.environ))); raise SystemExit(7)"
    theirs = {
        "AZURE_CLIENT_SECRET": "mine",
        "ARM_CLIENT_ID": "mine",
        "MSI_ENDPOINT": "mine",
        "https_proxy": "http://mine",
    }
    done = cli(running.state, "run", "--", sys.executable, "-c", show, **theirs)
    assert done.returncode == 7
    assert "mine" not in done.stdout
    assert f"http://127.0.0.1:{running.server['proxy']}" in done.stdout


def test_hosts_that_are_not_azures_are_refused_and_logged(world: World) -> None:
    with pytest.raises(requests.exceptions.ProxyError, match="403"):
        requests.get("https://example.com/", timeout=10)
    plain = requests.get("http://management.azure.com/", timeout=10)
    assert plain.status_code == 403
    assert "plain HTTP" in plain.text
    hosts = [entry["host"] for entry in world.status()["refusals"] if entry["code"] == "HostNotAllowed"]
    assert {"example.com:443", "http://management.azure.com/"} <= set(hosts)


def test_nothing_is_lost_when_the_process_is_killed(world: World) -> None:
    providers = world.group("killed")
    account = world.account(providers, "killedaccount1", "things")
    world.grant(account, "Storage Blob Data Contributor", world.identity("deployer")["objectId"])
    now = world.clock(advance=121)
    with BlobServiceClient(
        "https://killedaccount1.blob.core.windows.net", credential=ManagedIdentityCredential()
    ) as client:
        client.get_blob_client("things", "one").upload_blob(b"1")
    os.kill(world.server["pid"], signal.SIGKILL)
    before = world.server
    world.start()
    assert world.server["pid"] != before["pid"]
    assert world.server["proxy"] == before["proxy"]
    assert world.clock() >= now
    assert world.arm("GET", account).status_code == 200
    with BlobServiceClient(
        "https://killedaccount1.blob.core.windows.net", credential=ManagedIdentityCredential()
    ) as client:
        assert client.get_blob_client("things", "one").download_blob().readall() == b"1"


def test_a_process_whose_state_folder_was_removed_ends_by_itself(tmp_path: Path) -> None:
    state = tmp_path / "s"
    found = lifecycle.start(state, speed=0)
    shutil.rmtree(state)
    until = time.monotonic() + 10
    while processes.alive(found["pid"], str(state)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not processes.alive(found["pid"], str(state))


def test_two_sandboxes_live_side_by_side(world: World, tmp_path: Path) -> None:
    other = World(tmp_path / "other")
    other.start()
    try:
        world.group("mine")
        assert other.server["pid"] != world.server["pid"]
        script = f"""
import os, requests
from azure.identity import ManagedIdentityCredential
token = ManagedIdentityCredential().get_token("https://management.azure.com/.default").token
url = "https://management.azure.com{world.subscription}/resourceGroups/mine?api-version=2024-01-01"
print(requests.get(url, headers={{"Authorization": "Bearer " + token}}).status_code)
"""
        outside = {name: value for name, value in os.environ.items() if not name.startswith(("HTTP", "IDENTITY"))}
        for one, expected in ((world, "200"), (other, "404")):
            done = subprocess.run(
                [*COMMAND, "--state", str(one.state), "run", "--", sys.executable, "-c", script],
                capture_output=True, text=True, env=outside, timeout=60, check=False,
            )  # fmt: skip
            assert done.stdout.strip() == expected, done.stderr
    finally:
        lifecycle.reset(other.state)


def test_status_says_what_is_there(running: World) -> None:
    done = cli(running.state, "status")
    assert done.returncode == 0
    for word in ("Sandbox", "Clock", "Resources", "Role assignments", "Streams", "Jobs"):
        assert word in done.stdout
