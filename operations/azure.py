"""Credentials and clients. One place says who calls, with which token, and how often a refused call is repeated."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from operations.errors import OperationError

if TYPE_CHECKING:
    from azure.core import PipelineClient
    from azure.core.credentials import TokenCredential
    from azure.core.rest import HttpResponse
    from azure.storage.blob import ContainerClient

RESOURCE_MANAGER = "https://management.azure.com"
MACHINE_LEARNING = "https://ml.azure.com"
EVENT_HUBS = "https://eventhubs.azure.net"
STORAGE = "https://storage.azure.com"

# A read may always be repeated. Azure Core leaves POST alone, except where the caller says that a repeat does no harm.
IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE"})
REPEATABLE = IDEMPOTENT | {"POST"}


@cache
def credential() -> "TokenCredential":
    """Whoever azure-identity finds: environment, workload or managed identity (AZURE_CLIENT_ID picks it), Azure CLI."""
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential()


def client(base: str, audience: str, *, retries: int = 5) -> "PipelineClient":
    """A client of the REST API at `base` with tokens for `audience`, repeating what Azure asks to repeat."""
    from azure.core import PipelineClient
    from azure.core.pipeline.policies import BearerTokenCredentialPolicy, RetryPolicy, UserAgentPolicy

    policies = [
        UserAgentPolicy("batch-scoring"),
        RetryPolicy(retry_total=retries, retry_status=retries, retry_backoff_factor=0.5, retry_backoff_max=30),
        BearerTokenCredentialPolicy(credential(), f"{audience}/.default"),
    ]
    return PipelineClient(base_url=base, policies=policies)


@cache
def resource_manager() -> "PipelineClient":
    return client(RESOURCE_MANAGER, RESOURCE_MANAGER)


def send(
    client: "PipelineClient",
    method: str,
    url: str,
    *,
    params: Mapping[str, str] | None = None,
    json: Any = None,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    repeat: frozenset[str] = IDEMPOTENT,
    accept: tuple[int, ...] = (),
) -> "HttpResponse":
    """The answer to one request.

    Raises OperationError with method, URL, status and Azure's own code and message when the answer is an error that is
    not in `accept`, or when no answer comes.
    """
    from azure.core.exceptions import AzureError, ClientAuthenticationError
    from azure.core.rest import HttpRequest

    request = HttpRequest(method, url, params=params, json=json, content=content, headers=dict(headers or {}))
    request.url = client.format_url(request.url)
    try:
        answer = client.send_request(request, retry_on_methods=repeat)
    except ClientAuthenticationError as error:
        raise OperationError(f"{method} {request.url}: no token: {error.message}") from error
    except AzureError as error:
        raise OperationError(f"{method} {request.url}: no answer: {error.message}") from error
    if answer.status_code >= 400 and answer.status_code not in accept:
        raise OperationError(f"{method} {request.url}: {answer.status_code} {_reason(answer)}")
    return answer


def get(client: "PipelineClient", url: str, version: str, **params: str) -> dict[str, Any]:
    return send(client, "GET", url, params={"api-version": version, **params}).json()


def pages(client: "PipelineClient", url: str, version: str, **params: str) -> list[dict[str, Any]]:
    """All `value` entries of a collection, following `nextLink`."""
    answer = get(client, url, version, **params)
    found = list(answer.get("value", []))
    while link := answer.get("nextLink"):
        answer = send(client, "GET", link).json()
        found += answer.get("value", [])
    return found


def container(account: str, name: str) -> "ContainerClient":
    """A container by its blob endpoint, which an account with hierarchical namespace has too."""
    from azure.storage.blob import ContainerClient

    return ContainerClient(f"https://{account}.blob.core.windows.net", name, credential=credential())


def _reason(answer: "HttpResponse") -> str:
    try:
        error = answer.json().get("error", {})
    except (ValueError, AttributeError):
        return (answer.text() or answer.reason or "").strip()[:500]
    return f"{error.get('code', '')}: {error.get('message', '')}" if isinstance(error, dict) else str(error)
