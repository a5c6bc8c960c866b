"""Requests that a door refuses, and docs/refused-requests.md, written from what is answered."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import yaml
from azure.identity import ManagedIdentityCredential
from sandbox_world import World  # pyright: ignore[reportMissingImports]

FILE = Path(__file__).resolve().parents[2] / "docs" / "refused-requests.md"
HEAD = """# What is refused at the doors

Written by `REFUSALS=write pytest packages/azure-sandbox/tests/conduct/test_doors.py` from what the tests do and see:
requests to data planes, deletions and actions. [refusals.md](refusals.md) is the table of what is declared wrongly.
*Azure says* is status and code of the answer; *why* is the message here, and after two dashes what only the log says.

| door | mistake | Azure says | why | source |
|---|---|---|---|---|
"""
# Door → host and audience of its tokens.
DOORS = {
    "Blob": ("https://conductlake1.blob.core.windows.net", "https://storage.azure.com"),
    "Data Lake": ("https://conductlake1.dfs.core.windows.net", "https://storage.azure.com"),
    "Event Hubs": ("https://doorspace1.servicebus.windows.net", "https://eventhubs.azure.net"),
    "Batch endpoint": ("https://learningep.westeurope.inference.ml.azure.com", "https://ml.azure.com"),
    "Resource Manager": ("https://management.azure.com", "https://management.azure.com"),
}


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """One of mistakes.yaml, which says what the fields mean."""

    door: str
    source: str
    mistake: str
    ask: str
    says: str
    why: str
    who: str = "deployer"
    audience: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    bytes: int = 0
    json: Any = None


def mistakes() -> list[Refusal]:
    groups = yaml.safe_load(Path(__file__).with_name("mistakes.yaml").read_text("utf-8"))
    return [Refusal(door=g["door"], source=g["source"], **one) for g in groups for one in g["mistakes"]]


def answer(world: World, refusal: Refusal, names: dict[str, str]) -> tuple[int, str, str]:
    """Status, code and why of the answer; `names` fill the braces of what is asked for."""
    host, audience = DOORS[refusal.door]
    method, path = refusal.ask.split(" ", 1)
    headers = {"x-ms-version": "2023-11-03", **refusal.headers}
    url = host + re.sub(r"\{(\w+)\}", lambda found: names[found[1]], path)
    url += "?api-version=2024-01-01" if refusal.door == "Resource Manager" else ""
    with world.inside(refusal.who):
        if refusal.audience != "":
            scope = f"{refusal.audience or audience}/.default"
            headers["Authorization"] = f"Bearer {ManagedIdentityCredential().get_token(scope).token}"
        data = refusal.text.encode() or bytes(refusal.bytes) or None
        found = requests.request(method, url, headers=headers, data=data, json=refusal.json, timeout=60)
    code, message = _said(found)
    request_id = found.headers.get("x-ms-request-id", "")
    logged = [entry["message"] for entry in world.status()["refusals"] if entry["id"] == request_id]
    more = [line.removeprefix(message).lstrip("; ") for line in logged]
    return found.status_code, code, " -- ".join(filter(None, [message, *more]))


def _said(response: requests.Response) -> tuple[str, str]:
    """Code and message: JSON of Resource Manager and the endpoint, XML of Blob Storage and Event Hubs."""
    if response.text and "json" in response.headers.get("content-type", ""):
        error = response.json()["error"]
        return error["code"], error["message"]
    code, text = response.headers.get("x-ms-error-code", ""), response.text.lstrip("\ufeff")
    if not text:
        return code, ""
    found = {one.tag: one.text or "" for one in ET.fromstring(text)}
    said = found.get("Message") or found.get("Detail", "")
    own, _, rest = said.partition(": ")  # Event Hubs: the code, and after the message what tells requests apart
    if own.isdigit():
        return own, rest.partition(" TrackingId:")[0]
    return code or found.get("Code", ""), said.partition("\n")[0]


def row(refusal: Refusal, said: tuple[int, str, str], names: dict[str, str]) -> str:
    status, code, why = said
    for name, value in names.items():
        why = re.sub(re.escape(value), f"({name})", why, flags=re.IGNORECASE)
    why = re.sub(r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\b[0-9a-f]{32}\b", "(id)", why)
    why = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "(time)", re.sub(r"\s+", " ", why)).strip()
    shown = why if len(why) < 260 else f"{why[:259].rstrip()}…"
    plain = re.sub(r"([|*_<>`\[\]])", r"\\\1", shown)
    return f"| {refusal.door} | {refusal.mistake} | {status} {code} | {plain} | <https://{refusal.source}> |"
