"""A private certificate authority that never leaves the state folder, and a certificate for every Azure host name."""

import secrets
import ssl
from pathlib import Path

import certifi
import trustme

SYSTEM_ROOTS = Path("/etc/ssl/certs/ca-certificates.crt")


class Certificates:
    """The authority of one sandbox: made at the first start, kept in `folder`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.bundle = folder / "bundle.pem"  # the roots that a child trusts: the system's and this authority
        self._authority = _load(folder / "ca.pem", folder / "ca-key.pem")
        self._contexts: dict[str, ssl.SSLContext] = {}
        roots = SYSTEM_ROOTS if SYSTEM_ROOTS.exists() else Path(certifi.where())
        self.bundle.write_bytes(roots.read_bytes() + b"\n" + self._authority.cert_pem.bytes())

    def server_context(self) -> ssl.SSLContext:
        """For a TLS listener that serves any host name: the certificate follows the name the client asks for."""
        context = self._issue("localhost", "127.0.0.1")
        context.sni_callback = self._choose
        return context

    def write_pair(self, name: str) -> tuple[Path, Path]:
        """Certificate and key of `127.0.0.1` as files, for a server that is not ours."""
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}-key.pem"
        issued = self._authority.issue_cert("localhost", "127.0.0.1")
        certificate.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
        _write_secret(key, issued.private_key_pem.bytes())
        return certificate, key

    def _choose(self, connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
        if not name or name == "localhost":
            return
        above = name.split(".", 1)[1] if name.count(".") > 2 else ""
        if (above or name) not in self._contexts:
            self._contexts[above or name] = self._issue(f"*.{above}" if above else name)
        connection.context = self._contexts[above or name]

    def _issue(self, *names: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(*names).configure_cert(context)
        return context


def _load(certificate: Path, key: Path) -> trustme.CA:
    if certificate.exists() and key.exists():
        return trustme.CA.from_pem(certificate.read_bytes(), key.read_bytes())
    authority = trustme.CA(organization_name="azure-sandbox", organization_unit_name="this machine only")
    _write_secret(key, authority.private_key_pem.bytes())
    certificate.write_bytes(authority.cert_pem.bytes())
    return authority


def _write_secret(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)


def secret(path: Path) -> str:
    """A random secret, made once."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_secret(path, secrets.token_hex(32).encode())
    return path.read_text()
