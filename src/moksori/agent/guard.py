"""What the conductor needs in order to let any backend, however it thinks, use a shop's tools safely.

One guard stands between one call and the shop. The conductor offers `tools` to the backend, sends every
function call through `call`, and reports what was said, heard and answered; the guard
decides alone whether a write may happen. Nothing a model writes can make it decide otherwise.

All `*_ms` figures are on one clock: milliseconds of input audio since the session began (a session without
audio uses milliseconds since it began).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from moksori.agent.money import Money
from moksori.agent.principal import Caller, Principal
from moksori.agent.tools import JSON, Language, Refused
from moksori.protocol.internal import Heard

Transcripts = Literal["early", "late", "none"]
"""What a backend tells of the caller's words: before its answer, after it, or never."""

CONFIRM = "confirm_action"
"""The tool by which a model asks for a proposal to be carried out, once the caller has agreed."""


@dataclass(frozen=True, slots=True)
class OfferedTool:
    """A tool as the model sees it."""

    name: str
    description: str
    parameters: dict[str, JSON]


@dataclass(frozen=True, slots=True)
class UserTurn:
    """What the caller said in one turn. Sent again, with `final` set, when it can change no more."""

    item_id: str
    transcript: str
    began_ms: int
    ended_ms: int
    final: bool
    confidence: float | None = None
    """0 to 1, or None where the backend does not say."""


@dataclass(frozen=True, slots=True)
class Pending:
    """The write that waits for the caller's answer."""

    token: str
    tool: str
    sentence: str
    amount: Money | None
    status: Literal["unheard", "waiting", "agreed", "committing"]
    """unheard: what matters has not reached the ear; waiting: it has; agreed: a valid yes was given."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a function call came to."""

    kind: Literal["read", "proposed", "committed", "refused"]
    output: str
    """A JSON object as text: the `function_call_output` for the model."""
    read_out: str | None = None
    """To be spoken to the caller word for word, before anything else."""
    receipt: str | None = None
    """Of a committed write: the signed receipt (a compact JWS)."""
    code: str | None = None
    """Of a refusal."""


@dataclass(frozen=True, slots=True)
class Clear:
    """The sentence may be spoken."""


@dataclass(frozen=True, slots=True)
class Held:
    """The sentence claims something that was not done: not to be spoken, or to be corrected at once."""

    claim: str
    instead: str
    """What to say in its place, or as the correction, in the call's language."""


Verdict = Clear | Held


class Guard(Protocol):
    """One call's guard. Notifications are synchronous and cheap; only `call` and `identify` wait."""

    @property
    def caller(self) -> Caller: ...

    @property
    def pending(self) -> Pending | None: ...

    def tools(self, language: Language) -> tuple[OfferedTool, ...]:
        """Read tools as they are, write tools as proposals, and `CONFIRM`. No write without transcripts."""
        ...

    async def call(self, name: str, arguments: str | Mapping[str, JSON], *, call_id: str) -> Outcome:
        """Run a function call; never raises for what a model sent.

        The same `call_id` again gives the first outcome again.
        """
        ...

    async def identify(self, context: str) -> Caller | Refused:
        """Take the context the shop signed (docs/reference/caller-context.md). One customer a call."""
        ...

    def said(self, item_id: str, text: str) -> None:
        """An assistant item begins, or its text so far: what will be spoken."""
        ...

    def heard(self, heard: Heard, at_ms: int) -> None:
        """By `at_ms` the caller had heard `heard.text` of that item.

        Before each `user_turn` the conductor reports what had been heard at that turn's `began_ms`, from the
        playback map. More reports in between do no harm; one that names more than was played would.
        """
        ...

    def user_turn(self, turn: UserTurn) -> Pending | None:
        """The caller spoke. Returns the pending write as it stands afterwards."""
        ...

    def backend(self, transcripts: Transcripts) -> None:
        """Another backend took over; a proposal is void if it can no longer be confirmed."""
        ...

    def speak(self, language: Language) -> None:
        """The call goes on in this language."""
        ...

    def review(self, text: str) -> Verdict:
        """Whether a sentence about to be spoken is true as far as claims of completion go."""
        ...


class Guards(Protocol):
    """Makes the guard of each call."""

    def open(
        self, session_id: str, principal: Principal, *, language: Language, transcripts: Transcripts
    ) -> Guard: ...
