"""Loads the voices the settings ask for and joins them into one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moksori.agent.speech import SpeechFailed, Voice
from moksori.engine import phrases, weights
from moksori.engine.kokoro_voice import DEFAULT_VOICE, KokoroVoice
from moksori.engine.runner import Run
from moksori.engine.voices import Voices
from moksori.settings import Tts

ENGLISH_THREADS = 1
"""The English voice is 60 times faster than speech on one thread; a second one slows it down."""
KOREAN_THREADS = 2
"""The Korean voice needs both cores: 0.34 of real time on two, 0.60 on one."""


@dataclass(frozen=True, slots=True)
class Loaded:
    voice: Voices
    korean: KokoroVoice | None
    """The local Korean voice, which renders phrases ahead."""
    close: Callable[[], Any]
    """Lets the connections of an endpoint go; what it returns is to be awaited if it can be."""


def load(settings: Tts, english_run: Run, korean_run: Run, home: Path | None = None) -> Loaded:
    """Load and warm the voices. Blocking. Raises `SpeechFailed`, `WeightsMissing`, `WeightsFailed`."""
    home = home or weights.default_home()
    by_language: dict[str, Voice] = {}
    local = set[str]()
    korean: KokoroVoice | None = None
    remote_languages = frozenset(settings.languages) if settings.kind == "openai" else frozenset[str]()
    close: Callable[[], Any] = _nothing
    if remote_languages:
        from moksori.engine.remote_speech import RemoteVoice

        assert settings.base_url is not None and settings.model is not None
        key = None if settings.api_key is None else settings.api_key.reveal()
        remote = RemoteVoice(settings.base_url, settings.model, key, timeout_s=settings.timeout_s)
        close = remote.aclose
        by_language |= dict.fromkeys(remote_languages, remote)
    if "en" not in remote_languages:
        from moksori.engine.hibari_voice import HibariVoice

        english = HibariVoice(threads=ENGLISH_THREADS, run=english_run)
        english.warm()
        by_language["en"] = english
        local.add("en")
    if "ko" not in remote_languages:
        korean = korean_voice(home, korean_run)
        korean.warm()
        by_language["ko"] = korean
        local.add("ko")
    named = _dropped(home, korean_run)
    return Loaded(Voices(by_language, local=frozenset(local), named=named), korean, close)


def _nothing() -> None:
    return None


def korean_voice(home: Path, run: Run | None = None) -> KokoroVoice:
    """The local Korean voice with its store. Blocking, without a first decode. Raises as `load` does."""
    return KokoroVoice(
        weights.path("kokoro-ja", home),
        threads=KOREAN_THREADS,
        run=run,
        store=phrases.PhraseStore(home),
        model_hash=_edition(),
    )


def _edition() -> str:
    """What names the weights in the keys of stored phrases."""
    return weights.find("kokoro-ja").edition[0].file[0].sha256


def _dropped(home: Path, run: Run) -> dict[str, Voice]:
    from moksori.engine.dropin import DroppedVoice, found

    return {dropped.name: DroppedVoice(dropped, run=run) for dropped in found(home)}


def lacking_ahead(home: Path) -> tuple[str, ...]:
    """What is to be rendered ahead and not stored yet. Loads no model."""
    store = phrases.PhraseStore(home)
    return tuple(
        text
        for text in phrases.ahead().texts
        if not store.holds(phrases.key_of(text, DEFAULT_VOICE, 1.0, _edition()))
    )


def render_one(voice: KokoroVoice, text: str) -> None:
    """Render one text into the store. Blocking. Raises `SpeechFailed`."""
    asyncio.run(voice.keep(text, voice=DEFAULT_VOICE))


async def render_ahead(voice: KokoroVoice, quiet: asyncio.Event) -> int:
    """Render what is registered and not stored yet, one text at a time, while `quiet`; how many were rendered."""
    rendered = 0
    for text in phrases.ahead().texts:
        await quiet.wait()
        try:
            rendered += await voice.keep(text, voice=DEFAULT_VOICE)
        except SpeechFailed:
            continue  # said live, it fails where somebody sees it
    return rendered
