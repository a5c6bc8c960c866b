"""The engine's plugin for azure-native: the SDK's inputs as Resource Manager requests, checked strictly.

The real provider is a binary that needs Azure; this one speaks the same protocol to the engine and the same requests to
`https://management.azure.com`, through the proxy of its environment like any other client.
"""

import os
import shlex
import sys
from pathlib import Path

VERSION = "3.29.0"  # of the SDK whose resources it knows: the engine asks for exactly this


def install_plugin(pulumi_home: Path) -> Path:
    """Writes the plugin's start script below `pulumi_home`; returns its path. Repeated calls change nothing."""
    folder = pulumi_home / "plugins" / f"resource-azure-native-v{VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "pulumi-resource-azure-native"
    text = (
        f'#!/bin/sh\nunset PYTHONPATH PYTHONDONTWRITEBYTECODE\nexec {shlex.quote(sys.executable)} -m {__name__} "$@"\n'
    )
    if not script.exists() or script.read_text() != text:
        fresh = script.with_name(f"{script.name}.{os.getpid()}")
        fresh.write_text(text)
        fresh.chmod(0o755)
        fresh.replace(script)
    return script
