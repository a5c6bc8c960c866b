"""The Pulumi CLI and its azure-native plugin, put where commands inside a sandbox find them."""

from typing import Never

from azure_sandbox.services import Hooks

from azure_sandbox_pulumi import install_plugin
from azure_sandbox_pulumi.mirror import write_pulumi_script

AFTER = ()


def install(hooks: Hooks) -> list[Never]:
    write_pulumi_script(hooks.sandbox.state)
    install_plugin(hooks.sandbox.state / "pulumi")
    return []
