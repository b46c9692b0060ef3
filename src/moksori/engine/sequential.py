"""The voice of the sequential pipeline: nothing is heard before all of it is made. Only for comparisons."""

from __future__ import annotations

from collections.abc import AsyncIterator

from moksori.agent.speech import Priority, Spoken, Voice


class WholeVoice:
    """`Voice` that gives out a clause's pieces only when the last one is there."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice

    async def synthesise(
        self,
        text: str,
        *,
        voice: str,
        language: str,
        speed: float = 1.0,
        priority: Priority = Priority.WAITED_FOR,
    ) -> AsyncIterator[Spoken]:
        """See `Voice`."""
        spoken = self._voice.synthesise(text, voice=voice, language=language, speed=speed, priority=priority)
        for piece in [piece async for piece in spoken]:
            yield piece
