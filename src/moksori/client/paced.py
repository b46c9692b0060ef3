"""A spoken call from a recording, at the pace of a voice, with both sides laid on one clock."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from moksori.client.devices import FRAME, RATE
from moksori.client.events import AnyServerEvent
from moksori.client.measure import Latency
from moksori.client.progress import Progress
from moksori.client.speaker import Pull
from moksori.client.transcript import Transcript
from moksori.client.voice import VoiceClient

_FRAME_S = FRAME / RATE
_TAIL_S = 0.3  # after the answer: its last events
_TRANSCRIPT_S = 3.0  # what a transcript may come later than the answer it caused


class Recorder:
    """A speaker that plays into memory, when told to."""

    def __init__(self) -> None:
        self._pull: Pull | None = None
        self._heard = bytearray()

    def open(self, pull: Pull) -> None:
        """Begin."""
        self._pull = pull

    def close(self) -> None:
        """End; what was heard is kept."""
        self._pull = None

    def tick(self) -> None:
        """Let 20 ms pass."""
        self._heard += self._pull(FRAME) if self._pull is not None else bytes(FRAME * 2)

    @property
    def track(self) -> bytes:
        """Everything heard, silence included, on the clock of the ticks."""
        return bytes(self._heard)

    @property
    def answer(self) -> bytes:
        """The same from the first sample that is not silence to the last."""
        heard = self.track
        start = (len(heard) - len(heard.lstrip(b"\0"))) & ~1
        end = len(heard.rstrip(b"\0"))
        return heard[start : end + end % 2]


@dataclass(frozen=True, slots=True)
class Held:
    """How a call went. `caller` and `agent` are PCM16 at 24 kHz on one clock."""

    transcript: Transcript
    latencies: tuple[Latency, ...]
    answered: bool
    failure: str | None
    caller: bytes
    agent: bytes
    answer: bytes


async def hold(client: VoiceClient, recorder: Recorder, question: bytes, patience: float) -> Held:
    """Speak `question` (PCM16 at 24 kHz) and listen until it is answered, over a connected client.

    `recorder` is the client's speaker. After the question, silence is sent, as from an open microphone. Gives up when
    nothing is heard from the server for `patience` seconds, or the call ends.
    """
    loop = asyncio.get_running_loop()
    progress, transcript = Progress(), Transcript()
    latencies: list[Latency] = []
    heard_from = loop.time()  # when the server last said anything

    def take(event: AnyServerEvent) -> None:
        nonlocal heard_from
        heard_from = loop.time()
        progress.feed(event)
        transcript.feed(event)

    offs = [client.on("*", take), client.on("latency", latencies.append)]
    await client.start_speaker()
    frame_bytes = FRAME * 2
    caller = bytearray()
    begun = loop.time()
    settled_at: float | None = None
    try:
        while client.failure is None:
            position = len(caller)
            frame = question[position : position + frame_bytes].ljust(frame_bytes, b"\0")
            await client.send_audio(frame)
            caller += frame
            recorder.tick()
            now = loop.time()
            if position < len(question) or client.playing:
                heard_from = now
            over = position >= len(question) and progress.settled and not (client.playing or client.answering)
            settled_at = (settled_at or now) if over else None
            if settled_at is not None and now - settled_at >= (
                _TRANSCRIPT_S if transcript.awaited else _TAIL_S
            ):
                break
            if now - heard_from > patience:
                break
            await asyncio.sleep(begun + len(caller) / frame_bytes * _FRAME_S - now)
    finally:
        for off in offs:
            off()
    return Held(
        transcript,
        tuple(latencies),
        progress.answered,
        progress.failure,
        bytes(caller),
        recorder.track,
        recorder.answer,
    )


async def ask(client: VoiceClient, text: str, patience: float) -> Held:
    """Type `text` and collect the whole answer, over a connected client. The audio is the answer's, unpaced."""
    progress, transcript = Progress(), Transcript()
    latencies: list[Latency] = []
    answer = bytearray()
    offs = [client.on("latency", latencies.append), client.on("audio", answer.extend)]
    await client.send_text_message(text)
    try:
        events = aiter(client)
        while not (progress.settled and not client.answering):
            async with asyncio.timeout(patience):
                event = await anext(events)
            progress.feed(event)
            transcript.feed(event)
    except (TimeoutError, StopAsyncIteration):
        pass  # no answer, or the call ended; `answered` and `client.failure` tell
    finally:
        for off in offs:
            off()
    audio = bytes(answer)
    return Held(transcript, tuple(latencies), progress.answered, progress.failure, b"", audio, audio)
