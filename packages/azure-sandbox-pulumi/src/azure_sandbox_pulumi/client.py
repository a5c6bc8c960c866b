"""Requests to Resource Manager: a token, retries, and polling until an operation has ended."""

import base64
import json
import os
import threading
import time
from dataclasses import dataclass
from typing import Any

import httpx

AUDIENCE = "https://management.azure.com"
TRIES = 6
LIMIT = 3600.0  # seconds of provisioning, the longest that the SDK's resources wait in Azure unless told otherwise
AGAIN = {408, 429, 500, 502, 503, 504}  # what Azure's own clients try again
ENDED = {"succeeded", "failed", "canceled"}


class Refused(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f'Status={status} Code="{code}" Message="{message}"')
        self.status = status


@dataclass(frozen=True, kw_only=True)
class Caller:
    client_id: str
    object_id: str
    tenant_id: str


class ResourceManagerClient:
    """Safe for threads. `ARM_ENDPOINT` in the environment replaces the public address, for tests of this plugin."""

    def __init__(self) -> None:
        self._http = httpx.Client(timeout=300, limits=httpx.Limits(max_connections=32, max_keepalive_connections=32))
        self._base = os.environ.get("ARM_ENDPOINT", AUDIENCE)
        self._lock = threading.Lock()
        self._token, self._until = "", 0.0

    def get(self, path: str, version: str) -> Any:
        """The resource, or None when it does not exist."""
        answer = self._send("GET", f"{self._base}{path}", version, None)
        return None if answer.status_code == 404 else _checked(answer).json()

    def put(self, path: str, version: str, body: Any) -> Any:
        """The resource as it is when the operation has ended."""
        answer = _checked(self._send("PUT", f"{self._base}{path}", version, body))
        self._wait(answer)
        found = answer.json() if answer.content else None
        if _address(answer) or found is None or not _ended(found):
            until = time.monotonic() + LIMIT
            while not _ended(found := self.get(path, version) or {}):
                _limited(until, path)
                time.sleep(0.1)
        state = (found.get("properties") or {}).get("provisioningState", "Succeeded")
        if str(state).lower() in ("failed", "canceled"):
            raise Refused(200, "ProvisioningFailed", f"'{path}' ended in the provisioning state '{state}'.")
        return found

    def delete(self, path: str, version: str) -> None:
        answer = self._send("DELETE", f"{self._base}{path}", version, None)
        if answer.status_code != 404:
            self._wait(_checked(answer))

    def caller(self) -> Caller:
        """Whose token this is."""
        payload = self.token().split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return Caller(client_id=claims.get("appid", ""), object_id=claims["oid"], tenant_id=claims["tid"])

    def token(self) -> str:
        """From the managed-identity endpoint of the environment (App Service's protocol), kept until it expires."""
        with self._lock:
            if time.time() > self._until - 300:
                endpoint = os.environ.get("IDENTITY_ENDPOINT")
                if not endpoint:
                    text = "IDENTITY_ENDPOINT is not set: this plugin runs under `azure-sandbox run` only"
                    raise Refused(401, "NoIdentity", text)
                query = {"api-version": "2019-08-01", "resource": AUDIENCE}
                header = {"X-IDENTITY-HEADER": os.environ.get("IDENTITY_HEADER", "")}
                answer = _checked(self._http.get(endpoint, params=query, headers=header)).json()
                self._token, self._until = answer["access_token"], float(answer["expires_on"])
            return self._token

    def _send(self, method: str, url: str, version: str | None, body: Any) -> httpx.Response:
        """One request, tried again as Azure's own clients do."""
        query = {"api-version": version} if version else None
        for attempt in range(TRIES):
            last = attempt == TRIES - 1
            try:
                head = {"Authorization": f"Bearer {self.token()}"}
                answer = self._http.request(method, url, params=query, json=body, headers=head)
            except httpx.TransportError as error:
                if last:
                    raise Refused(503, "NoAnswer", f"no answer from {url.split('?')[0]}: {error}") from None
                time.sleep(0.2 * 2**attempt)
                continue
            if answer.status_code not in AGAIN or last:
                return answer
            time.sleep(_pause(answer, 0.2 * 2**attempt))
        raise AssertionError

    def _wait(self, answer: httpx.Response) -> None:
        """Follows Azure-AsyncOperation, else Location, to the end."""
        address, asynchronous = _address(answer), "azure-asyncoperation" in answer.headers
        until = time.monotonic() + LIMIT
        while address:
            _limited(until, address)
            time.sleep(_pause(answer, 0.2))
            answer = _checked(self._send("GET", self._here(address), None, None))
            if asynchronous:
                status = answer.json()
                if str(status.get("status")).lower() == "succeeded":
                    return
                if str(status.get("status")).lower() in ENDED:
                    error = status.get("error") or {}
                    raise Refused(
                        200, error.get("code", status["status"]), error.get("message", "the operation failed")
                    )
            elif answer.status_code != 202:
                return
            else:
                address = answer.headers.get("location", address)

    def _here(self, address: str) -> str:
        return self._base + address.removeprefix(AUDIENCE) if address.startswith(AUDIENCE) else address


def _limited(until: float, place: str) -> None:
    if time.monotonic() > until:
        raise Refused(408, "OperationTimedOut", f"'{place}' has not ended within {LIMIT:g} s")


def _address(answer: httpx.Response) -> str:
    if answer.status_code not in (200, 201, 202):
        return ""
    found = answer.headers.get("azure-asyncoperation", "")
    return found or (answer.headers.get("location", "") if answer.status_code == 202 else "")


def _ended(resource: Any) -> bool:
    state = str((resource.get("properties") or {}).get("provisioningState", "Succeeded")).lower()
    return state in ENDED


def _pause(answer: httpx.Response, otherwise: float) -> float:
    """Seconds until the next try, as the answer wishes."""
    for name, unit in (("retry-after-ms", 1000), ("x-ms-retry-after-ms", 1000), ("retry-after", 1)):
        if answer.headers.get(name, "").isdigit():
            return int(answer.headers[name]) / unit
    return otherwise


def _checked(answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    try:
        error = answer.json()["error"]
        code, message = error["code"], error["message"]
    except (ValueError, KeyError, TypeError):
        code, message = "Unexpected", answer.text[:500]
    request_id = answer.headers.get("x-ms-request-id")
    raise Refused(answer.status_code, code, message + (f" (request {request_id})" if request_id else ""))
