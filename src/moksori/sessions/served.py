"""What a shop gives to sessions, and what stays the same of a call while its backends come and go."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from moksori.agent.guard import Guard, Guards, OfferedTool, Outcome
from moksori.agent.language import language_from, spoken_language
from moksori.agent.principal import Principal
from moksori.agent.tools import JSON, Language
from moksori.protocol import server_events as out
from moksori.protocol.ids import random_id
from moksori.protocol.items import FunctionCall
from moksori.protocol.session import RealtimeSession
from moksori.protocol.session_object import Prompt
from moksori.sessions.ears import Ears
from moksori.telemetry import get_logger

_log = get_logger(__name__)

MOST_KEPT = 500
"""Turns and tool runs of a call that its line in the log has."""


class Shop(Protocol):
    """What a shop gives to sessions."""

    @property
    def prompt_id(self) -> str: ...

    @property
    def guards(self) -> Guards: ...

    @property
    def language(self) -> Language:
        """Of a call that names none."""
        ...

    def instructions(self, variables: Mapping[str, JSON], language: Language, own: str) -> str:
        """What the model is told: the shop's rules first, then the variables as data, then the client's own text."""
        ...

    def hearing(self, language: Language) -> str:
        """Words that callers are likely to say, for the recogniser."""
        ...

    def context(self, variables: Mapping[str, JSON]) -> str | None:
        """The context the shop signed, if it is among the variables."""
        ...


@dataclass(slots=True)
class Call:
    """What stays the same of a call while backends come and go."""

    shop: Shop
    principal: Principal
    session: RealtimeSession
    active: bool = False
    language: Language = "ko"
    variables: dict[str, JSON] = field(default_factory=dict)
    instructions: str = ""
    """The client's own."""
    prompt: Prompt | None = None
    guard: Guard = field(init=False)
    ears: Ears = field(init=False)
    identifying: asyncio.Task[object] | None = None
    rounds: int = 0
    said: list[str] = field(default_factory=list)
    """What the caller said, turn by turn."""
    ran: list[str] = field(default_factory=list)
    """The tools that ran and what each came to, "cancel_order:proposed"."""
    proposed: tuple[str, str] | None = None
    """Token and call id of the change that the client was told of."""

    def __post_init__(self) -> None:
        self.language = self.shop.language
        self.instructions = self.session.instructions
        self.guard = self.shop.guards.open(
            self.session.id, self.principal, language=self.language, transcripts="early"
        )
        self.ears = Ears(self.guard)

    def begin(self, prompt: Prompt) -> None:
        """The session asked for the shop, or for the shop with other variables."""
        self.active, self.prompt = True, prompt
        given = {
            k: v if isinstance(v, str) else getattr(v, "text", "")
            for k, v in (prompt.variables or {}).items()
        }
        self.variables |= given
        self.speak(language_from(self.variables.get("language"), self.language))
        context = self.shop.context(self.variables)
        if context is not None:
            self.identifying = asyncio.get_running_loop().create_task(self.guard.identify(context))

    def speak(self, language: Language) -> None:
        self.language = language
        self.guard.speak(language)

    def offered(self) -> tuple[OfferedTool, ...]:
        return self.guard.tools(self.language)

    def told(self) -> str:
        return self.shop.instructions(self.variables, self.language, self.instructions)

    def hint(self) -> str | None:
        """What the recogniser is told to expect: in a language that is known, for words of another would mislead it."""
        named = self.variables.get("language")
        return self.shop.hearing(language_from(named, self.language)) if named else None

    async def run(self, item: FunctionCall) -> Outcome:
        if self.identifying is not None:
            await self.identifying
        outcome = await self.guard.call(item.name, item.arguments, call_id=item.call_id)
        if len(self.ran) < MOST_KEPT:
            self.ran.append(f"{item.name}:{outcome.kind}")
        return outcome

    def heard(self, text: str) -> None:
        """The caller's turn is over, in writing or transcribed; "" for one in which nothing was understood."""
        self.speak(spoken_language(text, self.language))
        if len(self.said) < MOST_KEPT:
            self.said.append(text)

    def log(self) -> None:
        """One line a call, by which `moksori eval --from-log` holds it again. Words only where they may be logged."""
        caller = self.guard.caller
        _log.info(
            "conversation",
            call=self.session.id,
            language=self.language,
            customer=caller.customer_id if caller.how == "signed" else None,
            said=self.said,
            tools=self.ran,
        )

    def came_to(self, item: FunctionCall, outcome: Outcome) -> out.ToolDone:
        """What the client is told of a call; the sentence of a proposal, and nothing that could carry it out."""
        pending = self.guard.pending
        sentence = None
        if outcome.kind == "proposed" and pending is not None:
            self.proposed, sentence = (pending.token, item.call_id), pending.sentence
        elif outcome.kind == "committed" and pending is None:
            self.proposed = None  # carried out, which is no lapse
        return out.ToolDone(random_id("event"), item.call_id, item.name, outcome.kind, sentence)

    def lapsed(self) -> out.ProposalEnded | None:
        """The proposal that the client was told of, once it is gone without having been carried out."""
        if self.proposed is None:
            return None
        token, call_id = self.proposed
        pending = self.guard.pending
        if pending is not None and pending.token == token:
            return None
        self.proposed = None
        return out.ProposalEnded(random_id("event"), call_id)
