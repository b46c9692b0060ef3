"""The last words of a call that must end: one more response, in the local voice, after the model has been left."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import AsyncIterator, Callable
from importlib.resources import files
from typing import Any

from moksori.agent.speech import SPEAKING_RATE, SpeechFailed, Voice
from moksori.engine.mouth import Encoder
from moksori.protocol import server_events as s
from moksori.protocol.frame import Frame
from moksori.protocol.ids import random_id
from moksori.protocol.items import Message, OutputAudio
from moksori.protocol.response import Response, Usage
from moksori.protocol.session import RealtimeSession, Session
from moksori.telemetry import get_logger

_log = get_logger(__name__)


class LastWords:
    """Makes the goodbye of a session. `voice` gives the local voice, None while there is none."""

    def __init__(self, voice: Callable[[], Voice | None]) -> None:
        self._voice = voice

    async def __call__(self, session: Session) -> AsyncIterator[tuple[Frame, float]]:
        """The events of one whole response, each with the seconds of sound in it."""
        if not isinstance(session, RealtimeSession):
            return
        text = texts()[_language(session)]
        response = Response(id=random_id("resp"), status="in_progress")
        item = Message(id=random_id("item"), role="assistant", status="in_progress", content=())
        whole = Message(
            id=item.id, role="assistant", status="completed", content=(OutputAudio(transcript=text),)
        )
        place: dict[str, Any] = {"response_id": response.id, "output_index": 0}
        spot = {**place, "item_id": item.id, "content_index": 0}

        def event(made: s.ServerEvent) -> tuple[Frame, float]:
            return Frame.from_event(made), 0.0

        yield event(s.ResponseCreated(event_id=random_id("event"), response=response))
        yield event(s.ResponseOutputItemAdded(event_id=random_id("event"), item=item, **place))
        yield event(s.ConversationItemAdded(event_id=random_id("event"), item=item))
        part = s.Part(type="audio", transcript="")
        yield event(s.ResponseContentPartAdded(event_id=random_id("event"), part=part, **spot))
        yield event(s.ResponseOutputAudioTranscriptDelta(event_id=random_id("event"), delta=text, **spot))
        async for delta, seconds in self._speech(text, session):
            made = s.ResponseOutputAudioDelta(event_id=random_id("event"), delta=delta, **spot)
            yield Frame.from_event(made), seconds
        yield event(s.ResponseOutputAudioDone(event_id=random_id("event"), **spot))
        yield event(s.ResponseOutputAudioTranscriptDone(event_id=random_id("event"), transcript=text, **spot))
        part = s.Part(type="audio", transcript=text)
        yield event(s.ResponseContentPartDone(event_id=random_id("event"), part=part, **spot))
        yield event(s.ResponseOutputItemDone(event_id=random_id("event"), item=whole, **place))
        yield event(s.ConversationItemDone(event_id=random_id("event"), item=whole))
        free = Usage(moksori={"cost": "0", "currency": "USD", "budget_left": "0", "latency_ms": None})
        done = Response(id=response.id, status="completed", output=(whole,), usage=free)
        yield event(s.ResponseDone(event_id=random_id("event"), response=done))

    async def _speech(self, text: str, session: RealtimeSession) -> AsyncIterator[tuple[str, float]]:
        """Pieces of speech in the session's format, as base64, with their seconds. None where there is no voice."""
        voice = self._voice()
        if voice is None:
            return
        encoder = Encoder(session.audio.output.format)
        try:
            async for spoken in voice.synthesise(
                text, voice=session.audio.output.voice, language=_language(session)
            ):
                yield encoder.encode(spoken.pcm), len(spoken.pcm) / 2 / SPEAKING_RATE
        except SpeechFailed as error:
            _log.warning("goodbye_not_spoken", problem=str(error))


@functools.cache
def texts() -> dict[str, str]:
    """The sentence by language."""
    return tomllib.loads(files("moksori.sessions").joinpath("texts", "goodbye.toml").read_text("utf-8"))


def _language(session: RealtimeSession) -> str:
    transcription = session.audio.input.transcription
    if transcription is not None and transcription.language in texts():
        return transcription.language or "en"
    return "ko" if any("가" <= sign <= "힣" for sign in session.instructions) else "en"
