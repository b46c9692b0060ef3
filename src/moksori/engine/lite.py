"""Brains without a model: a few fixed answers (`lite`), and one that says back what its history holds (`echo`)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import AsyncIterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from moksori.agent.brain import Brain, BrainEvent, Finished, Said, Thought
from moksori.conversation.clauses import weight
from moksori.conversation.language import SURE
from moksori.protocol.items import InputAudio, InputText, Item, Message, OutputAudio, OutputText
from moksori.protocol.response import FILLER

Language = Literal["en", "ko"]

_HANGUL = re.compile("[\uac00-\ud7a3]")
_PIECES = re.compile(r"\s*(?:[\uac00-\ud7a3]|[^\s\uac00-\ud7a3]+)(?:\s+$)?")
_WORDS = re.compile(r"[\w'’]+")


class LiteBrain:
    """`Brain` of profile lite: the first fixed answer whose phrase is in the caller's last words. Instant."""

    async def think(self, thought: Thought) -> AsyncIterator[BrainEvent]:
        """One sentence or two from `texts/lite.toml`; calls no tools."""
        words = last_words(thought.history)
        answer = fixed_answer(words, language_of(words, thought.language))
        yield Said(answer)
        yield Finished()


async def bridging(thought: Thought) -> AsyncIterator[BrainEvent]:
    """Says what the metadata of a response holds that only bridges a wait: no brain is asked."""
    yield Said((thought.metadata or {})[FILLER])
    yield Finished()


class EchoBrain:
    """`Brain` that proves what a history holds: asked what it said, it repeats what was heard of that."""

    async def think(self, thought: Thought) -> AsyncIterator[BrainEvent]:
        words = last_words(thought.history)
        texts: dict[str, Any] = _catalogue("echo")[language_of(words, thought.language)]
        if any(phrase in words.casefold() for phrase in texts["asked"]):
            own = " ".join(said_by("assistant", thought.history))
            answer = texts["said"].format(text=own) if own else texts["nothing"]
        else:
            answer = texts["heard"].format(text=words) if words else texts["silent"]
        yield Said(answer)
        yield Finished()


class Limited:
    """A brain without a model held to `max_output_tokens`: a token is a word, or a syllable of Hangul."""

    def __init__(self, brain: Brain) -> None:
        self._brain = brain

    async def think(self, thought: Thought) -> AsyncIterator[BrainEvent]:
        """What the brain says, up to the limit; ends as `length` there."""
        left = thought.max_tokens
        thinking = self._brain.think(thought)
        try:
            async for event in thinking:
                if left is None or not isinstance(event, Said):
                    yield event
                    continue
                pieces = _PIECES.findall(event.text)
                kept = "".join(pieces[:left])
                left -= len(pieces)
                if kept:
                    yield Said(kept)
                if left < 0:
                    yield Finished("length", output_tokens=thought.max_tokens or 0)
                    return
        finally:
            close = getattr(thinking, "aclose", None)
            if close is not None:
                await close()


def fixed_answer(words: str, language: Language, catalogue: str = "lite") -> str:
    """The answer with the longest phrase that occurs in `words`; the last of the catalogue where none does."""
    heard = " ".join(["", *_WORDS.findall(words.casefold()), ""])
    entries: list[dict[str, Any]] = _catalogue(catalogue)[language]
    best, length = entries[-1], 0
    for entry in entries:
        for phrase in entry["any"]:
            # An English phrase is whole words; Korean words carry their endings with them.
            found = f" {phrase} " in heard if language == "en" else phrase in heard
            if found and len(phrase) > length:
                best, length = entry, len(phrase)
    answer: str = best["say"]
    return answer


def fixed_sentences(language: Language) -> tuple[str, ...]:
    """All that profile lite can say, so that it can be rendered ahead."""
    return tuple(entry["say"] for entry in _catalogue("lite")[language])


def language_of(words: str, language: str | None) -> Language:
    """The language to answer in: the call's, unless more is said in another script than can be a misheard "네"."""
    if language is not None and weight(words) < SURE:
        return "ko" if language.startswith("ko") else "en"
    return "ko" if _HANGUL.search(words) else "en"


def last_words(history: Sequence[Item]) -> str:
    """What the caller said last, typed or spoken."""
    for item in reversed(history):
        if isinstance(item, Message) and item.role == "user" and (text := _text(item)):
            return text
    return ""


def said_by(role: str, history: Sequence[Item]) -> list[str]:
    """What one side said, message by message; of answers only what was heard."""
    messages = (item for item in history if isinstance(item, Message) and item.role == role)
    return [text for message in messages if (text := _text(message))]


def _text(message: Message) -> str:
    parts = []
    for part in message.content:
        match part:
            case InputText(text=text) | OutputText(text=text):
                parts.append(text)
            case InputAudio(transcript=transcript) | OutputAudio(transcript=transcript):
                parts.append(transcript or "")
            case _:
                pass
    return " ".join(" ".join(parts).split())


@cache
def _catalogue(name: str) -> dict[str, Any]:
    return tomllib.loads(files("moksori.engine").joinpath(f"texts/{name}.toml").read_text("utf-8"))
