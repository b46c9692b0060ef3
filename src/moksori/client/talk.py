"""`moksori talk`: hold one call from a terminal, by microphone, by file or by text."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from moksori.audio import wav
from moksori.audio.resample import resample
from moksori.client.devices import RATE
from moksori.client.events import ConnectFailed, Problem
from moksori.client.live import live_call
from moksori.client.measure import last_voiced
from moksori.client.paced import Held, Recorder, ask, hold
from moksori.client.recovery import RETRIED, Cause, Failure
from moksori.client.shown import rendered, told
from moksori.client.texts import Language, language_of, say
from moksori.client.voice import VoiceClient

DEFAULT_URL = "ws://127.0.0.1:8080/v1/realtime"
DEFAULT_MODEL = "moksori-local"

OK = 0
NO_ANSWER = 1  # also a refusal that is none of those below
USAGE = 2  # options, an unreadable WAV, an answer that cannot be written
UNREACHABLE = 5
WRONG_KEY = 6
UNKNOWN_MODEL = 7
GONE = 8  # the server went away in the middle of the call
NO_DEVICE = 9
INTERRUPTED = 130  # Ctrl-C during --file or --text, as shells count it

_PATIENCE_S = 30.0


class _Refused(Exception):
    """One sentence for the user, and the exit code."""

    def __init__(self, sentence: str, code: int) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code


@dataclass(frozen=True, slots=True)
class _Asked:
    url: str
    key: str | None
    model: str
    language: str | None
    texts: Language
    file: Path | None
    out: Path | None
    text: str | None
    stereo: bool
    patience: float


def main_talk(
    url: str | None = None,
    key: str | None = None,
    model: str | None = None,
    *,
    language: str | None = None,
    file: str | Path | None = None,
    out: str | Path | None = None,
    text: str | None = None,
    stereo: bool = False,
    patience: float = _PATIENCE_S,
) -> int:
    """Hold one call; returns the exit code. Dialogue goes to stdout, one sentence on failure to stderr.

    Without `file` and `text` the microphone speaks until Ctrl-C. With `stereo`, `out` holds the caller left and the
    answer right on one clock, else the answer alone. `patience` is how many seconds the server may be silent.
    """
    asked = _Asked(
        url=url or DEFAULT_URL,
        key=key or os.environ.get("MOKSORI_API_KEY") or None,
        model=model or DEFAULT_MODEL,
        language=language,
        texts=language_of(language),
        file=Path(file) if file is not None else None,
        out=Path(out) if out is not None else None,
        text=text,
        stereo=stereo,
        patience=patience,
    )
    try:
        return asyncio.run(_politely(_talk(asked), asked))
    except _Refused as refused:
        Console(stderr=True, soft_wrap=True, highlight=False).print(escape(refused.sentence))
        return refused.code


async def _politely(call: Coroutine[Any, Any, int], asked: _Asked) -> int:
    """Run the call; Ctrl-C or SIGTERM lets it hang up first."""
    task = asyncio.ensure_future(call)
    loop = asyncio.get_running_loop()
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
    except (NotImplementedError, RuntimeError):
        pass  # Windows, or not the main thread: Ctrl-C comes as KeyboardInterrupt, and the socket just closes
    try:
        return await task
    except asyncio.CancelledError:
        _console().print(say(asked.texts, "goodbye"))
        return OK if asked.file is None and asked.text is None else INTERRUPTED


async def _talk(asked: _Asked) -> int:
    if asked.file is not None and asked.text is not None:
        raise _Refused(say(asked.texts, "file_and_text"), USAGE)
    if (asked.out is not None and asked.file is None and asked.text is None) or (
        asked.stereo and (asked.file is None or asked.out is None)
    ):
        raise _Refused(say(asked.texts, "out_alone"), USAGE)
    if asked.out is not None and not os.access(
        asked.out if asked.out.exists() else asked.out.parent, os.W_OK
    ):
        raise _Refused(say(asked.texts, "out_unwritable", path=asked.out, detail=os.strerror(13)), USAGE)
    if asked.file is not None:
        return await _file(asked, asked.file)
    if asked.text is not None:
        return await _text(asked, asked.text)
    return await _microphone(asked)


async def _file(asked: _Asked, path: Path) -> int:
    question = _question(asked, path)
    recorder = Recorder()
    client = _client(asked, speaker=recorder)
    try:
        await _connect(client, asked)
        held = await hold(client, recorder, question, asked.patience)
    finally:
        await client.disconnect()
    _show(asked, held)
    if asked.out is not None:
        both = wav.write_stereo(held.caller, held.agent, RATE)
        _write(asked, asked.out, both if asked.stereo else wav.write(held.answer, RATE))
    return _verdict(asked, client, held)


async def _text(asked: _Asked, text: str) -> int:
    session = None if asked.out is not None else {"output_modalities": ["text"]}
    client = _client(asked, session=session)
    try:
        await _connect(client, asked)
        held = await ask(client, text, asked.patience)
    finally:
        await client.disconnect()
    _show(asked, held)
    if asked.out is not None:
        _write(asked, asked.out, wav.write(held.answer, RATE))
    return _verdict(asked, client, held)


async def _microphone(asked: _Asked) -> int:
    refusals: list[Problem] = []
    client = _client(asked)
    off = client.on("error", refusals.append)
    try:
        if not await client.start_microphone():
            raise _Refused(refusals[-1].message, NO_DEVICE)
        off()
        for problem in refusals:  # no speaker: the transcript is enough to go on
            _console().print(escape(problem.message), style="yellow")
        await _connect(client, asked)
        await live_call(client, _console(), asked.texts)
    finally:
        await client.disconnect()
    match client.failure:
        case None | Failure(cause=Cause.BYE):
            pass
        case Failure(cause=Cause.CLOSED) as ended:
            _console().print(escape(client.explain(ended)))
        case failure:
            raise _gone(asked, client, failure)
    return OK


def _client(asked: _Asked, **more: Any) -> VoiceClient:
    return VoiceClient(asked.url, asked.key, asked.model, language=asked.language, **more)


async def _connect(client: VoiceClient, asked: _Asked) -> None:
    try:
        await client.connect()
    except ConnectFailed as failed:
        match failed.failure.cause:
            case Cause.UNREACHABLE | Cause.TIMEOUT:
                code = UNREACHABLE
            case Cause.WRONG_KEY | Cause.SECRET:
                code = WRONG_KEY
            case Cause.UNKNOWN_MODEL:
                code = UNKNOWN_MODEL
            case Cause.BAD_URL:
                code = USAGE
            case _:
                code = NO_ANSWER
        raise _Refused(failed.message, code) from failed
    _console().print(escape(say(asked.texts, "connected", url=asked.url, model=asked.model)), style="dim")


def _question(asked: _Asked, path: Path) -> bytes:
    """The recording as PCM16 mono at 24 kHz. Raises _Refused."""
    try:
        recording = wav.read(path.read_bytes())
    except FileNotFoundError as error:
        raise _Refused(say(asked.texts, "wav_missing", path=path), USAGE) from error
    except (OSError, wav.WavError) as error:
        detail = error.strerror if isinstance(error, OSError) else str(error)
        raise _Refused(say(asked.texts, "wav_unreadable", path=path, detail=detail), USAGE) from error
    question = resample(recording.mono(), recording.rate, RATE)
    if last_voiced(question) is None:
        raise _Refused(say(asked.texts, "wav_silent", path=path), USAGE)
    return question


def _write(asked: _Asked, path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise _Refused(say(asked.texts, "out_unwritable", path=path, detail=error.strerror), USAGE) from error
    seconds = wav.read(data).ms / 1000
    _console().print(escape(say(asked.texts, "wrote", path=path, seconds=f"{seconds:.1f}")), style="dim")


def _verdict(asked: _Asked, client: VoiceClient, held: Held) -> int:
    failure = client.failure
    if failure is not None and failure.cause is not Cause.BYE and not held.answered:
        raise _gone(asked, client, failure)
    if held.failure is not None:
        raise _Refused(say(asked.texts, "answer_failed", detail=held.failure), NO_ANSWER)
    if not held.answered:
        raise _Refused(say(asked.texts, "no_answer", seconds=f"{asked.patience:g}"), NO_ANSWER)
    return OK


def _gone(asked: _Asked, client: VoiceClient, failure: Failure) -> _Refused:
    if failure.cause in RETRIED:
        return _Refused(say(asked.texts, "gone_mid_call", url=asked.url), GONE)
    return _Refused(client.explain(failure), GONE)


def _show(asked: _Asked, held: Held) -> None:
    console = _console()
    for line in held.transcript.lines:
        console.print(rendered(asked.texts, line))
    for latency in held.latencies:
        console.print(told(asked.texts, latency), style="dim")


def _console() -> Console:
    return Console(file=sys.stdout, soft_wrap=True, highlight=False)
