"""What a client asks for, one method an event; a refusal is a `ProtocolError` and the session lives on."""

from __future__ import annotations

from typing import assert_never

from moksori.conversation.answering import Answering
from moksori.conversation.board import Board
from moksori.conversation.events import EmitRetrieved
from moksori.conversation.history import ROOT, Entry
from moksori.conversation.listening import Listening
from moksori.protocol import client_events as ask
from moksori.protocol import server_events as out
from moksori.protocol.errors import ProtocolError
from moksori.protocol.items import InputAudio, Message, item_from_client
from moksori.protocol.response import params_from_client
from moksori.protocol.session import merge


class Requests:
    def __init__(self, board: Board, listening: Listening, answering: Answering) -> None:
        self._board = board
        self._listening = listening
        self._answering = answering

    def handle(self, event: ask.ClientEvent) -> None:
        try:
            self._handle(event)
        except ProtocolError as error:
            self._board.error(error, caused_by=event.event_id)

    def _handle(self, event: ask.ClientEvent) -> None:
        match event:
            case ask.SessionUpdate():
                self._session_update(event)
            case ask.InputAudioBufferAppend():
                raise AssertionError("audio comes in as AudioAppended")
            case ask.InputAudioBufferCommit():
                self._listening.commit()
            case ask.InputAudioBufferClear():
                self._listening.clear()
            case ask.OutputAudioBufferClear():
                self._output_clear()
            case ask.ConversationItemCreate():
                self._item_create(event)
            case ask.ConversationItemRetrieve():
                self._item_retrieve(event)
            case ask.ConversationItemTruncate():
                self._item_truncate(event)
            case ask.ConversationItemDelete():
                self._item_delete(event)
            case ask.ResponseCreate():
                params = params_from_client(
                    event.response,
                    self._board.ids,
                    strict=self._board.rules.strict,
                    supported=self._board.rules.supported,
                )
                self._answering.create(params)
            case ask.ResponseCancel():
                self._answering.cancel(event.response_id)
            case _:
                assert_never(event)

    def _session_update(self, event: ask.SessionUpdate) -> None:
        board = self._board
        before = board.session
        board.session = merge(
            before,
            event.session,
            strict=board.rules.strict,
            voice_locked=board.spoke,
            supported=board.rules.supported,
        )
        if board.session != before:
            self._answering.discard_held()
        if board.detection != before.audio.input.turn_detection:
            self._listening.reset()
        board.emit(
            out.SessionUpdated(
                event_id=board.event_id(),
                session=board.session,
                session_id=board.session.id,
                latency=board.latency_ms,
            )
        )

    def _output_clear(self) -> None:
        """Over a WebSocket only the client plays audio: in strict sessions the event is refused, as the real one is.

        Otherwise it is taken at its word: what has not been heard by now will not be.
        """
        board = self._board
        if board.rules.strict:
            raise ProtocolError(
                "'output_audio_buffer.clear' is for WebRTC and SIP; over a WebSocket stop playback yourself and send "
                "'conversation.item.truncate'.",
                "invalid_value",
                param="type",
            )
        response_id = self._answering.last_audible_id
        self._answering.sounding.cut_now()
        if response_id is not None:
            board.emit(out.OutputAudioBufferCleared(event_id=board.event_id(), response_id=response_id))

    def _item_create(self, event: ask.ConversationItemCreate) -> None:
        board = self._board
        item = item_from_client(event.item, board.ids, board.rules.strict)
        if item.id in board.history:
            raise ProtocolError(
                f"Error adding item: an item with id '{item.id}' already exists.",
                "item_create_duplicate_item_id",
                param="item.id",
            )
        after = event.previous_item_id
        if after is not None and after != ROOT and after not in board.history:
            raise ProtocolError(
                f"Error adding item: the previous item with id '{after}' does not exist.",
                "item_create_invalid_previous_item_id",
                param="previous_item_id",
            )
        self._answering.discard_held()
        audio = _given_audio(item) if isinstance(item, Message) else None
        shown = _without_audio(item) if isinstance(item, Message) else item
        previous = board.history.add(Entry(shown, transcribing=audio is not None), after)
        board.emit(
            out.ConversationItemAdded(event_id=board.event_id(), item=shown, previous_item_id=previous)
        )
        board.emit(out.ConversationItemDone(event_id=board.event_id(), item=shown, previous_item_id=previous))
        if audio is not None:
            self._listening.decoding.given(item.id, audio)

    def _item_retrieve(self, event: ask.ConversationItemRetrieve) -> None:
        entry = self._existing(event.item_id, "retriev", "item_retrieve_invalid_item_id")
        span = entry.heard_from
        self._board.do(
            EmitRetrieved(entry.item, span.start_ms if span else None, span.end_ms if span else None)
        )

    def _item_truncate(self, event: ask.ConversationItemTruncate) -> None:
        board = self._board
        if event.content_index != 0:
            raise ProtocolError(
                "An assistant message has one content part: 'content_index' must be 0.",
                "invalid_value",
                param="content_index",
            )
        cut_ms = self._answering.sounding.truncate(event.item_id, event.audio_end_ms)
        board.emit(
            out.ConversationItemTruncated(
                event_id=board.event_id(), item_id=event.item_id, content_index=0, audio_end_ms=cut_ms
            )
        )

    def _item_delete(self, event: ask.ConversationItemDelete) -> None:
        board = self._board
        self._existing(event.item_id, "delet", "item_delete_invalid_item_id")
        self._answering.discard_held()
        board.history.remove(event.item_id)
        board.emit(out.ConversationItemDeleted(event_id=board.event_id(), item_id=event.item_id))
        self._listening.decoding.forget(event.item_id)

    def _existing(self, item_id: str, verb: str, code: str) -> Entry:
        entry = self._board.history.get(item_id)
        if entry is None:
            raise ProtocolError(
                f"Error {verb}ing item: the item with id '{item_id}' does not exist.", code, param="item_id"
            )
        return entry


def _given_audio(item: Message) -> str | None:
    """Audio inside a user item whose words are not given with it."""
    for part in item.content:
        if isinstance(part, InputAudio) and part.audio and not part.transcript:
            return part.audio
    return None


def _without_audio(item: Message) -> Message:
    """Announced items carry no audio bytes."""
    if not any(isinstance(part, InputAudio) and part.audio for part in item.content):
        return item
    content = tuple(
        InputAudio(transcript=part.transcript) if isinstance(part, InputAudio) else part
        for part in item.content
    )
    return Message(role=item.role, content=content, id=item.id, status=item.status, phase=item.phase)
