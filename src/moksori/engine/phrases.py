"""Phrases rendered ahead: what a shop says again and again is on disk before anybody asks.

A phrase is one part of a clause, or the fixed beginning or end of one (`korean.parts`). Only texts that were
registered are ever stored: what a caller's order is called stays out of the store.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path

from moksori.agent.speech import Word
from moksori.engine.korean.parts import Ahead
from moksori.engine.korean.parts import ahead as cut

FOLDER = "phrases"
SUFFIX = ".phrase"
FORMAT = 1
"""Part of every key: a change of how phrases are made or written begins a new store."""
MAX_STORE_BYTES = 256 * 1024 * 1024
"""About 90 minutes of speech; beyond it what was used longest ago goes."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """PCM16 at 24 kHz, leading silence trimmed, and the eojeol in it."""

    pcm: bytes
    words: tuple[Word, ...]


def key_of(text: str, voice: str, speed: float, model_hash: str) -> str:
    """The name a phrase is stored under: SHA-256 of all that its sound depends on."""
    identity = json.dumps([FORMAT, text, voice, round(speed, 3), model_hash], ensure_ascii=False)
    return hashlib.sha256(identity.encode()).hexdigest()


class PhraseStore:
    """A folder of phrases. Safe to use from several threads and processes: files are written whole or not at all."""

    def __init__(self, home: Path, max_bytes: int = MAX_STORE_BYTES) -> None:
        self._folder = home / FOLDER
        self._max_bytes = max_bytes

    def get(self, key: str) -> Phrase | None:
        """A stored phrase; None if there is none, or if its file is damaged, which then is removed. Blocking, 1 ms."""
        file = self._file(key)
        try:
            raw = file.read_bytes()
        except OSError:
            return None
        phrase = _decode(raw)
        with contextlib.suppress(OSError):
            if phrase is None:
                file.unlink()
            else:
                os.utime(file)
        return phrase

    def holds(self, key: str) -> bool:
        """Whether a phrase is stored, whole or not."""
        return self._file(key).is_file()

    def put(self, key: str, phrase: Phrase) -> None:
        """Store a phrase, and make room for it. A disk that cannot be written stores nothing: it is only slower."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            handle, draft = tempfile.mkstemp(dir=self._folder, suffix=".new")
            try:
                with os.fdopen(handle, "wb") as stream:
                    stream.write(_encode(phrase))
                Path(draft).replace(self._file(key))
            except OSError:
                Path(draft).unlink(missing_ok=True)
                raise
            self._make_room()

    def _file(self, key: str) -> Path:
        return self._folder / (key + SUFFIX)

    def _make_room(self) -> None:
        found = []
        for file in self._folder.glob(f"*{SUFFIX}"):
            with contextlib.suppress(OSError):
                status = file.stat()
                found.append((status.st_mtime_ns, status.st_size, file))
        used = sum(size for _, size, _ in found)
        for _, size, file in sorted(found):
            if used <= self._max_bytes:
                return
            with contextlib.suppress(OSError):
                file.unlink()
                used -= size


def _encode(phrase: Phrase) -> bytes:
    head = json.dumps(
        {
            "sha256": hashlib.sha256(phrase.pcm).hexdigest(),
            "words": [[w.text, w.start, w.end] for w in phrase.words],
        },
        ensure_ascii=False,
    )
    return head.encode() + b"\n" + phrase.pcm


def _decode(raw: bytes) -> Phrase | None:
    head, _, pcm = raw.partition(b"\n")
    try:
        fields = json.loads(head)
        words = tuple(Word(str(text), int(start), int(end)) for text, start, end in fields["words"])
        whole = fields["sha256"] == hashlib.sha256(pcm).hexdigest()
    except (ValueError, KeyError, TypeError):
        return None
    return Phrase(pcm, words) if whole else None


# ---------------------------------------------------------------- what is rendered

_registered: dict[str, None] = {}


def register(texts: Iterable[str]) -> None:
    """Add Korean texts to what is rendered ahead; `{slots}` mark what varies. Registering twice changes nothing."""
    _registered.update(dict.fromkeys(" ".join(text.split()) for text in texts))


def registered() -> tuple[str, ...]:
    """All texts to render: those of `texts/phrases.toml`, then those registered, in order."""
    return tuple(dict.fromkeys((*_catalogue(), *_registered)))


def ahead() -> Ahead:
    """What of the registered texts is rendered ahead."""
    return _cut(registered())


@lru_cache(maxsize=4)
def _cut(texts: tuple[str, ...]) -> Ahead:
    return cut(texts)


def varying() -> tuple[str, ...]:
    """Filled templates and a sentence of none, to measure with what is made live."""
    return tuple(_table()["varying"])


def _catalogue() -> tuple[str, ...]:
    return tuple(_table()["texts"])


@cache
def _table() -> dict[str, list[str]]:
    tables = tomllib.loads(files("moksori.engine").joinpath("texts/phrases.toml").read_text("utf-8"))
    table: dict[str, list[str]] = tables["ko"]
    return table
