"""Tokens as Entra issues them, and the two places that issue them: the managed-identity endpoint and the login host.

Managed identities speak the App Service protocol: WHO asks is the secret in `X-IDENTITY-HEADER`, one per principal;
WHICH identity is meant is an optional `client_id`, `mi_res_id` or `object_id`.
Source: https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
"""

import hashlib
import hmac
import time
import uuid
from collections.abc import Collection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azure_sandbox.directory import Directory, Principal
from azure_sandbox.errors import AzureError
from azure_sandbox.store import Store

ARM = frozenset({"https://management.azure.com", "https://management.core.windows.net"})
LOGIN = "https://login.microsoftonline.com"
ISSUER = "https://sts.windows.net"
AUTHORITY = "https://login.windows.net"
IDENTITY_LIFE = 24 * 3600  # seconds; managed identities' tokens are good for 24 hours
USER_LIFE = 3600
AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"  # the application through which a person signs in
NOT_ATTACHED = "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId."


class Tokens:
    """Issues and reads the tokens of one sandbox. They live in real time: the sandbox's clock does not age them."""

    def __init__(self, folder: Path, store: Store, directory: Directory) -> None:
        self._store, self._directory = store, directory
        self._key = _load_key(folder / "token-key.pem")
        self._public = self._key.public_key()
        self._secret = hashlib.sha256(self._key.private_numbers().d.to_bytes(256, "big")).digest()
        self._seen: dict[str, dict[str, Any]] = {}
        store.execute("CREATE TABLE IF NOT EXISTS identity_headers (header TEXT PRIMARY KEY, object_id TEXT NOT NULL)")

    def identity_header(self, principal: Principal) -> str:
        """The IDENTITY_HEADER of a process that runs as this principal."""
        header = self.secret_of(principal, "header")
        self._store.execute("INSERT OR IGNORE INTO identity_headers VALUES (?, ?)", (header, principal.object_id))
        return header

    def secret_of(self, principal: Principal, purpose: str = "client secret") -> str:
        return hmac.new(self._secret, f"{purpose}:{principal.object_id}".encode(), hashlib.sha256).hexdigest()

    def mint(self, principal: Principal, audience: str, life: int | None = None) -> str:
        now = int(time.time())
        person = principal.kind == "User"
        claims: dict[str, Any] = {
            "aud": audience,
            "iss": f"{ISSUER}/{self._directory.tenant_id}/",
            "iat": now - 5,
            "nbf": now - 5,
            "exp": now + (life or (USER_LIFE if person else IDENTITY_LIFE)),
            "appid": AZURE_CLI if person else principal.client_id,
            "idtyp": "user" if person else "app",
            "oid": principal.object_id,
            "sub": principal.object_id,
            "tid": self._directory.tenant_id,
            "uti": uuid.uuid4().hex,
            "ver": "1.0",
        }
        if person:
            claims |= {"name": principal.name, "upn": f"{principal.name}@sandbox.onmicrosoft.com"}
        elif principal.resource_id:
            claims["xms_mirid"] = principal.resource_id
        return jwt.encode(claims, self._key, "RS256")

    def bearer(self, principal: Principal, audience: str) -> str:
        return f"Bearer {self.mint(principal, audience)}"

    def principal_of(self, authorization: str, audiences: Collection[str]) -> Principal:
        """Who sends this header; 401 with Resource Manager's codes when it is no valid token for one of `audiences`."""
        scheme, _, token = authorization.partition(" ")
        if not authorization:
            said = "The authentication failed because of missing 'Authorization' header."
            text = "Authentication failed. The 'Authorization' header is missing."
            raise self._unauthorized("AuthenticationFailed", text, said)
        if scheme.lower() != "bearer" or not token.strip():
            text = "Authentication failed. The 'Authorization' header is provided in an invalid format."
            raise self._unauthorized("AuthenticationFailedInvalidHeader", text)
        claims = self._claims(token.strip())
        self._check(claims, audiences)
        found = self._directory.find(claims["oid"])
        if found is None:
            raise self._unauthorized("InvalidAuthenticationToken", f"The principal '{claims['oid']}' no longer exists.")
        return found

    def _check(self, claims: dict[str, Any], audiences: Collection[str]) -> None:
        """Tenant, age and audience of a token whose signature is right."""
        tenant = self._directory.tenant_id
        if claims.get("tid") != tenant:
            text = (
                f"The access token is from the wrong issuer '{claims.get('iss')}'. It must match the tenant "
                f"'{ISSUER}/{tenant}/' associated with this subscription. Please use the authority (URL) "
                f"'{AUTHORITY}/{tenant}' to get the token."
            )
            raise self._unauthorized("InvalidAuthenticationTokenTenant", text)
        if claims["exp"] < time.time():
            text = f"The access token expiry UTC time '{_utc(claims['exp'])}' is earlier than current UTC time "
            raise self._unauthorized("ExpiredAuthenticationToken", f"{text}'{_utc(time.time())}'.")
        if str(claims["aud"]).rstrip("/") not in audiences:
            text = (
                f"The access token has been obtained for wrong audience or resource '{claims['aud']}'. It should "
                f"exactly match with one of the allowed audiences {', '.join(repr(a) for a in sorted(audiences))}."
            )
            raise self._unauthorized("InvalidAuthenticationTokenAudience", text)

    def _claims(self, token: str) -> dict[str, Any]:
        """Verified claims; remembered, so that the signature is not paid for on every request."""
        if token not in self._seen:
            options: Any = {"verify_aud": False, "verify_exp": False, "require": ["aud", "exp", "oid"]}
            try:
                claims = jwt.decode(token, self._public, ["RS256"], options=options)
            except jwt.PyJWTError as error:
                text = f"The access token is invalid: {error}."
                raise self._unauthorized("InvalidAuthenticationToken", text) from None
            if len(self._seen) > 4096:
                self._seen.clear()
            self._seen[token] = claims
        return self._seen[token]

    def _unauthorized(self, code: str, message: str, said: str = "") -> AzureError:
        """With Resource Manager's challenge, from whose authority clients learn the tenant."""
        about = f'authorization_uri="{AUTHORITY}/{self._directory.tenant_id}", error="invalid_token"'
        challenge = f'Bearer {about}, error_description="{said or message}"'
        return AzureError(401, code, message, headers={"WWW-Authenticate": challenge})

    # The managed-identity endpoint

    async def identity_endpoint(self, request: Request) -> Response:
        query = request.query_params
        header = request.headers.get("x-identity-header", "")
        rows = self._store.execute("SELECT object_id FROM identity_headers WHERE header = ?", (header,))
        caller = self._directory.find(rows[0][0]) if rows else None
        if caller is None:
            return _refused(401, "The X-IDENTITY-HEADER belongs to nobody in this sandbox.")
        if not query.get("resource"):
            return _refused(400, "The parameter 'resource' is missing.")
        identity = self._chosen(caller, query)
        if identity is None:
            return _refused(400, NOT_ATTACHED)
        life = USER_LIFE if identity.kind == "User" else IDENTITY_LIFE
        answer = {
            "access_token": self.mint(identity, query["resource"]),
            "expires_on": str(int(time.time()) + life - 60),
            "resource": query["resource"],
            "token_type": "Bearer",
            "client_id": identity.client_id,
        }
        return JSONResponse(answer)

    def _chosen(self, caller: Principal, query: Any) -> Principal | None:
        """The deployer stands for a machine with all user-assigned identities attached; anybody else is only itself."""
        keys = ("client_id", "mi_res_id", "msi_res_id", "object_id", "principal_id")
        wanted = next((query[key] for key in keys if query.get(key)), None)
        if wanted is None:
            return caller
        found = self._directory.find(wanted)
        if found is None or found.object_id == caller.object_id:
            return found
        attached = found.kind == "ServicePrincipal" and "/userassignedidentities/" in (found.resource_id or "")
        return found if attached and caller == self._directory.deployer else None

    # login.microsoftonline.com

    async def login(self, request: Request) -> Response:
        """Discovery, and the client-credentials grant of a service principal."""
        path, tenant = request.url.path, request.url.path.split("/")[1]
        if "discovery/instance" in path:
            return JSONResponse(_instance(self._directory.tenant_id))
        if tenant not in (self._directory.tenant_id, "common", "organizations"):
            return _entra(400, "invalid_request", f"AADSTS90002: Tenant '{tenant}' not found.")
        if path.endswith("openid-configuration"):
            return JSONResponse(_openid(tenant, self._directory.tenant_id))
        if request.method == "POST" and path.endswith("/token"):
            return self._grant(dict(parse_qsl((await request.body()).decode())))
        return _entra(404, "not_found", f"AADSTS900144: '{path}' is no endpoint of this login host.")

    def _grant(self, form: dict[str, str]) -> Response:
        if form.get("grant_type") != "client_credentials":
            message = f"AADSTS70003: The app requested an unsupported grant type '{form.get('grant_type')}'."
            return _entra(400, "unsupported_grant_type", message)
        application = self._directory.find(form.get("client_id"))
        if application is None or application.kind != "ServicePrincipal":
            message = (
                f"AADSTS700016: Application with identifier '{form.get('client_id')}' was not found in the directory."
            )
            return _entra(400, "unauthorized_client", message)
        if not hmac.compare_digest(form.get("client_secret", ""), self.secret_of(application)):
            return _entra(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
        audience = form.get("resource") or form.get("scope", "").split(" ")[0].removesuffix("/.default")
        token = self.mint(application, audience, USER_LIFE)
        answer = {"token_type": "Bearer", "expires_in": USER_LIFE, "ext_expires_in": USER_LIFE, "access_token": token}
        return JSONResponse(answer)


def _load_key(path: Path) -> rsa.RSAPrivateKey:
    if path.exists():
        key = serialization.load_pem_private_key(path.read_bytes(), None)
        if isinstance(key, rsa.RSAPrivateKey):
            return key
    key = rsa.generate_private_key(65537, 2048)
    form = serialization.PrivateFormat.PKCS8
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return key


def _refused(status: int, message: str) -> Response:
    return JSONResponse({"statusCode": status, "message": message}, status)


def _entra(status: int, error: str, description: str) -> Response:
    return JSONResponse({"error": error, "error_description": description, "correlation_id": str(uuid.uuid4())}, status)


def _openid(tenant: str, issuer: str) -> dict[str, str]:
    base = f"{LOGIN}/{tenant}"
    return {
        "issuer": f"{LOGIN}/{issuer}/v2.0",
        "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
        "token_endpoint": f"{base}/oauth2/v2.0/token",
        "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
    }


def _instance(tenant: str) -> dict[str, Any]:
    aliases = ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"]
    host = "login.microsoftonline.com"
    return {
        "tenant_discovery_endpoint": f"{LOGIN}/{tenant}/v2.0/.well-known/openid-configuration",
        "api-version": "1.1",
        "metadata": [{"preferred_network": host, "preferred_cache": "login.windows.net", "aliases": aliases}],
    }


def _utc(seconds: float) -> str:
    return time.strftime("%m/%d/%Y %H:%M:%S", time.gmtime(seconds))
