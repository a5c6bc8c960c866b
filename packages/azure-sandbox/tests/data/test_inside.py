"""The sandbox seen from inside: what there is, what was asked, and why it was refused."""

import re

import requests
from azure_sandbox import lifecycle
from azure_sandbox.cli import app
from sandbox_world import World
from typer.testing import CliRunner


def page(world: World, query: str = "") -> str:
    answer = requests.get(f"http://127.0.0.1:{world.server['control']}/{query}", timeout=10)
    assert answer.headers["content-type"].startswith("text/html")
    return answer.text


def test_the_page_shows_resources_and_roles_and_when_they_take_effect(world: World) -> None:
    account = world.account(world.group("inside"), "insideaccount", "ours")
    world.grant(account, "Storage Blob Data Reader", world.identity("user:<b>eve")["objectId"], "User")
    shown = page(world)
    assert "insideaccount" in shown
    assert "Storage Blob Data Reader, takes effect in 120 s" in shown
    assert "&lt;b&gt;eve" in shown
    assert "<b>eve" not in shown
    assert all(f'id="{part}"' in shown for part in ("resources", "jobs", "streams", "roles", "requests"))


def test_a_refusal_is_looked_up_by_the_id_in_azures_answer(world: World) -> None:
    answer = world.arm("GET", f"{world.subscription}/resourceGroups/nowhere")
    request = answer.headers["x-ms-request-id"]
    entry = lifecycle.ask(world.state, f"/requests/{request}")
    assert (entry["status"], entry["code"], entry["principal"]) == (404, "ResourceGroupNotFound", "deployer")
    said = CliRunner().invoke(app, ["--state", str(world.state), "request", request]).stdout
    assert re.search(r"404 ResourceGroupNotFound  deployer  GET management.azure.com/subscriptions/\S+/nowhere", said)
    assert "Resource group 'nowhere' could not be found." in said
    assert request in page(world, "?refused=1")


def test_status_names_the_pages_address(world: World) -> None:
    said = CliRunner().invoke(app, ["--state", str(world.state), "status"]).stdout
    assert f"Page      http://127.0.0.1:{world.server['control']}/" in said
