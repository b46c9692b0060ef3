"""Has the question been answered to its end? Read off the events, so that nobody waits a fixed time. Pure."""

from __future__ import annotations

from moksori.client.events import AnyServerEvent
from moksori.protocol import items
from moksori.protocol import server_events as s


class Progress:
    """Follows the turns of one call."""

    def __init__(self) -> None:
        self._speaking = False  # the server hears the caller
        self._owed = False  # a turn was committed, or a server's tool called, and no response has begun
        self._running: set[str] = set()
        self.answered = False  # the last turn has had its response, whole
        self.failure: str | None = None  # why the server could not answer, in its words

    @property
    def settled(self) -> bool:
        """Every turn so far has been answered to its end."""
        return self.answered and not (self._speaking or self._owed or self._running)

    def feed(self, event: AnyServerEvent) -> None:
        """Take one event."""
        match event:
            case s.InputAudioBufferSpeechStarted():
                self._speaking = True
            case s.InputAudioBufferSpeechStopped():
                self._speaking = False
            case s.InputAudioBufferCommitted():
                self._speaking, self._owed, self.answered = False, True, False
            case s.ResponseCreated(response=response):
                self._running.add(response.id)
                self._owed = False
            case s.ResponseDone(response=response):
                self._running.discard(response.id)
                self._done(event)
            case _:
                pass

    def _done(self, event: s.ResponseDone) -> None:
        response = event.response
        match response.status:
            case "cancelled":
                return  # the caller spoke on; the answer to that is still to come
            case "failed":
                self.answered = True
                details = response.status_details
                error = details.error if details is not None else None
                self.failure = (error.message if error is not None else None) or "?"
            case _:
                # A response that only calls a function is followed by the one that uses its output.
                self._owed = any(isinstance(item, items.FunctionCall) for item in response.output)
                self.answered = not self._owed
                self.failure = None
