"""What a command sees inside the sandbox: its environment variables."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DROPPED_PREFIXES = ("AZURE_", "ARM_", "MSI_", "IDENTITY_", "AAD_")
DROPPED = {
    "PULUMI_ACCESS_TOKEN", "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE_FILE", "PULUMI_CONFIG", "PULUMI_STACK",
    "PULUMI_ORGANIZATION", "SSL_CERT_DIR", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "IMDS_ENDPOINT",
}  # fmt: skip
PROXIES = {"http_proxy", "https_proxy", "all_proxy", "no_proxy", "ftp_proxy"}


def child_environment(
    user: Mapping[str, str], *, state: Path, server: Mapping[str, Any], identity: Mapping[str, str]
) -> dict[str, str]:
    """`server`: ports of the running sandbox; `identity`: header, subscription and tenant of who runs the command."""
    kept = {
        name: value
        for name, value in user.items()
        if not name.startswith(DROPPED_PREFIXES) and name not in DROPPED and name.lower() not in PROXIES
    }
    outer = user.get("AZURE_SANDBOX_STATE", "")  # two sandboxes' `pulumi` would call each other for ever
    path = [part for part in kept.get("PATH", os.defpath).split(os.pathsep) if part != os.path.join(outer, "bin")]
    proxy, control = f"http://127.0.0.1:{server['proxy']}", f"http://127.0.0.1:{server['control']}"
    bundle = str(state / "certificates" / "bundle.pem")
    return kept | {
        "PATH": os.pathsep.join([str(state / "bin"), *path]),
        "HTTP_PROXY": proxy,
        "HTTPS_PROXY": proxy,
        "NO_PROXY": "127.0.0.1,localhost",
        "REQUESTS_CA_BUNDLE": bundle,
        "SSL_CERT_FILE": bundle,
        "CURL_CA_BUNDLE": bundle,
        "IDENTITY_ENDPOINT": f"{control}/msi/token",
        "IDENTITY_HEADER": identity["header"],
        "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
        "AZURE_SANDBOX_CLOCK": f"{control}/clock",
        "AZURE_SANDBOX_STATE": str(state),
        "ARM_SUBSCRIPTION_ID": identity["subscription"],
        "ARM_TENANT_ID": identity["tenant"],
        "AZURE_SUBSCRIPTION_ID": identity["subscription"],
        "ARM_USE_MSI": "true",
        "PULUMI_HOME": str(state / "pulumi"),
        "PULUMI_BACKEND_URL": f"file://{state / 'stacks'}",
        "PULUMI_CONFIG_PASSPHRASE": "azure-sandbox",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
