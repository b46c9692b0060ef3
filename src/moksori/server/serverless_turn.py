"""One spoken turn by HTTP: the function calls the voice server as a page would, says the recording, hears the answer.

So the function needs no models, and everything a call is held to holds here: the guard, the limits, the secret.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from moksori.audio import wav
from moksori.audio.resample import resample
from moksori.protocol.response import FILLER

RATE = 24_000
LONGEST_S = 45.0
"""Of a recording: what fits, in base64, into what function platforms take (4.5 MB)."""
SHORTEST_S = 0.1
LONGEST_ANSWER_S = 60.0
"""Of the answer, for the same reason; the text is always whole."""
CHUNK = RATE * 2 // 5
"""Bytes in one append: 200 ms."""
MOST_ROUNDS = 10
"""Responses before the one that answers."""


class NotAudio(ValueError):
    """`audioData` cannot be used; `code` is the sentence's."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class TurnFailed(RuntimeError):
    """The voice server did not answer; `code` is the sentence's."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Answered:
    """`audio` is a base64 WAV file of 24 kHz PCM16."""

    transcript: str
    text: str
    audio: str


def pcm_of(audio_data: object) -> bytes:
    """24 kHz mono PCM16 of `audioData`: base64 of a WAV file, or of such samples. Raises `NotAudio`."""
    if not isinstance(audio_data, str):
        raise NotAudio("audio_data")
    text = audio_data.partition(",")[2] if audio_data.startswith("data:") else audio_data
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as why:
        raise NotAudio("audio_data") from why
    if raw[:4] == b"RIFF":
        try:
            sound = wav.read(raw)
        except wav.WavError as why:
            raise NotAudio("audio_data") from why
        raw = sound.mono() if sound.rate == RATE else resample(sound.mono(), sound.rate, RATE)
    if len(raw) % 2 or len(raw) < SHORTEST_S * RATE * 2:
        raise NotAudio("audio_data")
    if len(raw) > LONGEST_S * RATE * 2:
        raise NotAudio("audio_too_long")
    return raw


async def spoken_turn(
    http: str, secret: str, pcm: bytes, *, language: str, model: str | None, seconds: float
) -> Answered:
    """Say `pcm` in a session opened with `secret`. Raises `TurnFailed` after `seconds`, or when it is refused."""
    address = f"{http.rstrip('/').replace('http', 'ws', 1)}/v1/realtime"
    if model:
        address += f"?model={quote(model)}"
    try:
        async with asyncio.timeout(seconds):
            headers = {"authorization": f"Bearer {secret}"}
            async with connect(
                address, additional_headers=headers, max_size=None, compression=None
            ) as socket:
                await _say(socket, pcm, language)
                return await _hear(socket)
    except TimeoutError as why:
        raise TurnFailed("turn_timeout") from why
    except (OSError, WebSocketException) as why:
        raise TurnFailed("turn_failed") from why


async def _say(socket: ClientConnection, pcm: bytes, language: str) -> None:
    hearing = {
        "turn_detection": None,
        "format": {"type": "audio/pcm", "rate": RATE},
        "transcription": {"model": "whisper-1", "language": language},
    }
    audio = {"input": hearing, "output": {"format": {"type": "audio/pcm", "rate": RATE}}}
    session = {"type": "realtime", "output_modalities": ["audio"], "audio": audio}
    await socket.send(json.dumps({"type": "session.update", "session": session}))
    for at in range(0, len(pcm), CHUNK):
        piece = base64.b64encode(pcm[at : at + CHUNK]).decode()
        await socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": piece}))
    await socket.send(json.dumps({"type": "input_audio_buffer.commit"}))
    await socket.send(json.dumps({"type": "response.create"}))


async def _hear(socket: ClientConnection) -> Answered:
    """Until the answer is whole and the recording's words are known."""
    transcript: str | None = None
    text: list[str] = []
    sound = bytearray()
    fillers: set[str] = set()
    done = False
    rounds = 0
    while True:
        event: dict[str, Any] = json.loads(await socket.recv())
        match event["type"]:
            case "conversation.item.input_audio_transcription.completed":
                transcript = event["transcript"]
            case "conversation.item.input_audio_transcription.failed":
                transcript = ""
            case "response.created" if FILLER in (event["response"].get("metadata") or {}):
                fillers.add(event["response"]["id"])
            case "response.output_audio_transcript.delta" if event["response_id"] not in fillers:
                text.append(event["delta"])
            case "response.output_audio.delta" if event["response_id"] not in fillers:
                sound += base64.b64decode(event["delta"])
            case "response.done" if event["response"]["id"] not in fillers:
                rounds += 1
                if event["response"]["status"] == "failed" or rounds > MOST_ROUNDS:
                    raise TurnFailed("turn_failed")
                done = done or bool(text)
            case "error":
                raise TurnFailed("turn_failed")
            case _:
                pass
        if done and transcript is not None:
            with contextlib.suppress(WebSocketException):
                await socket.close()
            most = int(LONGEST_ANSWER_S * RATE) * 2
            audio = base64.b64encode(wav.write(bytes(sound[:most]), RATE)).decode()
            return Answered(transcript.strip(), "".join(text).strip(), audio)
