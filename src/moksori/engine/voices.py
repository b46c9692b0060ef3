"""One voice made of several: a clause's language and the voice asked for decide which model speaks it."""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator, Mapping
from functools import cache
from importlib.resources import files

from moksori.agent.speech import Priority, SpeechFailed, Spoken, Voice


@cache
def table() -> Mapping[str, Mapping[str, str]]:
    """`voices.toml`: language to OpenAI's voice name to this machine's."""
    read: dict[str, dict[str, str]] = tomllib.loads(
        files("moksori.engine").joinpath("voices.toml").read_text("utf-8")
    )
    return read


def own_name(language: str, voice: str) -> str:
    """This machine's voice for OpenAI's name; a name that is this machine's already stays."""
    names = table()[language]
    return voice if voice in names.values() else names.get(voice, names["default"])


class Voices:
    """`Voice` over one voice a language, and over voices of a name of their own (`$MOKSORI_HOME/voices`).

    `local` names the languages whose voice takes this machine's names; others, at an endpoint, get OpenAI's.
    """

    def __init__(
        self,
        by_language: Mapping[str, Voice],
        *,
        local: frozenset[str] = frozenset(),
        named: Mapping[str, Voice] | None = None,
    ) -> None:
        self._by_language = dict(by_language)
        self._local = local
        self._named = dict(named or {})

    @property
    def names(self) -> frozenset[str]:
        """The names a session may ask for beside OpenAI's."""
        return frozenset(self._named)

    async def synthesise(
        self,
        text: str,
        *,
        voice: str,
        language: str,
        speed: float = 1.0,
        priority: Priority = Priority.WAITED_FOR,
    ) -> AsyncIterator[Spoken]:
        """See `Voice`. Raises `SpeechFailed`, also where no voice speaks the language."""
        spoken = language[:2].lower()
        speaker = self._named.get(voice) or self._by_language.get(spoken)
        if speaker is None:
            known = ", ".join(sorted(self._by_language))
            raise SpeechFailed(f"No voice here speaks {language!r}; there are voices for {known}.")
        name = own_name(spoken, voice) if spoken in self._local and voice not in self._named else voice
        async for piece in speaker.synthesise(
            text, voice=name, language=language, speed=speed, priority=priority
        ):
            yield piece
