"""Reading and writing containers: many small blobs at once, as whoever calls."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from operations import azure
from operations.errors import OperationError
from operations.windows import Window, folder

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, ContainerClient

AT_ONCE = 8


def features(account: str, window: Window, *, allow_missing: bool = False) -> dict[str, bytes]:
    """The feature files of the window's hours, by their path in the container `features`.

    Raises OperationError that lists the hours without a file, unless that is allowed, and when there is none at all.
    """
    container = azure.container(account, "features")
    paths, missing = [], []
    for hour in window.hours:
        found = [path for path in names(container, f"{folder(hour)}/") if path.endswith(".parquet")]
        paths += found
        if not found:
            missing.append(folder(hour))
    if missing and not (allow_missing and paths):
        raise OperationError(
            f"{container.url}: no features in {_some(missing)} ({len(missing)} of {len(window.hours)} hours); expected "
            "Parquet files. Has the stream job come so far (batch-scoring status)? --allow-missing leaves them out."
        )
    return download(container, paths)


def names(container: "ContainerClient", prefix: str) -> list[str]:
    """Blobs below a prefix, sorted. An account with hierarchical namespace lists its folders too: they are left out."""
    with explained(container):
        return sorted(
            blob.name
            for blob in container.list_blobs(name_starts_with=prefix, include=["metadata"])
            if (blob.metadata or {}).get("hdi_isfolder") != "true"
        )


def download(container: "ContainerClient", paths: Iterable[str]) -> dict[str, bytes]:
    def one(path: str) -> tuple[str, bytes]:
        with explained(container, path):
            return path, container.download_blob(path).readall()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(pool.map(one, paths))


def upload(container: "ContainerClient", files: Mapping[str, bytes]) -> None:
    """Writes new blobs; one that exists already is an error, never overwritten."""

    def one(item: tuple[str, bytes]) -> None:
        path, data = item
        with explained(container, path):
            container.upload_blob(path, data, overwrite=False)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one, files.items()))


class explained:
    """Turns Azure's refusal into one error that names the blob or container."""

    def __init__(self, container: "ContainerClient | BlobClient", path: str = "") -> None:
        self.place = f"{container.url}/{path}" if path else container.url

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from azure.core.exceptions import AzureError, HttpResponseError

        if isinstance(error, HttpResponseError):
            code = getattr(error, "error_code", None) or error.reason
            message = (error.message or "").splitlines()[0]
            raise OperationError(f"{self.place}: {error.status_code} {code}: {message}") from error
        if isinstance(error, AzureError):
            raise OperationError(f"{self.place}: no answer: {error.message}") from error


def _some(items: list[str], most: int = 3) -> str:
    return ", ".join(items[:most]) + (", …" if len(items) > most else "")
