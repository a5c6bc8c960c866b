"""Azure's REST APIs for what has no resource: a thin client on azure-core, by the deployer's Entra identity.

Everything of Azure's is imported inside functions: a preview needs none of it.
"""

import functools
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.mgmt.core import ARMPipelineClient

T = TypeVar("T")
RESOURCE_MANAGER = "https://management.azure.com"
MACHINE_LEARNING = "https://ml.azure.com"
STREAM_ANALYTICS_API, MACHINE_LEARNING_API = "2020-03-01", "2024-04-01"
DATA_FACTORY_API, IDENTITY_API, SQL_API = "2018-06-01", "2023-01-31", "2023-08-01"
PATIENCE_SECONDS = 600  # Azure speaks of up to 10 minutes until a role assignment works everywhere


@functools.cache
def credential() -> "TokenCredential":
    """The deployer: by the same variables as the provider (a GitHub job's OIDC token, a service principal's secret).

    Without them azure-identity looks: managed identity, Azure CLI and the like.
    """
    from azure.identity import ClientAssertionCredential, ClientSecretCredential, DefaultAzureCredential

    tenant, client = os.environ.get("ARM_TENANT_ID", ""), os.environ.get("ARM_CLIENT_ID", "")
    if os.environ.get("ARM_USE_OIDC", "").lower() == "true":
        return ClientAssertionCredential(tenant, client, github_assertion)
    if secret := os.environ.get("ARM_CLIENT_SECRET"):
        return ClientSecretCredential(tenant, client, secret)
    return DefaultAzureCredential()


def call(
    method: str,
    url: str,
    *,
    audience: str = RESOURCE_MANAGER,
    api: str | None = None,
    body: Any = None,
    headers: dict[str, str] | None = None,
    accept: tuple[int, ...] = (),
) -> dict[str, Any]:
    """One request, and, where Azure answers that it is still at work, its end. `url` may be a resource id.

    Returns the answer's JSON ({} for none). Raises azure.core's HttpResponseError with Azure's code and message,
    ResourceNotFoundError for a 404; a status in `accept` is no error and answers {}. Throttling, 5xx and lost
    connections are retried by azure-core's policy.
    """
    from azure.core.polling import LROPoller
    from azure.core.rest import HttpRequest
    from azure.mgmt.core.polling.arm_polling import ARMPolling

    client = _client(audience)
    target = url if url.startswith("https://") else RESOURCE_MANAGER + url
    request = HttpRequest(method, target, params={"api-version": api} if api else None, json=body, headers=headers)
    answer = client._pipeline.run(request)  # what every azure-mgmt client does: a poller needs the pipeline's answer
    if answer.http_response.status_code in accept:
        return {}
    _raise_for(answer.http_response)
    if audience == RESOURCE_MANAGER and method != "GET" and answer.http_response.status_code in (201, 202):
        poller = LROPoller(client, answer, lambda final: _json(final.http_response), ARMPolling(timeout=2))
        return poller.result() or {}
    return _json(answer.http_response)


def find(resource_id: str, *, api: str) -> dict[str, Any] | None:
    """The resource as Azure has it, or None."""
    from azure.core.exceptions import ResourceNotFoundError

    try:
        return call("GET", resource_id, api=api)
    except ResourceNotFoundError:
        return None


def until(
    ask: Callable[[], T], done: Callable[[T], bool], *, seconds: float, late: Callable[[T], str], longest: float = 10
) -> T:
    """What `ask()` answers once it is `done`, asked again with pauses that grow to `longest` seconds.

    Raises RuntimeError, saying `late(answer)`, when it is not after `seconds`.
    """
    end, pause = time.monotonic() + seconds, 0.5
    while not done(answer := ask()):
        if time.monotonic() > end:
            raise RuntimeError(late(answer))
        time.sleep(pause)
        pause = min(pause * 1.5, longest)
    return answer


def patiently(work: Callable[[], T], what: str, *, seconds: float = PATIENCE_SECONDS) -> T:
    """`work()`, again while Azure answers 403: a fresh role assignment takes minutes to reach every service."""
    import pulumi
    from azure.core.exceptions import HttpResponseError

    end, pause, told = time.monotonic() + seconds, 1.0, False
    while True:
        try:
            return work()
        except HttpResponseError as error:
            if error.status_code != 403 or time.monotonic() + pause > end:
                raise
            # Once for the record, then only while it lasts.
            message = f"{what}: Azure refuses it yet (403), a role assignment may be on its way; trying again"
            pulumi.log.info(message, ephemeral=told)
            told = True
            time.sleep(pause)
            pause = min(pause * 1.5, 15)


@functools.cache
def _client(audience: str) -> "ARMPipelineClient[Any, Any]":
    from azure.core.pipeline import policies
    from azure.mgmt.core import ARMPipelineClient
    from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy

    chain = [
        policies.RequestIdPolicy(),
        policies.HeadersPolicy(),
        policies.UserAgentPolicy("batch-scoring"),
        policies.RetryPolicy(),
        ARMChallengeAuthenticationPolicy(credential(), f"{audience}/.default"),
    ]
    return ARMPipelineClient(audience, policies=chain)


def _raise_for(response: Any) -> None:
    from azure.core.exceptions import (
        ClientAuthenticationError,
        HttpResponseError,
        ResourceExistsError,
        ResourceNotFoundError,
    )
    from azure.mgmt.core.exceptions import ARMErrorFormat

    if response.status_code < 400:
        return
    response.read()
    kinds = {401: ClientAuthenticationError, 404: ResourceNotFoundError, 409: ResourceExistsError}
    raise kinds.get(response.status_code, HttpResponseError)(response=response, error_format=ARMErrorFormat)


def _json(response: Any) -> dict[str, Any]:
    response.read()
    return response.json() if response.content else {}


def github_assertion() -> str:
    """A fresh token of the running GitHub job: one is good for minutes only, so each Azure token gets its own."""
    import requests

    url, token = _either("REQUEST_URL"), _either("REQUEST_TOKEN")
    answer = requests.get(
        url, params={"audience": "api://AzureADTokenExchange"}, headers={"Authorization": f"Bearer {token}"}, timeout=30
    )
    answer.raise_for_status()
    return answer.json()["value"]


def _either(name: str) -> str:
    found = os.environ.get(f"ARM_OIDC_{name}") or os.environ.get(f"ACTIONS_ID_TOKEN_{name}")
    if not found:
        raise RuntimeError(f"ARM_USE_OIDC is true, but neither ARM_OIDC_{name} nor ACTIONS_ID_TOKEN_{name} is set")
    return found
