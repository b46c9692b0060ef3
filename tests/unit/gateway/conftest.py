"""A whole server in the test's own loop: real sessions and gateway, no engine, mock upstreams behind it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from moksori.gateway.gateway import Gateway
from moksori.server.app import metering
from moksori.server.house import House
from moksori.server.run import Address, listen, running
from moksori.sessions.registry import Sessions
from moksori.settings import Engine, Settings, Upstream
from moksori.telemetry import Telemetry
from tests.mocks.upstream import PROFILES, MockUpstream

CONNECT_S = 2.5


@dataclass
class Served:
    house: House
    address: Address


Serve = Callable[..., Awaitable[Served]]


def upstream(mock: MockUpstream, **more: Any) -> dict[str, Any]:
    """The settings' table for a mock."""
    profile = PROFILES[mock.provider]
    return {
        "base_url": mock.base_url,
        "api_key": mock.key,
        "model": f"{mock.provider}-model",
        "provider": "compatible" if mock.provider == "beta" else mock.provider,
        "dialect": "openai-beta" if profile.beta else "openai-ga",
        **more,
    }


@pytest.fixture
async def serve(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Serve]:
    """`await serve({"a": mock, …}, models={…})`"""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOKSORI_HOME", str(tmp_path))
    for variable in ("MOKSORI_API_KEY", "OPENAI_API_KEY", "XAI_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    async with contextlib.AsyncExitStack() as stack:

        async def begin(mocks: dict[str, MockUpstream], priced: Path | None = None, **tables: Any) -> Served:
            for mock in mocks.values():
                if not mock.port:
                    await stack.enter_async_context(mock.running())
            settings = Settings(
                engine=Engine(profile="off"),
                **{
                    "upstreams": {name: Upstream(**upstream(mock)) for name, mock in mocks.items()},
                    "gateway": {"connect_s": CONNECT_S, "silent_s": 0.3},
                    "accounts": {"prices": priced},
                    **tables,
                },
            )
            gateway, telemetry = Gateway(settings), Telemetry()
            sessions = Sessions(settings, None, telemetry, gateway)
            house = House.build(settings, sessions, None, telemetry, gateway)
            if priced is not None:
                sessions.metering = metering(house, gateway.charging(), None)
            listener = stack.enter_context(contextlib.closing(listen("127.0.0.1", 0)))
            address, _ = await stack.enter_async_context(running(house, listener))
            return Served(house, address)

        yield begin
