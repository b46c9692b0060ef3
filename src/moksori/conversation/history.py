"""The conversation's items in order, as they were heard, and what is known about each item's audio."""

from __future__ import annotations

from dataclasses import dataclass, replace

from moksori.conversation.playback import PlayClock
from moksori.conversation.words import WordMap
from moksori.protocol.items import Item

ROOT = "root"
"""`previous_item_id` that means the front of the conversation."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of input audio, in audio time."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Spoken:
    """The audio of one assistant item. `cut` is how many samples count as heard; None while nothing was cut."""

    words: WordMap
    clock: PlayClock
    cut: int | None = None
    exact: bool = False
    """The cut came from the client, who knows; an estimate never replaces it."""


@dataclass(frozen=True, slots=True)
class Entry:
    item: Item
    heard_from: Span | None = None
    """Input audio of a user item."""
    spoken: Spoken | None = None
    """Output audio of an assistant item."""
    transcribing: bool = False


class History:
    """Ordered entries by id. Small (a call has hundreds of items at most), so a list and a dict do."""

    def __init__(self) -> None:
        self._order: list[str] = []
        self._entries: dict[str, Entry] = {}

    def __len__(self) -> int:
        return len(self._order)

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._entries

    def get(self, item_id: str) -> Entry | None:
        return self._entries.get(item_id)

    def last_id(self) -> str | None:
        return self._order[-1] if self._order else None

    def before(self, item_id: str) -> str | None:
        """The id that precedes an item."""
        at = self._order.index(item_id)
        return self._order[at - 1] if at else None

    def add(self, entry: Entry, after: str | None = None) -> str | None:
        """Insert after an id (`ROOT`: at the front, None: at the end); returns the id it now follows."""
        item_id = entry.item.id
        if item_id is None or item_id in self._entries:
            raise ValueError("an entry needs an id of its own")
        if after == ROOT:
            at = 0
        elif after is None:
            at = len(self._order)
        else:
            at = self._order.index(after) + 1
        self._order.insert(at, item_id)
        self._entries[item_id] = entry
        return self._order[at - 1] if at else None

    def put(self, item_id: str, entry: Entry) -> None:
        """Replace what is known about an item."""
        self._entries[item_id] = entry

    def set_item(self, item_id: str, item: Item) -> None:
        self._entries[item_id] = replace(self._entries[item_id], item=item)

    def remove(self, item_id: str) -> None:
        self._order.remove(item_id)
        del self._entries[item_id]

    def entries(self) -> tuple[Entry, ...]:
        return tuple(self._entries[i] for i in self._order)

    def items(self) -> tuple[Item, ...]:
        return tuple(self._entries[i].item for i in self._order)

    def transcribing(self) -> bool:
        """Whether any item's words are still unknown."""
        return any(e.transcribing for e in self._entries.values())
