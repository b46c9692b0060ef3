"""One call over the wire: a microphone that never stops, a loudspeaker, and everything noted on one clock."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from moksori.bench.voice.manifest import RATE
from moksori.bench.voice.score import Evidence, Player, Said

FRAME = RATE // 50
"""Samples in a frame of 20 ms."""
FRAME_S = FRAME / RATE
CONNECT_S = 30.0
HOLDS = "holds=1"
"""What a client adds to the address that can hold its loudspeaker."""


class CallFailed(RuntimeError):
    """The server ended or refused the call; the sentence says why."""


class CallRefused(CallFailed):
    """The server took the connection, but not the call; `code` is its error's, such as "server_overloaded"."""

    def __init__(self, code: str, close_code: int | None, message: str) -> None:
        super().__init__(f"The server refused the call ({code}, closed with {close_code}): {message}")
        self.code = code
        self.close_code = close_code


@dataclass(slots=True)
class Tracks:
    """Both sides on one clock, for the stereo WAV; kept only when somebody wants it."""

    began: float = field(default_factory=time.monotonic)
    caller: list[tuple[float, bytes]] = field(default_factory=list)
    agent: list[tuple[float, bytes]] = field(default_factory=list)

    def laid(self, pieces: list[tuple[float, bytes]]) -> bytes:
        length = max((round((at - self.began) * RATE) * 2 + len(pcm) for at, pcm in pieces), default=0)
        track = bytearray(length)
        for at, pcm in pieces:
            begin = max(0, round((at - self.began) * RATE) * 2)
            track[begin : begin + len(pcm)] = pcm
        return bytes(track)


class Line:
    """A caller on the line: `async with Line.open(...) as line`, then `line.say(pcm)`.

    Plays what it gets, empties its loudspeaker on `speech_started` and tells the server how much was heard, as the
    stock clients do; with `holds` it also holds its loudspeaker when asked, as moksori's own do.
    """

    def __init__(self, socket: ClientConnection, tracks: Tracks | None) -> None:
        self._socket = socket
        self._tracks = tracks
        self._queue: bytes = b""
        self._floor: bytes = b""
        self._floor_at = 0
        self._began = time.monotonic()
        self._frames = 0
        self.evidence = Evidence(float("inf"), Player())
        self.emptied_at: float | None = None
        self.responses_done = 0
        self.active = False
        self.failure: str | None = None
        self.changed = asyncio.Event()
        self.session: dict[str, Any] = {}

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls,
        url: str,
        key: str | None,
        language: str,
        tracks: Tracks | None,
        detection: str = "semantic_vad",
        *,
        holds: bool = False,
        prompt: str | None = None,
    ) -> AsyncIterator[Line]:
        """Connect and greet; `prompt` names what answers, such as "shop".

        Raises `CallFailed`, and `CallRefused` where the server says no.
        """
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        if holds:
            url += ("&" if "?" in url else "?") + HOLDS
        try:
            socket = await connect(
                url, additional_headers=headers, max_size=None, compression=None, open_timeout=CONNECT_S
            )
        except Exception as error:
            raise CallFailed(f"{url} cannot be reached: {error}") from error
        line = cls(socket, tracks)
        tasks: list[asyncio.Task[None]] = []
        try:
            await line._greet(language, detection, prompt)
            tasks = [asyncio.create_task(line._microphone()), asyncio.create_task(line._ear())]
            yield line
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await socket.close()

    async def _greet(self, language: str, detection: str, prompt: str | None) -> None:
        hello = json.loads(await asyncio.wait_for(self._socket.recv(), CONNECT_S))
        if hello["type"] == "error":
            error = hello["error"]
            await asyncio.wait_for(self._socket.wait_closed(), CONNECT_S)
            raise CallRefused(str(error.get("code")), self._socket.close_code, str(error.get("message")))
        if hello["type"] != "session.created":
            raise CallFailed(f"The server greeted with {hello['type']}.")
        self.session = hello["session"]
        audio = {
            "input": {
                "transcription": {"model": "whisper-1", "language": language},
                "turn_detection": {"type": detection},
            }
        }
        asked = {"prompt": {"id": prompt}} if prompt else {}
        await self.send({"type": "session.update", "session": {"type": "realtime", "audio": audio, **asked}})

    async def send(self, event: dict[str, Any]) -> None:
        await self._socket.send(json.dumps(event))

    # ------------------------------------------------------------------ speaking

    def say(self, pcm: bytes, floor: bytes) -> float:
        """Speak a clip from the next frame on; `floor` is the noise that follows, again and again.

        Returns when (monotonic s) its first sample counts as spoken.
        """
        self._queue, self._floor, self._floor_at = pcm, floor, 0
        return self._began + self._frames * FRAME_S

    @property
    def speaking(self) -> bool:
        return bool(self._queue)

    async def _microphone(self) -> None:
        size = FRAME * 2
        self._began, self._frames = time.monotonic(), 0
        while True:
            spoken_at = self._began + self._frames * FRAME_S
            # A frame can be sent when its last sample was spoken, not before.
            await asyncio.sleep(max(0.0, spoken_at + FRAME_S - time.monotonic()))
            frame, self._queue = self._queue[:size], self._queue[size:]
            frame += self._noise(size - len(frame))
            self._frames += 1
            await self._socket.send(
                '{"type":"input_audio_buffer.append","audio":"' + base64.b64encode(frame).decode() + '"}'
            )
            late = time.monotonic() - spoken_at - FRAME_S
            self.evidence.late_ms = max(self.evidence.late_ms, round(late * 1000))
            if self._tracks is not None:
                self._tracks.caller.append((spoken_at, frame))

    def _noise(self, count: int) -> bytes:
        if count <= 0 or not self._floor:
            return bytes(max(0, count))
        at = self._floor_at % len(self._floor)
        self._floor_at = at + count
        return (self._floor * (2 + count // len(self._floor)))[at : at + count]

    # ------------------------------------------------------------------ hearing

    async def _ear(self) -> None:
        try:
            async for message in self._socket:
                await self._take(json.loads(message), time.monotonic())
                self.changed.set()
        except Exception as error:
            self.failure = str(error)
        self.failure = self.failure or "The server closed the connection."
        self.changed.set()

    async def _take(self, event: dict[str, Any], at: float) -> None:
        evidence = self.evidence
        match event["type"]:
            case "response.created":
                self.active = True
            case "response.output_audio.delta":
                pcm = base64.b64decode(event["delta"])
                item = event["item_id"]
                evidence.player.received(item, pcm, at)
                evidence.said.setdefault(item, Said(item)).samples += len(pcm) // 2
            case "response.output_audio_transcript.delta":
                said = evidence.said.setdefault(event["item_id"], Said(event["item_id"]))
                said.parts.append((event["delta"], said.samples))
            case "response.done":
                self.active = False
                self.responses_done += 1
                own = ((event["response"].get("usage") or {}).get("moksori")) or {}
                if not evidence.stages_ms:
                    evidence.stages_ms = own.get("stages_ms") or {}
            case "input_audio_buffer.committed":
                evidence.committed.append(at)
            case "conversation.item.input_audio_transcription.completed":
                evidence.transcript = f"{evidence.transcript} {event['transcript']}".strip()
            case "moksori.output_audio.held":
                evidence.player.held(at)
            case "moksori.output_audio.released":
                evidence.player.released(at)
            case "input_audio_buffer.speech_started":
                await self._empty(at)
            case "error":
                self.failure = event["error"].get("message")
            case _:
                pass

    async def _empty(self, at: float) -> None:
        cut = self.evidence.player.emptied(at)
        if cut is not None:
            self.emptied_at = at
            await self._tell_heard(*cut)

    async def _tell_heard(self, item_id: str, ms: int) -> None:
        await self.send(
            {"type": "conversation.item.truncate", "item_id": item_id, "content_index": 0, "audio_end_ms": ms}
        )

    async def hang_on(self) -> None:
        """Stop listening to the answer, as a client with a stop button does."""
        if self.active:
            await self.send({"type": "response.cancel"})
        cut = self.evidence.player.emptied(time.monotonic())
        if cut is not None:
            await self._tell_heard(*cut)

    async def hear_out(self, deadline: float) -> None:
        """The answer counts as heard to its end, without the time that takes.

        An answer cut short would stand so in the history, and a language model writes the next one like it: after
        three of them it says "The" and no more.
        """
        if not await self.until(deadline, lambda: not self.active):
            await self.hang_on()
            return
        at, player = time.monotonic(), self.evidence.player
        if player.playing(at):
            item = player.pieces[-1].item_id
            whole = player.played_ms(item, player.playhead)
            player.emptied(at)
            await self._tell_heard(item, whole)

    def next_turn(self) -> Evidence:
        """Begin to note a new turn; returns what was noted of the last one."""
        old, self.evidence = self.evidence, Evidence(float("inf"), Player())
        if self._tracks is not None:
            self._tracks.agent.extend((p.starts, p.pcm) for p in old.player.pieces)
        self.responses_done = 0
        self.emptied_at = None
        return old

    async def until(self, deadline: float, done: Callable[[], bool]) -> bool:
        """Wait for `done()` until `deadline` (monotonic s). Raises `CallFailed` when the call ended."""
        while not done():
            if self.failure is not None:
                raise CallFailed(f"The call ended: {self.failure}")
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self.changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.changed.wait(), min(left, 0.05))
        return True
