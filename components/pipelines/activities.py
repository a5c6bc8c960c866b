"""Small makers of Data Factory's JSON: expressions, references, activities."""

from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]
RETRIED = {"timeout": "0.00:20:00", "retry": 3, "retryIntervalInSeconds": 30}
ONCE = {"timeout": "0.00:20:00", "retry": 0}
MANAGEMENT, STORAGE, LEARNING = "https://management.azure.com/", "https://storage.azure.com", "https://ml.azure.com"


def expression(text: str) -> Json:
    """A value that the factory evaluates: `@…` or text with `@{…}`."""
    return {"value": text, "type": "Expression"}


def dataset(name: str, **parameters: str) -> Json:
    values = {key: expression(value) if "@" in value else value for key, value in parameters.items()}
    return {"referenceName": name, "type": "DatasetReference", "parameters": values}


def service(name: str) -> Json:
    return {"referenceName": name, "type": "LinkedServiceReference"}


def activity(
    name: str, kind: str, properties: Json, *, after: Sequence[str] | dict[str, str] = (), **more: Any
) -> Json:
    """An activity; `after` are those that must have succeeded before, or a mapping to the condition of each."""
    conditions = after if isinstance(after, dict) else dict.fromkeys(after, "Succeeded")
    depends = [{"activity": other, "dependencyConditions": [condition]} for other, condition in conditions.items()]
    return {"name": name, "type": kind, "dependsOn": depends, "typeProperties": properties, **more}


def web(name: str, method: str, url: str, audience: str, *, policy: Json = RETRIED, **more: Any) -> Json:
    """A request with the factory's own identity."""
    properties = {"method": method, "url": expression(url) if "@" in url else url}
    properties["authentication"] = {"type": "MSI", "resource": audience}
    properties |= {key: more.pop(key) for key in ("headers", "body") if key in more}
    return activity(name, "WebActivity", properties, policy=policy, **more)


def copy(name: str, source: Json, sink: Json, *, read: Json, write: Json, **more: Any) -> Json:
    """A copy from dataset `read` to dataset `write`."""
    policy = {"timeout": "0.04:00:00", "retry": 2, "retryIntervalInSeconds": 60}
    properties = {"source": source, "sink": sink, "enableStaging": False}
    return activity(name, "Copy", properties, policy=policy, inputs=[read], outputs=[write], **more)


def put_blob(name: str, account: str, container: str, path: str, text: str, **more: Any) -> Json:
    """Writes a small JSON file, over one that is there."""
    url = f"https://{account}.blob.core.windows.net/{container}/{path}"
    headers = {"x-ms-blob-type": "BlockBlob", "x-ms-version": "2023-11-03", "Content-Type": "application/json"}
    return web(name, "PUT", url, STORAGE, headers=headers, body=expression(text), **more)


def script(name: str, linked_service: str, *texts: str, reads: str = "", **more: Any) -> Json:
    """Statements, and at their end a query whose rows are the activity's output."""
    kinds = [*(("NonQuery", text) for text in texts), *([("Query", reads)] if reads else [])]
    scripts = [{"type": kind, "text": expression(text) if "@" in text else text} for kind, text in kinds]
    properties = {"scripts": scripts, "scriptBlockExecutionTimeout": "00:10:00"}
    more = {"policy": RETRIED, **more}
    return activity(name, "Script", properties, linkedServiceName=service(linked_service), **more)


def wait(name: str, seconds: int, **more: Any) -> Json:
    return activity(name, "Wait", {"waitTimeInSeconds": seconds}, **more)


def remember(name: str, variable: str, value: str, **more: Any) -> Json:
    """Sets a variable: what lies in a loop or a condition is not seen from outside of it."""
    return activity(name, "SetVariable", {"variableName": variable, "value": expression(value)}, **more)


def until(name: str, condition: str, *inner: Json, timeout: str, **more: Any) -> Json:
    properties = {"expression": expression(condition), "activities": list(inner), "timeout": timeout}
    return activity(name, "Until", properties, **more)


def when(name: str, condition: str, *inner: Json, **more: Any) -> Json:
    properties = {"expression": expression(condition), "ifTrueActivities": list(inner)}
    return activity(name, "IfCondition", properties, **more)


def fail(name: str, message: str, code: str, **more: Any) -> Json:
    return activity(name, "Fail", {"message": expression(message), "errorCode": code}, **more)
