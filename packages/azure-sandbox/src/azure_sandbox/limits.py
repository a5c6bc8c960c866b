"""How many requests a caller still has at Resource Manager, as its answers tell; a sandbox refuses none for its number.

learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling: buckets of tokens for each
subscription (or the tenant), principal and kind of operation.
"""

import time

from azure_sandbox.errors import AzureError
from azure_sandbox.ids import subscription_of

KINDS = {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}  # all others write
BUCKETS = {"reads": (250, 25.0), "writes": (200, 10.0), "deletes": (200, 10.0)}  # size, refill a second
REMAINING = "x-ms-ratelimit-remaining"


class Limits:
    def __init__(self) -> None:
        self._left: dict[tuple[str, str, str], tuple[float, float]] = {}

    def taken(self, principal_id: str, method: str, path: str) -> dict[str, str]:
        """The header of an answer, after one request was taken from its bucket. At least 1 is left: faults throttle."""
        kind, now = KINDS.get(method.upper(), "writes"), time.monotonic()
        size, refill = BUCKETS[kind]
        bucket = (principal_id, subscription_of(path).lower(), kind)
        left, since = self._left.get(bucket, (float(size), now))
        left = max(1.0, min(size, left + (now - since) * refill) - 1)
        self._left[bucket] = (left, now)
        return {_header(path, kind): str(int(left))}


def throttled(method: str, path: str) -> AzureError:
    """The refusal of a request for which no token is left; the next comes in a second."""
    kind, subscription = KINDS.get(method.upper(), "writes"), subscription_of(path)
    whose = f"subscription '{subscription}'" if subscription else "the tenant"
    text = (
        f"Number of '{kind.removesuffix('s')}' requests for {whose} exceeded. Please try again after '1' seconds after "
        "additional tokens are available. Refer to https://aka.ms/arm-throttling for additional information."
    )
    headers = {"Retry-After": "1", _header(path, kind): "0", "x-ms-failure-cause": "gateway"}
    return AzureError(
        429, "SubscriptionRequestsThrottled" if subscription else "TenantRequestsThrottled", text, headers
    )


def _header(path: str, kind: str) -> str:
    return f"{REMAINING}-{'subscription' if subscription_of(path) else 'tenant'}-{kind}"
