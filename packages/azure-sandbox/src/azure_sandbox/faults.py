"""Faults on demand: throttling, conflicts, errors, cut connections and slow operations, drawn from a seed.

The n-th request to a service meets the same fault whenever the seed is the same. A fault comes before the request is
looked at, except for half of the cuts: there the work is done and only the answer is lost.

Sources: learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling,
learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes (storage throttles with 503 ServerBusy).
"""

import random
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from azure_sandbox.errors import AzureError
from azure_sandbox.limits import throttled
from azure_sandbox.store import Store

SERVICES = {  # by the end of the host name
    "management.azure.com": "arm",
    "blob.core.windows.net": "blob",
    "dfs.core.windows.net": "dfs",
    "servicebus.windows.net": "eventhubs",
    "inference.ml.azure.com": "ml",
    "api.azureml.ms": "ml",
}
BUSY = {
    "ml": (429, "TooManyRequests", "The number of requests exceeded the limit. Try again later."),
    "blob": (503, "ServerBusy", "The server is currently unable to receive requests. Please retry your request."),
    "eventhubs": (503, "50002", "The server is busy. Please wait and try the operation again."),
}  # fmt: skip
ANOTHER = "Another operation on this or dependent resource is in progress. Please retry the operation later."
WRITES = ("PUT", "PATCH", "DELETE")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Shares of the requests (0 to 1), and the seconds that a long-running operation takes more. `service`: arm, blob,
    dfs, eventhubs or ml, or a namespace of Resource Manager such as Microsoft.Storage; '' for all."""

    seed: int = 0
    throttle: float = 0.0
    conflict: float = 0.0
    error: float = 0.0
    cut: float = 0.0
    slow: float = 0.0
    service: str = ""

    @classmethod
    def of(cls, given: dict[str, Any]) -> Self:
        """Raises ValueError that names what is wrong."""
        if unknown := sorted(set(given) - set(cls.__dataclass_fields__)):
            raise ValueError(f"'{unknown[0]}' is no fault; there is {', '.join(cls.__dataclass_fields__)}")
        plan = cls(**given)
        shares = {name: getattr(plan, name) for name in ("throttle", "conflict", "error", "cut")}
        for name, share in shares.items():
            if not 0 <= share <= 1:
                raise ValueError(f"{name} is a share of the requests, 0 to 1, not {share:g}")
        if sum(shares.values()) > 1:
            raise ValueError(f"the shares come to {sum(shares.values()):g}, more than 1")
        if plan.slow < 0:
            raise ValueError(f"slow is a number of seconds, 0 or more, not {plan.slow:g}")
        services = sorted({*SERVICES.values()})
        if plan.service and plan.service not in services and "." not in plan.service:
            raise ValueError(f"'{plan.service}' is no service; there is {', '.join(services)}, or a namespace of ARM's")
        return plan

    def meets(self, service: str, path: str) -> bool:
        spaces = path.lower().split("/providers/")[1:]
        return self.service in ("", service) or any(one.startswith(f"{self.service.lower()}/") for one in spaces)


@dataclass(frozen=True)
class Fault:
    """`error`: what is answered; for a cut it is only logged, and `done` says that the work is done before the cut."""

    error: AzureError
    cut: Literal["", "before", "after"] = ""


class Faults:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._count: Counter[str] = Counter()
        self.plan = Plan.of(store.value("faults", {}))

    def set(self, given: dict[str, Any]) -> None:
        """Begins anew at the first request of each service."""
        self.plan = Plan.of(given)
        self._count.clear()
        self._store.set_value("faults", asdict(self.plan))

    def draw(self, host: str, method: str, path: str) -> Fault | None:
        plan = self.plan
        service = next((name for suffix, name in SERVICES.items() if host.endswith(suffix)), "")
        if not service or not plan.meets(service, path):
            return None
        self._count[service] += 1
        number = self._count[service]
        chance = random.Random(f"{plan.seed}/{service}/{number}")  # noqa: S311  no secret
        place, after = chance.random(), chance.random() < 0.5
        said = f"azure-sandbox: a fault of seed {plan.seed}, request {number} to {service}"
        if (place := place - plan.throttle) < 0:
            if service == "arm":
                error = throttled(method, path)
            else:
                error = AzureError(*BUSY.get(service, BUSY["blob"]), {"Retry-After": "1"})
            error.details.append({"message": said})
            return Fault(error)
        if (place := place - plan.error) < 0:
            text = "The server encountered an internal error. Please retry the request."
            return Fault(AzureError(500, "InternalServerError", text, details=[{"message": said}]))
        if (place := place - plan.cut) < 0:
            when = "after" if after else "before"
            return Fault(
                AzureError(499, "ConnectionCut", f"cut {when} the work was done", None, [{"message": said}]), when
            )
        if place - plan.conflict < 0 and service == "arm" and method in WRITES:
            return Fault(AzureError(409, "AnotherOperationInProgress", ANOTHER, details=[{"message": said}]))
        return None

    def slow(self, resource_id: str) -> float:
        return self.plan.slow if self.plan.meets("arm", resource_id) else 0.0
