"""What was said so far, for a session that takes the place of one the server no longer knows. Pure.

Texts only: the caller's words as they were understood or typed, and of each answer what was heard.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from moksori.client.events import AnyServerEvent
from moksori.protocol import items
from moksori.protocol import server_events as s

_BYTES_PER_MS = 48  # PCM16 mono at 24 kHz


@dataclass(slots=True)
class _Said:
    role: Literal["user", "assistant"]
    text: str = ""
    audio_ms: float = 0.0  # of an answer: what came
    heard_ms: int | None = None  # where it was cut, if it was

    @property
    def heard(self) -> str:
        """The text up to where it was cut: speech is taken as even, and ends with a whole word."""
        if self.heard_ms is None or self.audio_ms <= 0 or self.heard_ms >= self.audio_ms:
            return self.text
        end = int(len(self.text) * self.heard_ms / self.audio_ms)
        while 0 < end < len(self.text) and not self.text[end].isspace():
            end -= 1
        return self.text[:end].rstrip()


class Record:
    """Items in the order they entered the conversation."""

    def __init__(self) -> None:
        self._said: dict[str, _Said] = {}

    def feed(self, event: AnyServerEvent) -> None:
        """Take one server event."""
        match event:
            case s.ConversationItemAdded(item=items.Message() as item) if item.role in ("user", "assistant"):
                said = self._of(item.id, "user" if item.role == "user" else "assistant")
                said.text = _text(item) or said.text
            case s.ConversationItemInputAudioTranscriptionCompleted(item_id=item_id, transcript=text):
                self._of(item_id, "user").text = text.strip()
            case s.ResponseOutputAudioTranscriptDelta(item_id=item_id, delta=delta):
                self._of(item_id, "assistant").text += delta
            case s.ResponseOutputTextDelta(item_id=item_id, delta=delta):
                self._of(item_id, "assistant").text += delta
            case s.ResponseOutputAudioDelta(item_id=item_id, delta=delta):
                # Three bytes for four letters of base64.
                self._of(item_id, "assistant").audio_ms += len(delta) * 3 / 4 / _BYTES_PER_MS
            case s.ConversationItemDeleted(item_id=item_id):
                self._said.pop(item_id, None)
            case _:
                pass

    def cut(self, item_id: str, audio_end_ms: int) -> None:
        """The answer was interrupted: no more than this was heard."""
        if item_id in self._said:
            self._said[item_id].heard_ms = audio_end_ms

    def items(self) -> list[dict[str, Any]]:
        """Messages for `conversation.item.create`, under their old ids; without those that hold no words."""
        return [
            {
                "id": item_id,
                "type": "message",
                "role": said.role,
                "content": [
                    {"type": "input_text" if said.role == "user" else "output_text", "text": said.heard}
                ],
            }
            for item_id, said in self._said.items()
            if said.heard
        ]

    def _of(self, item_id: str, role: Literal["user", "assistant"]) -> _Said:
        return self._said.setdefault(item_id, _Said(role))


def _text(item: items.Message) -> str:
    texts = []
    for part in item.content:
        match part:
            case items.InputText(text=text) | items.OutputText(text=text):
                texts.append(text)
            case items.InputAudio(transcript=transcript) | items.OutputAudio(transcript=transcript):
                texts.append(transcript or "")
            case _:
                pass
    return " ".join(t for t in texts if t)
