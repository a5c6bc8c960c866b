"""How the plugin talks to Resource Manager: retries, polling, and what it says when there is no answer."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from azure_sandbox_pulumi.client import Refused, ResourceManagerClient

ANSWER = tuple[int, dict[str, str], Any]
QUICK = {"x-ms-retry-after-ms": "1"}
DONE = {"id": "/x", "properties": {"provisioningState": "Succeeded"}}
MAKING = {"id": "/x", "properties": {"provisioningState": "Creating"}}


class Script:
    """A server that answers one request after the other as it was told, and remembers them."""

    def __init__(self) -> None:
        self.answers: list[ANSWER] = []
        self.seen: list[tuple[str, str]] = []
        script = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                path = self.path.split("?")[0]
                status, headers, body = (200, {}, TOKEN) if path == "/token" else script.answers.pop(0)
                if path != "/token":
                    script.seen.append((self.command, path))
                if status == 0:
                    return self.connection.close()
                content = b"" if body is None else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {**headers, "content-length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)
                return None

            do_GET = do_PUT = do_DELETE = answer

            def log_message(self, format: str, *args: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


CLAIMS = base64.urlsafe_b64encode(json.dumps({"oid": "o", "appid": "a", "tid": "t"}).encode()).decode().rstrip("=")
TOKEN = {"access_token": f"h.{CLAIMS}.s", "expires_on": "9999999999"}


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    made = Script()
    threading.Thread(target=made.server.serve_forever, daemon=True).start()
    monkeypatch.setenv("ARM_ENDPOINT", made.url)
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{made.url}/token")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield made
    made.server.shutdown()
    made.server.server_close()


def error(code: str) -> Any:
    return {"error": {"code": code, "message": "why"}}


def test_throttling_errors_and_cut_connections_are_tried_again(script: Script) -> None:
    busy = [(429, QUICK, error("TooManyRequests")), (503, QUICK, None), (500, QUICK, None), (0, {}, None)]
    script.answers = [*busy, (200, {}, DONE)]
    assert ResourceManagerClient().put("/x", "v", {}) == DONE
    assert script.seen == [("PUT", "/x")] * 5


def test_a_server_that_stays_busy_is_named(script: Script) -> None:
    script.answers = [(429, QUICK, error("TooManyRequests"))] * 6
    with pytest.raises(Refused, match='Status=429 Code="TooManyRequests" Message="why"'):
        ResourceManagerClient().get("/x", "v")


def test_a_refusal_is_not_tried_again(script: Script) -> None:
    script.answers = [(403, {"x-ms-request-id": "r1"}, error("AuthorizationFailed"))]
    with pytest.raises(Refused, match=r'Code="AuthorizationFailed" Message="why \(request r1\)"'):
        ResourceManagerClient().put("/x", "v", {})


@pytest.mark.parametrize("style", ["Azure-AsyncOperation", "Location", "provisioningState"])
def test_an_operation_is_followed_to_its_end(script: Script, style: str) -> None:
    address = {style: f"{script.url}/operation", **QUICK}
    answers: dict[str, list[ANSWER]] = {
        "Azure-AsyncOperation": [
            (201, address, MAKING),
            (200, QUICK, {"status": "InProgress"}),
            (200, {}, {"status": "Succeeded"}),
            (200, {}, DONE),
        ],
        "Location": [(202, address, None), (202, QUICK, None), (200, {}, DONE), (200, {}, DONE)],
        "provisioningState": [(201, {}, MAKING), (200, {}, MAKING), (200, {}, DONE)],
    }
    script.answers = answers[style]
    assert ResourceManagerClient().put("/x", "v", {}) == DONE
    assert script.answers == []


def test_an_operation_that_fails_says_why(script: Script) -> None:
    address = {"Azure-AsyncOperation": f"{script.url}/operation", **QUICK}
    script.answers = [(201, address, MAKING), (200, {}, {"status": "Failed", **error("QuotaExceeded")})]
    with pytest.raises(Refused, match='Code="QuotaExceeded" Message="why"'):
        ResourceManagerClient().put("/x", "v", {})


def test_what_is_gone_counts_as_deleted(script: Script) -> None:
    script.answers = [(404, {}, error("ResourceNotFound"))]
    ResourceManagerClient().delete("/x", "v")
    script.answers = [(404, {}, error("ResourceNotFound"))]
    assert ResourceManagerClient().get("/x", "v") is None


def test_the_caller_is_who_the_token_names(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    caller = ResourceManagerClient().caller()
    assert (caller.object_id, caller.client_id, caller.tenant_id) == ("o", "a", "t")
    monkeypatch.delenv("IDENTITY_ENDPOINT")
    with pytest.raises(Refused, match="under `azure-sandbox run` only"):
        ResourceManagerClient().caller()
