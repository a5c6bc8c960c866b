"""Microsoft's Azurite, which keeps the blobs, for every account that the sandbox declares, by a key nobody else has.

Azurite writes its index to disk when it is asked to end and every 5 seconds: ending it by `kill -9` can lose what was
written within the last 5. The sandbox's own process may be killed at any time; Azurite stays and is found again.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import subprocess
from pathlib import Path

from azure_sandbox import processes
from azure_sandbox.certificates import Certificates

PRELOAD = Path(__file__).with_name("azurite_accounts.cjs")
INSTALL = "install it with `npm install azurite@3.35.0` and put node_modules/.bin on PATH"


class Azurite:
    def __init__(self, folder: Path, certificates: Certificates, secret: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._certificates, self._secret = folder, certificates, secret
        self._accounts_file = folder / "accounts"
        self._started = asyncio.Lock()
        self._running = False
        self.port = self._pid = 0

    def key(self, account: str) -> str:
        """The account's key, base64 as Azure shows it."""
        digest = hmac.new(self._secret.encode(), f"account:{account}".encode(), hashlib.sha512).digest()
        return base64.b64encode(digest).decode()

    def declare(self, account: str) -> None:
        """From now on Azurite answers for this account (it keeps answering; the door knows which accounts exist)."""
        known = self._accounts_file.read_text().split(";") if self._accounts_file.exists() else []
        entry = f"{account}:{self.key(account)}"
        if entry not in known:
            temporary = self._accounts_file.with_suffix(".new")
            temporary.touch(mode=0o600)
            temporary.write_text(";".join([*filter(None, known), entry]))
            temporary.replace(self._accounts_file)

    async def ready(self) -> int:
        """The port, once Azurite listens; starts it, or finds it again, at the first call."""
        if not self._running:
            async with self._started:
                if not self._running:
                    await self._find_or_start()
                    self._running = True
        return self.port

    def start(self) -> None:
        """It starts when somebody asks for a blob."""

    async def close(self) -> None:
        """Ends it, so that it writes all to disk; also when somebody has removed its folder."""
        note = self._folder / "process.json"
        if self._pid:
            await asyncio.to_thread(processes.end, self._pid, str(self._folder), 15)
        else:  # nobody asked for it in this life; a killed one may have left it
            await asyncio.to_thread(processes.end_noted, note)
        note.unlink(missing_ok=True)

    async def _find_or_start(self) -> None:
        note = self._folder / "process.json"
        self.declare("devstoreaccount1")
        if note.exists():
            saved = json.loads(note.read_text())
            self.port, self._pid = int(saved["port"]), int(saved["pid"])
            if processes.alive(self._pid, str(self._folder)) and await self._listens():
                return
        self.port = processes.free_port(self.port)
        process = self._launch()
        self._pid = process.pid
        note.write_text(json.dumps({"pid": process.pid, "port": self.port}))
        for _ in range(600):
            if await self._listens():
                processes.let_go(process)
                return
            if process.poll() is not None:
                break
            await asyncio.sleep(0.05)
        tail = (self._folder / "azurite.log").read_text(errors="replace")[-800:]
        message = f"Azurite did not start (exit {process.poll()}):\n{tail}"
        raise RuntimeError(message)

    def _launch(self) -> "subprocess.Popen[bytes]":
        certificate, key = self._certificates.write_pair("azurite")
        command = [processes.tool("azurite-blob", INSTALL), "--blobHost", "127.0.0.1", "--blobPort", str(self.port)]
        command += ["--location", str(self._folder), "--oauth", "basic", "--cert", str(certificate), "--key", str(key)]
        command += ["--silent", "--skipApiVersionCheck", "--disableTelemetry"]
        accounts = {
            "AZURE_SANDBOX_ACCOUNTS": str(self._accounts_file),
            "AZURITE_ACCOUNTS": self._accounts_file.read_text(),
            "NODE_OPTIONS": f"--require {json.dumps(str(PRELOAD))}",
        }
        log = self._folder / "azurite.log"
        return processes.detach(command, folder=self._folder, log=log, environment=os.environ | accounts)

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True
