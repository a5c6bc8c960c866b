"""Takes values out of a stack's configuration, as text, and notes all that is wrong with them. Pure."""

import re
from collections.abc import Mapping
from typing import Any

PREFIX = "batch-scoring:"
LOCATION = "azure-native:location"


class SettingsError(ValueError):
    """What is wrong with a stack's configuration: one line for each problem."""

    def __init__(self, problems: list[str]):
        self.problems = problems
        count = "1 setting is" if len(problems) == 1 else f"{len(problems)} settings are"
        super().__init__("\n  - ".join([f"{count} wrong:", *problems]))


class Reader:
    """Takes values out of the bag, noting what is wrong; a wrong value is replaced by one that lets reading go on."""

    def __init__(self, values: Mapping[str, Any]):
        self.values = values
        self.problems: list[str] = []
        self.wrong: set[str] = set()
        self.known = {LOCATION}

    def whole(self, key: str, low: int, high: int) -> int:
        text = self._take(key)
        if text is not None and re.fullmatch(r"-?\d{1,9}", text) and low <= int(text) <= high:
            return int(text)
        return self._note(key, text, f"a whole number from {low} to {high}", low)

    def flag(self, key: str) -> bool:
        text = self._take(key)
        return text == "true" if text in ("true", "false") else self._note(key, text, "true or false", False)

    def choice(self, key: str, *allowed: str) -> str:
        text = self._take(key)
        return text if text in allowed else self._note(key, text, " | ".join(allowed), allowed[0])

    def text(self, key: str, pattern: str, allowed: str) -> str:
        text = self._take(key)
        return text if text is not None and re.fullmatch(pattern, text) else self._note(key, text, allowed, "")

    def location(self) -> str:
        text = self.values.get(LOCATION)
        if isinstance(text, str) and re.fullmatch(r"[a-z][a-z0-9]+", text):
            return text
        return self._note(LOCATION, text, "the short name of an Azure region, such as westeurope", "")

    def refuse_unknown(self) -> None:
        for name in sorted(set(self.values) - self.known):
            if name.startswith(PREFIX):
                self.problems.append(f"{name.removeprefix(PREFIX)}: unknown key; Pulumi.yaml lists the known ones")

    def _take(self, key: str) -> str | None:
        self.known.add(PREFIX + key)
        value = self.values.get(PREFIX + key)
        if isinstance(value, bool):
            return str(value).lower()
        return None if value is None else str(value)

    def _note(self, key: str, found: object, allowed: str, instead: Any) -> Any:
        self.wrong.add(key)
        self.problems.append(f"{key}: {'not set' if found is None else f'found {found!r}'}, allowed: {allowed}")
        return instead
