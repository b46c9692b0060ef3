"""What was said, by whom, in the order of the conversation. Pure: events in, lines out.

A transcript of the caller often arrives after the answer it caused, and an interrupted answer loses its end; so lines
are kept by item and in the order the items entered the conversation, not in the order their texts came.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from moksori.client.events import AnyServerEvent
from moksori.protocol import items
from moksori.protocol import server_events as s


class Who(Enum):
    """Whose line it is."""

    CALLER = "caller"
    AGENT = "agent"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class Line:
    """One item of the conversation as a reader sees it. `final` lines change no more, except that `cut` may come."""

    item_id: str
    who: Who
    text: str = ""
    final: bool = False
    cut: bool = False  # interrupted: not all of it was heard


class Transcript:
    """Collects lines from server events."""

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}

    @property
    def lines(self) -> tuple[Line, ...]:
        """Every line with words in it, in the order of the conversation."""
        return tuple(line for line in self._lines.values() if line.text)

    @property
    def awaited(self) -> int:
        """Spoken turns of the caller whose transcript has not come."""
        return sum(not line.final for line in self._lines.values() if line.who is Who.CALLER)

    def feed(self, event: AnyServerEvent) -> Line | None:
        """Take one event; the line it changed, or None."""
        match event:
            case s.ConversationItemAdded(item=item):
                return self._added(item)
            case s.ConversationItemInputAudioTranscriptionDelta(item_id=item_id, delta=delta):
                return self._grow(item_id, Who.CALLER, delta or "")
            case s.ConversationItemInputAudioTranscriptionCompleted(item_id=item_id, transcript=text):
                return self._finish(item_id, Who.CALLER, text)
            case s.ConversationItemInputAudioTranscriptionFailed(item_id=item_id):
                return self._finish(item_id, Who.CALLER, "")
            case s.ResponseOutputAudioTranscriptDelta(item_id=item_id, delta=delta):
                return self._grow(item_id, Who.AGENT, delta)
            case s.ResponseOutputTextDelta(item_id=item_id, delta=delta):
                return self._grow(item_id, Who.AGENT, delta)
            case s.ResponseOutputAudioTranscriptDone(item_id=item_id, transcript=text):
                return self._finish(item_id, Who.AGENT, text)
            case s.ResponseOutputTextDone(item_id=item_id, text=text):
                return self._finish(item_id, Who.AGENT, text)
            case s.ResponseOutputItemDone(item=items.FunctionCall() as call) if call.status != "incomplete":
                return self._finish(call.id, Who.TOOL, f"{call.name}({call.arguments})")
            case s.ConversationItemTruncated(item_id=item_id) if item_id in self._lines:
                return self._put(replace(self._lines[item_id], cut=True))
            case s.ConversationItemDeleted(item_id=item_id):
                self._lines.pop(item_id, None)
                return None
            case _:
                return None

    def _added(self, item: items.Item) -> Line | None:
        match item:
            case items.Message(role="user"):
                spoken = any(isinstance(part, items.InputAudio) for part in item.content)
                text = " ".join(part.text for part in item.content if isinstance(part, items.InputText))
                if item.id not in self._lines:
                    return self._put(Line(item.id, Who.CALLER, text, final=not spoken))
            case items.Message(role="assistant") if item.id not in self._lines:
                self._put(Line(item.id, Who.AGENT))
            case items.FunctionCall() if item.id not in self._lines:
                self._put(Line(item.id, Who.TOOL))
            case _:
                pass
        return None

    def _grow(self, item_id: str, who: Who, more: str) -> Line | None:
        line = self._lines.get(item_id, Line(item_id, who))
        if line.final:
            return None  # a late delta; the final text had it
        return self._put(replace(line, text=line.text + more))

    def _finish(self, item_id: str, who: Who, text: str) -> Line:
        line = self._lines.get(item_id, Line(item_id, who))
        return self._put(replace(line, text=text, final=True))

    def _put(self, line: Line) -> Line:
        self._lines[line.item_id] = line
        return line
