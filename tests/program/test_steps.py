"""What hooks rely on: nothing fails unseen, and a role assignment on its way is waited for."""

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from azure.core.exceptions import HttpResponseError
from azure.identity import ClientAssertionCredential

from components import arm, steps


def refused(status: int) -> HttpResponseError:
    error = HttpResponseError(f"Azure says {status}")
    error.status_code = status
    return error


class Work:
    """Raises what it is given, one error a call, and then answers."""

    def __init__(self, *errors: Exception):
        self.errors = list(errors)

    def __call__(self) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return "done"


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    made: list[float] = []
    monkeypatch.setattr(arm.time, "sleep", made.append)
    return made


def test_a_refusal_is_waited_for_ever_more_patiently(pauses: list[float]) -> None:
    assert arm.patiently(Work(refused(403), refused(403), refused(403)), "uploading") == "done"
    assert pauses == [1, 1.5, 2.25]


def test_patience_ends(pauses: list[float]) -> None:
    with pytest.raises(HttpResponseError, match="403"):
        arm.patiently(Work(refused(403)), "uploading", seconds=0.5)
    assert pauses == []


@pytest.mark.parametrize("status", [400, 401, 404, 409])
def test_nothing_but_a_refusal_is_waited_for(status: int, pauses: list[float]) -> None:
    with pytest.raises(HttpResponseError, match=str(status)):
        arm.patiently(Work(refused(status)), "uploading")
    assert pauses == []


def test_an_error_without_a_message_gets_one_since_the_engine_takes_none_for_success() -> None:
    def work() -> None:
        raise AssertionError

    with pytest.raises(RuntimeError, match="AssertionError"):
        asyncio.run(steps.in_thread(work))


def test_azures_code_and_message_are_said_once() -> None:
    def work() -> None:
        raise HttpResponseError("(Code) what is wrong\nCode: Code\nMessage: what is wrong")

    with pytest.raises(RuntimeError, match=r"^\(Code\) what is wrong$"):
        asyncio.run(steps.in_thread(work))


@pytest.fixture
def github() -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """GitHub's token service, as a job sees it: its address and what it was asked."""
    asked: list[tuple[str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Authorization"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"value": "a token of the job"}).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/token?job=1", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_in_a_github_job_the_hooks_sign_in_as_the_provider_does(
    github: tuple[str, list[tuple[str, str | None]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, asked = github
    monkeypatch.setenv("ARM_USE_OIDC", "true")
    monkeypatch.setenv("ARM_TENANT_ID", "00000000-0000-0000-0000-000000000001")
    monkeypatch.setenv("ARM_CLIENT_ID", "00000000-0000-0000-0000-000000000002")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", url)
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "secret")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert isinstance(arm.credential.__wrapped__(), ClientAssertionCredential)
    assert arm.github_assertion() == "a token of the job"
    assert asked == [("/token?job=1&audience=api%3A%2F%2FAzureADTokenExchange", "Bearer secret")]


def test_a_job_without_the_permission_to_sign_in_is_told_which_variable_it_lacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("ARM_OIDC_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(RuntimeError, match="neither ARM_OIDC_REQUEST_URL nor ACTIONS_ID_TOKEN_REQUEST_URL is set"):
        arm.github_assertion()
