"""A folder on this machine as a lake: folder/account/container/path stands for the file at that address."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit


class FolderStorage:
    """Storage for `query` that reads a folder; everybody may read everything."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def list(self, url_pattern: str) -> Iterator[tuple[str, int, datetime.datetime]]:
        """Every file of the container that the pattern names."""
        parts = urlsplit(url_pattern)
        container = parts.path.lstrip("/").split("/")[0]
        root = self._folder / parts.netloc.split(".")[0] / container
        for path in sorted(root.rglob("*")):
            if path.is_file():
                status = path.stat()
                address = f"https://{parts.netloc}/{container}/{path.relative_to(root).as_posix()}"
                yield address, status.st_size, datetime.datetime.fromtimestamp(status.st_mtime, datetime.UTC)

    def download(self, url: str) -> Path:
        """The file itself."""
        parts = urlsplit(url)
        return self._folder / parts.netloc.split(".")[0] / parts.path.lstrip("/")
