"""The assistant's audio as it was sent, kept for `conversation.item.retrieve`: the newest few minutes of a call."""

from __future__ import annotations

import base64
from collections import OrderedDict

from moksori.protocol.items import Item, Message, OutputAudio
from moksori.protocol.server_events import ConversationItemTruncated, ResponseOutputAudioDelta
from moksori.protocol.session import AudioFormat, PcmFormat

KEPT_BYTES = 6 * 1024 * 1024
"""Two minutes of PCM16 at 24 kHz, as base64; the oldest answers go first."""


class SpokenAudio:
    """By item: deltas in, whole audio out, cut where the client cut it."""

    def __init__(self) -> None:
        self._parts: OrderedDict[str, list[str]] = OrderedDict()
        self._formats: dict[str, AudioFormat] = {}
        self._size = 0

    def sent(self, delta: ResponseOutputAudioDelta, format: AudioFormat) -> None:
        self._parts.setdefault(delta.item_id, []).append(delta.delta)
        self._formats[delta.item_id] = format
        self._size += len(delta.delta)
        while self._size > KEPT_BYTES and len(self._parts) > 1:
            self.forget(next(iter(self._parts)))

    def truncated(self, cut: ConversationItemTruncated) -> None:
        """Nothing after `audio_end_ms` was heard."""
        whole = self._whole(cut.item_id)
        if whole is None:
            return
        form = self._formats[cut.item_id]
        size = cut.audio_end_ms * form.sample_rate // 1000 * (2 if isinstance(form, PcmFormat) else 1)
        kept = base64.b64encode(whole[:size]).decode()
        self._size += len(kept) - sum(map(len, self._parts[cut.item_id]))
        self._parts[cut.item_id] = [kept]

    def forget(self, item_id: str) -> None:
        self._size -= sum(map(len, self._parts.pop(item_id, ())))
        self._formats.pop(item_id, None)

    def put_into(self, item: Item) -> Item:
        """The item with its audio in base64, if it has any that is still kept."""
        whole = self._whole(item.id)
        if not whole or not isinstance(item, Message):
            return item
        audio = base64.b64encode(whole).decode()
        content = tuple(
            OutputAudio(transcript=part.transcript, audio=audio) if isinstance(part, OutputAudio) else part
            for part in item.content
        )
        return Message(role=item.role, content=content, id=item.id, status=item.status, phase=item.phase)

    def _whole(self, item_id: str) -> bytes | None:
        parts = self._parts.get(item_id)
        return b"".join(map(base64.b64decode, parts)) if parts is not None else None
