"""The conformance server as a process, for clients that are processes: `python -m tests.conformance.program [TLS_FOLDER]`.

Prints `{"http", "ws"}` when it serves, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
from pathlib import Path

from moksori.server.house import House
from moksori.server.run import listen, running
from moksori.server.tls import self_signed
from moksori.sessions.registry import Sessions
from moksori.settings import Accounts, ApiKey, Auth, Settings, hash_key
from moksori.telemetry import Telemetry

from .server import engine

KEYS = ("none is needed on loopback", "no key is needed on loopback", "none")
"""What the programs of `tests/clients` say where a client insists on a key."""


async def serve(tls_folder: Path | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            auth=Auth(keys=tuple(ApiKey(name=key, sha256=hash_key(key)) for key in KEYS)),
            accounts=Accounts(database=f"{folder}/accounts.db"),
        )
        made, telemetry = engine(), Telemetry()
        house = House.build(settings, Sessions(settings, made, telemetry), made, telemetry)
        tls = self_signed(tls_folder) if tls_folder is not None else None
        with contextlib.closing(listen("127.0.0.1", 0)) as listener:
            async with running(house, listener, tls=tls) as (address, _):
                print(json.dumps({"http": address.http, "ws": address.ws}), flush=True)
                await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]) if len(sys.argv) > 1 else None))
