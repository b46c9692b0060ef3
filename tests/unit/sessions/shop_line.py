"""A call on the little shop through the real conductor, conversation, desk and guard, in writing: no speech models."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from moksori.agent.brain import Brain
from moksori.agent.principal import Caller, Principal
from moksori.agent.speech import VoiceActivity
from moksori.engine.engine import Engine
from moksori.sessions.registry import ConnectRequest, Sessions
from moksori.sessions.wire import WireEvents
from moksori.settings import Engine as EngineSettings
from moksori.settings import Settings
from moksori.shop.desk import ShopDesk
from moksori.shop.flows.brain import FlowsBrain
from moksori.telemetry import Telemetry

ANSWER_S = 20
"""How long a test waits for an answer before it fails."""


class Quiet:
    """Voice activity of somebody who types."""

    def feed(self, samples: Any) -> list[Any]:
        return []

    def reset(self) -> None: ...


class MindOnly(Engine):
    """The engine with a brain and nothing else: enough for a written conversation."""

    def __init__(self, brain: Brain) -> None:
        # Flows read the whole conversation; a model only as much as the local one does.
        super().__init__(EngineSettings(), brain if isinstance(brain, FlowsBrain) else None)
        self._brain = brain

    async def new_activity(self) -> VoiceActivity:
        return Quiet()  # type: ignore[return-value]


@dataclass
class Line:
    """The client's end: what was received, and waiting for it."""

    events: list[dict[str, Any]] = field(default_factory=list)
    session: WireEvents | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def send(self, data: bytes) -> None:
        self.events.append(json.loads(data))
        self._news.set()

    def reading(self, yes: bool) -> None: ...

    def close(self, code: int, reason: str = "") -> None:
        assert self.session is not None
        self.session.closed(code, reason)

    def says(self, type: str, /, **event: Any) -> None:
        assert self.session is not None
        self.session.message(json.dumps({"type": type, **event}).encode())

    async def until(self, wanted: Callable[[dict[str, Any]], bool], since: int = 0) -> dict[str, Any]:
        async with asyncio.timeout(ANSWER_S):
            while True:
                for event in self.events[since:]:
                    if wanted(event):
                        return event
                self._news.clear()
                await self._news.wait()

    async def configure(self, **session: Any) -> dict[str, Any]:
        since = len(self.events)
        self.says("session.update", session={"type": "realtime", "output_modalities": ["text"], **session})
        return await self.until(lambda e: e["type"] in ("session.updated", "error"), since)

    async def writes(self, text: str, **response: Any) -> str:
        """The caller writes; the text of the answer."""
        since = len(self.events)
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        self.says("conversation.item.create", item=item)
        self.says("response.create", **({"response": response} if response else {}))
        done = await self.until(lambda e: e["type"] in ("response.done", "error"), since)
        assert done["type"] == "response.done", done
        return " ".join(
            part.get("text", "") for item in done["response"]["output"] for part in item.get("content", [])
        )

    def types(self) -> list[str]:
        return [event["type"] for event in self.events]


async def connect(
    shop: ShopDesk,
    brain: Brain,
    *,
    caller: str | None = None,
    secret_session: dict[str, Any] | None = None,
    extended: bool = False,
) -> Line:
    settings = Settings()
    sessions = Sessions(settings, MindOnly(brain), Telemetry(), shop=shop)
    who = Caller(caller, "signed") if caller else None
    line = Line()
    request = ConnectRequest(
        model=None,
        intent=None,
        principal=Principal("k", "test", who),
        secret_session=secret_session,
        extended=extended,
    )
    line.session = await sessions.open(line, request)
    return line
