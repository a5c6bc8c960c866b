"""What the installed pulumi_azure_native says about each type of the table: properties, types, enums, API version.

Read once, which takes seconds, and kept in the user's cache folder by the SDK's version and a digest of table and code.
A type is a list of alternatives: "str", "float", "int", "bool", "any", {"enum": [..]}, {"list": type}, {"map": type} or
{"object": key of `objects`}; an object is {property: [type, required, constant]}.
"""

import collections.abc
import dis
import enum
import functools
import hashlib
import importlib
import importlib.metadata
import inspect
import itertools
import json
import os
import re
import subprocess
import sys
import types
import typing
from pathlib import Path
from typing import Any

from azure_sandbox_pulumi import table

PRIMITIVE = {str: "str", float: "float", int: "int", bool: "bool"}


@functools.cache
def facts() -> dict[str, Any]:
    """`{"resources": {short token: {"api", "inputs", "outputs"}}, "objects": {...}}`."""
    code = json.dumps(sorted(table.PATHS)).encode() + Path(__file__).read_bytes()
    version = importlib.metadata.version("pulumi-azure-native")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "azure-sandbox"
    file = home / f"facts-{version}-{hashlib.sha256(code).hexdigest()[:16]}.json"
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError):
        pass
    # In a process of its own: the SDK stays in the memory of whoever imports it, and this plugin does without pulumi.
    done = subprocess.run([sys.executable, "-m", __name__], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the installed pulumi-azure-native cannot be read: {done.stderr[-2000:]}")
    found = json.loads(done.stdout)
    try:
        home.mkdir(parents=True, exist_ok=True)
        fresh = file.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps(found, separators=(",", ":")))
        fresh.replace(file)
    except OSError:
        pass  # a home that cannot be written to costs seconds at each start, nothing else
    return found


def read_all() -> dict[str, Any]:
    reader = Reader()
    for kind in table.PATHS:
        reader.add(kind)
    return {"resources": reader.resources, "objects": reader.objects}


class Reader:
    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.resources: dict[str, dict[str, Any]] = {}

    def add(self, kind: str) -> None:
        from pulumi import _types

        module, name = kind.split(":")
        cls = getattr(importlib.import_module(f"pulumi_azure_native.{module}"), name)
        home = sys.modules[cls.__module__]
        text = typing.get_overloads(cls.__init__)[0].__doc__ or ""
        found = re.search(r"Uses Azure REST API version ([\w-]+)", text)
        self.resources[kind] = {
            "api": found[1] if found else "",
            # The Args class stands first in `__all__` of the resource's file; it may be called EventHubInitArgs.
            "inputs": self.object(getattr(home, home.__all__[0])),
            "outputs": {key: self.type(hint) for key, hint in _types.resource_types(cls).items()},
        }

    def object(self, cls: Any) -> str:
        from pulumi import _types

        key = f"{cls.__module__.removeprefix('pulumi_azure_native.')}.{cls.__name__}"
        if key not in self.objects:
            self.objects[key] = {}  # there are recursive types
            self.objects[key].update(self.inputs(cls) if _types.is_input_type(cls) else self.outputs(cls))
        return key

    def inputs(self, cls: Any) -> dict[str, Any]:
        import pulumi
        from pulumi import _types

        wire = _types.input_type_py_to_pulumi_names(cls)
        # Forward references are shared between modules and remember what they were first resolved to (every module
        # has a SkuArgs); separate local names make typing resolve them anew.
        local = {"Output": pulumi.Output, "T": Any}
        hints = typing.get_type_hints(cls.__init__, vars(sys.modules[cls.__module__]), local)
        required = {p.name for p in inspect.signature(cls.__init__).parameters.values() if p.default is p.empty}
        constants = discriminators(cls)
        return {wire[n]: [self.type(hints[n]), n in required, constants.get(n)] for n in wire}

    def outputs(self, cls: Any) -> dict[str, Any]:
        from pulumi import _types

        return {key: [self.type(hint), False, None] for key, hint in _types.output_type_types(cls).items()}

    def type(self, hint: Any) -> list[Any]:
        """The alternatives behind Input[Optional[Union[XArgs, XArgsDict]]]; enums win over a plain str beside them."""
        unique = dict.fromkeys(json.dumps(t) for t in self.alternatives(hint))
        found = [json.loads(t) for t in unique]
        enums = [t for t in found if isinstance(t, dict) and "enum" in t]
        return enums or (["any"] if "any" in found else found)

    def alternatives(self, hint: Any) -> collections.abc.Iterator[Any]:
        import pulumi
        from pulumi import _types

        origin = typing.get_origin(hint) or hint
        if origin in (typing.Union, types.UnionType):
            for member in typing.get_args(hint):
                yield from self.alternatives(member)
        elif hint is type(None) or typing.is_typeddict(hint) or origin in (pulumi.Output, collections.abc.Awaitable):
            return
        elif origin is collections.abc.Sequence:
            yield {"list": self.type(typing.get_args(hint)[0])}
        elif origin is collections.abc.Mapping:
            yield {"map": self.type(typing.get_args(hint)[1])}
        elif inspect.isclass(origin) and issubclass(origin, enum.Enum):
            yield {"enum": [member.value for member in origin]}
        elif inspect.isclass(origin) and (_types.is_input_type(origin) or _types.is_output_type(origin)):
            yield {"object": self.object(origin)}
        else:
            yield PRIMITIVE.get(origin, "any")


def discriminators(cls: Any) -> dict[str, str]:
    """`pulumi.set(__self__, "type", 'Microsoft.Storage/Blob')`: two string constants in a row of the bytecode (to parse
    the source takes seconds)."""
    loads = [i.argval if i.opname == "LOAD_CONST" else None for i in dis.get_instructions(cls.__init__)]
    return {k: v for k, v in itertools.pairwise(loads) if isinstance(k, str) and isinstance(v, str)}


if __name__ == "__main__":
    print(json.dumps(read_all()))
