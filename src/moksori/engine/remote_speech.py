"""Hearing and speaking at an OpenAI-compatible HTTP endpoint: `/audio/transcriptions` and `/audio/speech`."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from typing import Any, ClassVar

import httpx
import numpy as np

from moksori.agent.speech import (
    HEARING_RATE,
    SPEAKING_RATE,
    Priority,
    Samples,
    SpeechFailed,
    Spoken,
    Transcript,
    Word,
)
from moksori.audio import wav
from moksori.audio.pcm import from_float
from moksori.conversation.clauses import Saying, speakable

CONNECT_S = 5.0
KEEP_ALIVE_S = 600.0
"""An idle connection is kept so long: the pause between two callers should not cost a TLS handshake."""
PIECE_BYTES = SPEAKING_RATE // 5 * 2
"""Bytes in a streamed piece: 200 ms, so that an interruption finds little sound on its way."""
QUIET = 330
"""Of 32767: samples below 1 % (-40 dBFS) in front of a clause are silence, and trimmed."""
LONGEST_SILENCE_BYTES = SPEAKING_RATE * 2 * 2
"""A voice that is quiet for 2 s at the start means it: it is trimmed no further."""
SYLLABLES_PER_S = {"ko": 5.5, "en": 4.2}
"""Ordinary rates of speech (Pellegrino et al. 2011, figure 2, scaled to synthetic voices' calmer pace)."""

_HANGUL = re.compile("[\uac00-\ud7a3]")
_VOWELS = re.compile(r"[aeiouy]+|\d", re.IGNORECASE)


class _Endpoint:
    """One HTTP endpoint for all conversations, with its errors as sentences."""

    def __init__(
        self,
        part: str,
        base_url: str,
        model: str,
        key: str | None,
        *,
        timeout_s: float,
        client: httpx.AsyncClient | None,
    ) -> None:
        self.part = part
        self.base = base_url.rstrip("/")
        self.model = model
        self.headers = {"authorization": f"Bearer {key}"} if key else {}
        self.client = client or httpx.AsyncClient(
            timeout=httpx.Timeout(timeout_s, connect=CONNECT_S),
            limits=httpx.Limits(max_keepalive_connections=32, keepalive_expiry=KEEP_ALIVE_S),
        )

    def refused(self, status: int) -> SpeechFailed:
        where = f"The {self.part} endpoint at {self.base}"
        match status:
            case 401 | 403:
                return SpeechFailed(
                    f"{where} refused the API key (HTTP {status}); check engine.{self.part}.api_key."
                )
            case 404:
                return SpeechFailed(
                    f"{where} knows no model {self.model!r}, or the address is wrong (HTTP 404); "
                    f"check engine.{self.part}.base_url and engine.{self.part}.model."
                )
            case _:
                return SpeechFailed(f"{where} failed (HTTP {status}).")

    def failed(self, error: httpx.HTTPError) -> SpeechFailed:
        if isinstance(error, httpx.TimeoutException):
            return SpeechFailed(f"The {self.part} endpoint at {self.base} took too long to answer.")
        return SpeechFailed(
            f"The {self.part} endpoint at {self.base} cannot be reached ({type(error).__name__}); "
            f"is it running, and is engine.{self.part}.base_url right?"
        )


class _Remote:
    """A part at an endpoint. One client, one pool of connections, for all conversations."""

    part: ClassVar[str]

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key: str | None = None,
        *,
        timeout_s: float = 30.0,
        client: httpx.AsyncClient | None = None,
    ) -> None:
        self._at = _Endpoint(self.part, base_url, model, api_key, timeout_s=timeout_s, client=client)

    async def aclose(self) -> None:
        await self._at.client.aclose()


class RemoteRecogniser(_Remote):
    """`Recogniser` over HTTP."""

    part = "stt"

    async def transcribe(
        self,
        samples: Samples,
        *,
        language: str | None = None,
        prompt: str | None = None,
        priority: Priority = Priority.WAITED_FOR,
    ) -> Transcript:
        """Send the utterance as a WAV file. An endpoint reports no confidence: it is 1. Raises `SpeechFailed`."""
        began = time.monotonic()
        form = {"model": self._at.model, "response_format": "json"}
        form |= {"language": language} if language else {}
        form |= {"prompt": prompt} if prompt else {}
        file = wav.write(from_float(samples), HEARING_RATE)
        try:
            response = await self._at.client.post(
                f"{self._at.base}/audio/transcriptions",
                data=form,
                files={"file": ("speech.wav", file, "audio/wav")},
                headers=self._at.headers,
            )
        except httpx.HTTPError as error:
            raise self._at.failed(error) from error
        if response.status_code != 200:
            raise self._at.refused(response.status_code)
        text, said_language = _transcript(response)
        return Transcript(
            text=text,
            language=language or said_language or ("ko" if _HANGUL.search(text) else "en"),
            confidence=1.0,
            audio_ms=len(samples) * 1000 // HEARING_RATE,
            decode_ms=round((time.monotonic() - began) * 1000),
        )


def _transcript(response: httpx.Response) -> tuple[str, str | None]:
    try:
        body: Any = response.json()
        text = body["text"]
    except (ValueError, KeyError, TypeError):
        text, body = None, {}
    if not isinstance(text, str):
        raise SpeechFailed(
            'The stt endpoint answered with something other than {"text": …}; is it OpenAI-compatible?'
        )
    language = body.get("language")
    return text.strip(), language if isinstance(language, str) and len(language) == 2 else None


class RemoteVoice(_Remote):
    """`Voice` over HTTP: 24 kHz PCM16 as OpenAI sends it, streamed on as it comes.

    An endpoint tells nothing of where its words are. They are placed by ordinary rates of speech while the sound
    comes in, and the last one ends where the sound does: good to about a word.
    """

    part = "tts"

    async def synthesise(
        self,
        text: str,
        *,
        voice: str,
        language: str,
        speed: float = 1.0,
        priority: Priority = Priority.WAITED_FOR,
    ) -> AsyncIterator[Spoken]:
        """Speak one clause. Closing the iterator closes the HTTP stream. Raises `SpeechFailed`."""
        words = speakable(text, language)
        said = " ".join(word.spoken for word in words if word.spoken)
        if not said:
            yield Spoken(b"", tuple(Word(word.written, 0, 0) for word in words))
            return
        body = {
            "model": self._at.model,
            "input": said,
            "voice": voice,
            "response_format": "pcm",
            "speed": speed,
        }
        pieces = _Pieces(words, language, speed)
        try:
            async with self._at.client.stream(
                "POST", f"{self._at.base}/audio/speech", json=body, headers=self._at.headers
            ) as response:
                if response.status_code != 200:
                    raise self._at.refused(response.status_code)
                async for data in response.aiter_bytes():
                    for piece in pieces.push(data):
                        yield piece
        except httpx.HTTPError as error:
            raise self._at.failed(error) from error
        yield pieces.finish()


class _Pieces:
    """Cuts a stream of PCM16 into pieces and places words in them. Pure."""

    def __init__(self, words: tuple[Saying, ...], language: str, speed: float) -> None:
        self._waiting = _estimate(words, language, speed)
        self._bytes = bytearray()
        self._trimming = True
        self._trimmed = 0
        self._given = 0  # samples

    def push(self, data: bytes) -> list[Spoken]:
        self._bytes += data
        if self._trimming:
            self._trim()
        out = []
        while not self._trimming and len(self._bytes) > PIECE_BYTES:  # the last piece is kept for `finish`
            out.append(self._piece(bytes(self._bytes[:PIECE_BYTES])))
            del self._bytes[:PIECE_BYTES]
        return out

    def finish(self) -> Spoken:
        """The rest of the sound, with every word not given out yet."""
        rest = bytes(self._bytes[: len(self._bytes) // 2 * 2])
        end = self._given + len(rest) // 2
        words = tuple(Word(w.text, min(w.start, end), min(w.end, end)) for w in self._waiting)
        if words:
            words = (*words[:-1], Word(words[-1].text, words[-1].start, end))
        return Spoken(rest, words)

    def _trim(self) -> None:
        whole = len(self._bytes) // 2 * 2
        loud = np.flatnonzero(
            np.abs(np.frombuffer(bytes(self._bytes[:whole]), "<i2").astype(np.int32)) > QUIET
        )
        silent = int(loud[0]) * 2 if len(loud) else whole
        self._trimmed += silent
        del self._bytes[:silent]
        self._trimming = not len(loud) and self._trimmed < LONGEST_SILENCE_BYTES

    def _piece(self, pcm: bytes) -> Spoken:
        self._given += len(pcm) // 2
        begun = tuple(word for word in self._waiting if word.start < self._given)
        self._waiting = self._waiting[len(begun) :]
        return Spoken(pcm, begun)


def _estimate(words: tuple[Saying, ...], language: str, speed: float) -> list[Word]:
    rate = SYLLABLES_PER_S.get(language[:2], SYLLABLES_PER_S["en"]) * max(speed, 0.1)
    placed, at = [], 0.0
    for word in words:
        syllables = len(_HANGUL.findall(word.spoken)) + len(_VOWELS.findall(word.spoken))
        length = (max(syllables, 1) if word.spoken else 0) / rate * SPEAKING_RATE
        placed.append(Word(word.written, round(at), round(at + length)))
        at += length
    return placed
