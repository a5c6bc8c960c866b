"""What a client's call comes to, as the client itself says it."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

PLACE = "westeurope"
HERE = {"location": PLACE}
MISSING = (404, "ResourceNotFound")


def refusal(call: Callable[..., Any], *arguments: Any, **options: Any) -> tuple[int | None, str | None]:
    """Status and code of the client's own exception; an operation is followed to its end."""
    with pytest.raises(HttpResponseError) as refused:
        follow(call(*arguments, **options))
    error = refused.value.error
    return refused.value.status_code, error.code if error else None


def follow(answer: Any) -> Any:
    """The result of an operation that takes a while, and whatever else as it is."""
    return answer.result() if hasattr(answer, "result") else answer


def names(items: Iterable[Any]) -> list[str]:
    return sorted(item.name for item in items)
