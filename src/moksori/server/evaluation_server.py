"""A server for spoken evaluation, as a process: the models are loaded once, each conversation gets a shop of its own.

Lines of JSON on standard input, an answer line each: `{"open": {"database", "caller", "language"}}` begins to serve a
shop and answers `{"url", "key", "context"}`, the context being signed as the shop would; `{"close": true}` stops and
answers `{"changed", "tools"}`. The first line of all names the time it is and who answers.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt

from moksori import telemetry as telemetry_module
from moksori.agent.guard import Transcripts
from moksori.agent.principal import Principal
from moksori.agent.tools import Language
from moksori.engine.engine import Engine
from moksori.server.house import House
from moksori.server.run import listen, running
from moksori.server.shop_calls import flows_brain
from moksori.server.shop_house import ShopHouse
from moksori.sessions.registry import Sessions
from moksori.settings import ApiKey, Auth, Log, Settings, hash_key, load
from moksori.shop.desk import ShopDesk
from moksori.shop.guard.call import CallGuard, GuardSettings
from moksori.shop.guard.context import AUDIENCE
from moksori.shop.guard.tokens import Key
from moksori.shop.snapshot import changes, snapshot
from moksori.telemetry import Telemetry

Json = dict[str, Any]
CONTEXT_LIFE = timedelta(minutes=30)


class _Kept:
    """An engine that outlives the houses it serves."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def start(self) -> None:
        return None

    def parts(self) -> dict[str, str]:
        return self._engine.parts()

    async def close(self) -> None:
        return None


class _Desk(ShopDesk):
    """Notes which tools ran, and to what end."""

    ran: list[str]

    def open(
        self, session_id: str, principal: Principal, *, language: Language, transcripts: Transcripts
    ) -> CallGuard:
        guard = super().open(session_id, principal, language=language, transcripts=transcripts)
        asked = guard.call

        async def noted(name: str, arguments: Any, *, call_id: str) -> Any:
            outcome = await asked(name, arguments, call_id=call_id)
            self.ran.append(f"{name}:{outcome.kind}")
            return outcome

        guard.call = noted  # type: ignore[method-assign]
        return guard


class Stage:
    """Opens one shop after the other over the same engine."""

    def __init__(self, settings: Settings, engine: Engine, clock: Callable[[], datetime]) -> None:
        self._settings, self._engine, self._clock = settings, engine, clock
        self._key = Key("HS256", secrets.token_hex(32))
        self._stack = AsyncExitStack()
        self._desk: _Desk | None = None
        self._before: dict[str, str] = {}

    async def open(self, database: str, caller: str | None, language: Language) -> Json:
        """Serve this shop; where, and the context of who calls."""
        await self.close()
        shop = self._settings.shop.model_copy(
            update={"database": f"sqlite:///{database}", "language": language}
        )
        accounts = self._settings.accounts.model_copy(
            update={"database": f"sqlite:///{Path(database).with_name('accounts.db')}"}
        )
        key = secrets.token_urlsafe(24)
        auth = Auth(keys=(ApiKey(name="evaluation", sha256=hash_key(key)),))
        settings = self._settings.model_copy(update={"shop": shop, "accounts": accounts, "auth": auth})
        desk = _Desk(
            f"sqlite:///{database}",
            language=language,
            settings=GuardSettings(context=(self._key,)),
            clock=self._clock,
        )
        desk.ran = []
        telemetry = Telemetry()
        sessions = Sessions(settings=settings, engine=self._engine, telemetry=telemetry, shop=desk)
        house = House.build(settings, sessions, _Kept(self._engine), telemetry)
        house.shop = ShopHouse(desk, house)
        listener = self._stack.enter_context(listen("127.0.0.1", 0))
        address, _ = await self._stack.enter_async_context(running(house, listener))
        assert desk.tools is not None
        self._desk, self._before = desk, await snapshot(desk.tools)
        return {"url": address.ws, "key": key, "context": self._context(caller) if caller else None}

    async def close(self) -> Json:
        """Stop serving; what the conversation changed, and the tools that ran."""
        if self._desk is None:
            return {"changed": {}, "tools": []}
        desk, self._desk = self._desk, None
        assert desk.tools is not None
        changed = changes(self._before, await snapshot(desk.tools))
        await self._stack.aclose()
        self._stack = AsyncExitStack()
        return {"changed": changed, "tools": desk.ran}

    def _context(self, caller: str) -> str:
        now = self._clock()
        claims = {
            "aud": AUDIENCE,
            "sub": caller,
            "jti": secrets.token_hex(8),
            "iat": int(now.timestamp()),
            "exp": int((now + CONTEXT_LIFE).timestamp()),
        }
        return jwt.encode(claims, self._key.secret, algorithm="HS256")


async def main() -> None:
    told = json.loads(sys.stdin.readline())
    settings = load(told.get("config") and Path(told["config"]))
    engine_settings = settings.engine.model_copy(update={"profile": told.get("profile", "lite")})
    if told.get("profile", "lite") == "lite":
        engine_settings = engine_settings.model_copy(
            update={"llm": engine_settings.llm.model_copy(update={"kind": "flows"})}
        )
    telemetry_module.configure(Log())
    began, now = time.monotonic(), told.get("now")
    first = datetime.fromisoformat(now) if now else datetime.now(UTC)

    def clock() -> datetime:
        return (first + timedelta(seconds=time.monotonic() - began)).astimezone(UTC)

    engine = Engine.create(engine_settings, flows_brain(settings, clock))
    await engine.start()
    stage = Stage(settings, engine, clock)
    print(json.dumps({"ready": True, "parts": engine.parts()}), flush=True)
    try:
        while line := await asyncio.to_thread(sys.stdin.readline):
            asked = json.loads(line)
            answer = await stage.open(**asked["open"]) if "open" in asked else await stage.close()
            print(json.dumps(answer, ensure_ascii=False), flush=True)
    finally:
        await stage.close()
        await engine.close()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
