"""What a client did wrong, as an exception, and the `error` event that tells it so."""

from __future__ import annotations

from moksori.protocol.records import Record, Tagged, present

INVALID_REQUEST = "invalid_request_error"


class ErrorDetail(Record, frozen=True):
    """The `error` of an `error` event: all five keys, with nulls, as the real service sends it."""

    message: str
    type: str = present(INVALID_REQUEST)
    code: str | None = present(None)
    param: str | None = present(None)
    event_id: str | None = present(None)
    """The `event_id` of the client event at fault, so that a client can tell which of its requests failed."""


class Error(Tagged, frozen=True, tag="error"):
    """`error`: something the client asked for could not be done; the session lives on."""

    event_id: str
    error: ErrorDetail


class ProtocolError(Exception):
    """A client event, or a remote server's event, breaks the protocol.

    `message` is a sentence for the developer of the client, `param` the path of the field at fault (such as
    `item.content[0].text`), `event_id` the id of the event at fault where it is known.
    """

    def __init__(
        self,
        message: str,
        code: str | None = None,
        *,
        type: str = INVALID_REQUEST,
        param: str | None = None,
        event_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.type = type
        self.param = param
        self.event_id = event_id

    def caused_by(self, event_id: str | None) -> ProtocolError:
        """The same error, naming the client event at fault unless it already names one."""
        if self.event_id is None:
            self.event_id = event_id
        return self

    def as_event(self, event_id: str) -> Error:
        """The `error` event to send; `event_id` is the new event's own id."""
        return Error(
            event_id=event_id,
            error=ErrorDetail(
                message=self.message, type=self.type, code=self.code, param=self.param, event_id=self.event_id
            ),
        )
