"""`POST /v1/audio/transcriptions` and `/v1/audio/speech`: the engine's ears and voice, in OpenAI's shapes.

Sound is WAV or PCM: this server has no codecs for MP3, Opus, AAC or FLAC. Source of the shapes:
https://platform.openai.com/docs/api-reference/audio
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from pydantic import BaseModel, Field
from starlette.responses import StreamingResponse

from moksori.agent.speech import HEARING_RATE, SPEAKING_RATE, Samples, SpeechFailed, Transcript
from moksori.audio import pcm, wav
from moksori.audio.resample import resample
from moksori.conversation.clauses import Chunker
from moksori.server.access import KeyHolder, TheHouse
from moksori.server.engine_parts import Places, failure, parts_of, unless_gone
from moksori.server.errors import SERVER_ERROR, ApiError, ErrorAnswer
from moksori.server.house import Parts

router = APIRouter(prefix="/v1/audio", tags=["audio"])
_places = Places()

MOST_UPLOAD = 25 * 1024 * 1024
"""Bytes of one recording: OpenAI's limit, and 13 minutes of 16 kHz PCM16."""
MOST_INPUT = 4096
"""Characters of one text to speak: OpenAI's limit."""
STREAMED = 0xFFFFFFFF
"""The length in a WAV header whose end is not known yet; readers take what comes."""
LANGUAGE_NAMES = {"en": "english", "ko": "korean"}
"""`verbose_json` names a language in words."""

REFUSALS: dict[int | str, dict[str, object]] = {
    400: {"model": ErrorAnswer, "description": "The request is not one"},
    404: {"model": ErrorAnswer, "description": "No such model here"},
    413: {"model": ErrorAnswer, "description": "Too large"},
    500: {"model": ErrorAnswer, "description": "The model failed"},
    503: {"model": ErrorAnswer, "description": "Loading, stopping, or too busy"},
}


# ------------------------------------------------------------------------------------------------------ hearing


class DurationUsage(BaseModel):
    type: Literal["duration"] = "duration"
    seconds: float


class Transcription(BaseModel):
    """`response_format` "json"; "verbose_json" adds `task`, `language` and `duration`."""

    text: str
    usage: DurationUsage


class VerboseTranscription(Transcription):
    task: Literal["transcribe"] = "transcribe"
    language: str
    duration: float


@router.post(
    "/transcriptions",
    summary="What was said in a WAV file",
    response_model=Transcription | VerboseTranscription,
    responses={**REFUSALS, 200: {"content": {"text/plain": {}}}},
)
async def transcriptions(  # noqa: PLR0917  a form field is a parameter
    request: Request,
    house: TheHouse,
    holder: KeyHolder,
    file: Annotated[UploadFile, File(description="A WAV file of PCM16, of any rate, mono or stereo")],
    model: Annotated[str, Form(min_length=1)],
    language: Annotated[
        str | None, Form(pattern="^[A-Za-z]{2,3}([-_][A-Za-z]+)?$", description="en or ko; detected without")
    ] = None,
    prompt: Annotated[str | None, Form(description="Words whose spelling is preferred")] = None,
    response_format: Annotated[Literal["json", "text", "verbose_json"], Form()] = "json",
) -> Response:
    async with _places.one():
        parts = parts_of(house, holder, model)
        samples = _samples(await _upload(file))
        try:
            hearing = parts.recogniser.transcribe(samples, language=language, prompt=prompt)
            heard: Transcript = await unless_gone(request, hearing)
        except SpeechFailed as error:
            raise failure(error) from error
    if response_format == "text":
        return PlainTextResponse(heard.text + "\n")
    usage = DurationUsage(seconds=heard.audio_ms / 1000)
    answer = Transcription(text=heard.text, usage=usage)
    if response_format == "verbose_json":
        answer = VerboseTranscription(
            text=heard.text,
            usage=usage,
            language=LANGUAGE_NAMES.get(heard.language, heard.language),
            duration=heard.audio_ms / 1000,
        )
    return JSONResponse(answer.model_dump())


async def _upload(file: UploadFile) -> bytes:
    data = await file.read(MOST_UPLOAD + 1)
    if len(data) > MOST_UPLOAD:
        raise ApiError(
            413,
            f"The recording is larger than {MOST_UPLOAD >> 20} MiB: send it in parts.",
            code="file_too_large",
            param="file",
        )
    return data


def _samples(data: bytes) -> Samples:
    try:
        sound = wav.read(data)
    except wav.WavError as error:
        raise ApiError(
            400, f"{error} This server hears WAV files of PCM16.", code="invalid_value", param="file"
        ) from error
    return pcm.to_float(resample(sound.mono(), sound.rate, HEARING_RATE))


# ----------------------------------------------------------------------------------------------------- speaking


class VoiceId(BaseModel):
    id: Annotated[str, Field(min_length=1)]


class SpeechRequest(BaseModel):
    input: Annotated[str, Field(min_length=1, max_length=MOST_INPUT)]
    model: Annotated[str, Field(min_length=1)]
    voice: str | VoiceId
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "wav"
    """"pcm" is 24 kHz mono PCM16. OpenAI's default, mp3, is not made here; without a format it is a WAV file."""
    speed: Annotated[float, Field(ge=0.25, le=4.0)] = 1.0
    stream_format: Literal["audio", "sse"] = "audio"
    instructions: str | None = None
    """How to speak. The voices here have one manner; anything but nothing is refused rather than forgotten."""


@router.post(
    "/speech",
    summary="A text spoken, sent while it is spoken",
    response_class=StreamingResponse,
    responses={
        **REFUSALS,
        200: {"content": {"audio/wav": {}, "audio/pcm": {}, "text/event-stream": {}}},
    },
)
async def speech(asked: SpeechRequest, house: TheHouse, holder: KeyHolder) -> StreamingResponse:
    if asked.response_format not in ("wav", "pcm"):
        raise ApiError(
            400,
            f"This server has no {asked.response_format} encoder: ask for response_format 'wav' or 'pcm'.",
            code="invalid_value",
            param="response_format",
        )
    if asked.instructions and asked.instructions.strip():
        raise ApiError(
            400,
            "The voices of this server take no instructions: leave 'instructions' out.",
            code="invalid_value",
            param="instructions",
        )
    parts = parts_of(house, holder, asked.model)
    _places.take()
    sound = _held(_spoken(parts, asked))
    try:
        # The first piece before the answer begins, so that a voice that fails is a status, not a broken stream.
        first = await anext(sound, b"")
    except SpeechFailed as error:
        raise failure(error) from error
    if asked.stream_format == "sse":
        return StreamingResponse(_events(first, sound), media_type="text/event-stream")
    header = _streamed_header() if asked.response_format == "wav" else b""
    return StreamingResponse(_from(header + first, sound), media_type=f"audio/{asked.response_format}")


async def _spoken(parts: Parts, asked: SpeechRequest) -> AsyncIterator[bytes]:
    """The text clause by clause, as 24 kHz PCM16."""
    voice = asked.voice if isinstance(asked.voice, str) else asked.voice.id
    chunker = Chunker()
    for clause in (*chunker.push(asked.input), *chunker.flush()):
        language = parts.language_of(clause, None)
        async for piece in parts.voice.synthesise(clause, voice=voice, language=language, speed=asked.speed):
            if piece.pcm:
                yield piece.pcm


async def _held(sound: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same, and the request's place given back at its end, however it ends."""
    try:
        async for piece in sound:
            yield piece
    finally:
        _places.give_back()


async def _from(first: bytes, sound: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in sound:
        yield piece


async def _events(first: bytes, sound: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """`speech.audio.delta` for each piece of PCM16, `speech.audio.done` at the end; a failure is an `error`."""
    try:
        async for piece in _from(first, sound):
            yield _event({"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode("ascii")})
    except SpeechFailed as error:
        yield _event(
            {"error": {"message": str(error), "type": SERVER_ERROR, "param": None, "code": "speech_failed"}}
        )
        return
    usage = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    yield _event({"type": "speech.audio.done", "usage": usage})


def _event(body: dict[str, object]) -> bytes:
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n".encode()


def _streamed_header() -> bytes:
    header = bytearray(wav.write(b"", SPEAKING_RATE))
    struct.pack_into("<I", header, 4, STREAMED)
    struct.pack_into("<I", header, len(header) - 4, STREAMED)
    return bytes(header)
