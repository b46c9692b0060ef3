"""Writes docs/reference/conformance.md from what the tests have seen: `python -m tests.conformance.document`.

Run after the tests (`make clients-tests` does both). An event that was seen counts as sent; every other needs a reason
here, and a reason for an event that was seen is an error, so that the table cannot drift from the server.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from moksori.protocol.server_events import SERVER_EVENTS

from .fields import RESPONSE, SESSION
from .seen import FOLDER, all_seen

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "conformance.md"

WHEN = {
    "session.created": "first, before anything else",
    "session.updated": "after every `session.update` that was accepted",
    "conversation.item.added": "an item enters the conversation",
    "conversation.item.done": "an item is final",
    "conversation.item.retrieved": "answer to `conversation.item.retrieve`, with the audio that is still kept",
    "conversation.item.truncated": "answer to `conversation.item.truncate`",
    "conversation.item.deleted": "answer to `conversation.item.delete`",
    "conversation.item.input_audio_transcription.delta": "words of the caller's, as they become known",
    "conversation.item.input_audio_transcription.completed": "a caller's utterance is transcribed (`transcription` is on)",
    "conversation.item.input_audio_transcription.failed": "instead of it, when the recogniser failed",
    "error": "something a client asked for could not be done; the session goes on",
    "rate_limits.updated": "after `response.done`; the list is empty, since the local engine limits no tokens",
    "input_audio_buffer.speech_started": "somebody begins to speak (`turn_detection` is on)",
    "input_audio_buffer.speech_stopped": "they have finished",
    "input_audio_buffer.committed": "the buffer became an item",
    "input_audio_buffer.cleared": "answer to `input_audio_buffer.clear`",
    "input_audio_buffer.timeout_triggered": "nobody spoke for `idle_timeout_ms`",
    "response.created": "an answer begins",
    "response.done": "it is over: exactly one for each `response.created`",
    "mcp_list_tools.in_progress": "an MCP server of the session is asked for its tools",
    "mcp_list_tools.completed": "it answered",
    "mcp_list_tools.failed": "it did not",
    "response.mcp_call_arguments.delta": "the model writes a call to an MCP tool",
    "response.mcp_call_arguments.done": "and has written it",
    "response.mcp_call.in_progress": "this server makes the call",
    "response.mcp_call.completed": "the tool answered",
    "response.mcp_call.failed": "the call failed; the item's `error` says why",
}
"""Events of which the name does not say it; the `response.output_*` and `response.*_arguments` families need no words."""

NEVER = {
    "conversation.created": "the real service sends it to no GA client; beta clients get it after `session.created`",
    "conversation.item.input_audio_transcription.segment": "there is no model here that tells speakers apart",
    "input_audio_buffer.dtmf_event_received": "telephone only",
    "output_audio_buffer.started": "WebRTC and SIP only",
    "output_audio_buffer.stopped": "WebRTC and SIP only",
    "output_audio_buffer.cleared": "WebRTC and SIP only",
}
"""Why an event does not come over a WebSocket."""

BESIDE = (
    ("MCP `connector_id`, `tunnel_id`", "refused: MCP servers are reached by `server_url`, if `mcp.allowed_hosts` names them"),
    ("MCP `require_approval`", "the call is shown as `mcp_approval_request` and made when its approval comes"),
    ("translation sessions", "refused in words, over HTTP and WebSocket"),
)  # fmt: skip


def events_table(seen: set[str]) -> str:
    """Markdown. Raises `ValueError` where the words above and what was seen do not agree."""
    wrong = sorted(seen & NEVER.keys()) + sorted(SERVER_EVENTS.keys() - seen - NEVER.keys())
    if wrong:
        raise ValueError(f"seen though said never to be, or neither seen nor explained: {', '.join(wrong)}")
    rows = []
    for kind in SERVER_EVENTS:
        sent = kind not in NEVER
        rows.append(
            f"| `{kind}` | {'yes' if sent else 'no'} | {WHEN.get(kind, '') if sent else NEVER[kind]} |"
        )
    return "\n".join(["| event | sent | when, or why not |", "| --- | --- | --- |", *rows])


def clients_table() -> str:
    results = FOLDER / "clients.json"
    known = json.loads(results.read_text("utf-8")) if results.exists() else {}
    flows = ("typed", "spoken", "tool", "interruption", "reconnection")

    def cell(result: dict[str, dict[str, bool]], flow: str) -> str:
        if flow in result["flows"]:
            return "holds" if result["flows"][flow] else "FAILS"
        if flow in result["by_rule"]:
            return "holds by rule" if result["by_rule"][flow] else "FAILS by rule"
        return "–"

    rows = []
    for package, result in sorted(known.items()):
        cells = " | ".join(cell(result, flow) for flow in flows)
        rows.append(f"| {package} | {result['dialect']} | {cells} |")
    head = f"| client | dialect | {' | '.join(flows)} |"
    return "\n".join([head, "| --- " * (2 + len(flows)) + "|", *rows])


def fields_table() -> str:
    rows = [f"| `session.{name}` | {effect} |" for name, (effect, _) in SESSION.items()]
    rows += [f"| `response.{name}` | {effect} |" for name, (effect, _) in RESPONSE.items()]
    rows += [f"| {name} | {effect} |" for name, effect in BESIDE]
    return "\n".join(["| field | what it does here |", "| --- | --- |", *rows])


def page() -> str:
    """Raises `ValueError` where what the page would say was not seen."""
    seen, by_pipecat = all_seen()
    if not by_pipecat:
        raise ValueError("Pipecat's parser was not asked: run `make clients-tests`")
    return f"""# Conformance

This page is written by the tests (`make clients-tests`); do not edit it.

All eleven client events are understood. Every event below was checked, as it was sent, against the types of the
`openai` package, against the fields its schema requires, against what the strictest published clients demand, and by
Pipecat's own parser.

## Clients

Unmodified packages from PyPI and npm, each against the whole server with real ears and voice, and against one whose
ears, voice and mind are rules. "holds": with the real ones; "by rule": this page was written after a run without them.
"–": the client has no such thing, or it is tried with real speech only.

{clients_table()}

## Server events (local engine, WebSocket)

{events_table(seen)}

## Fields

Each with a test behind it (`tests/conformance/fields.py`). Refused means an `error` with `invalid_value` and the field's
path as `param`; other sessions than strict ones show null where a field has no effect.

{fields_table()}

## Dialects

GA is the default. `OpenAI-Beta: realtime=v1`, or the subprotocol `openai-beta.realtime-v1`, selects the retired beta
for that connection: its event and field names, both directions. `POST /v1/realtime/sessions` and
`/v1/realtime/transcription_sessions` answer in beta's shape. `?strict=1` restores the real service's refusals.
"""


if __name__ == "__main__":
    try:
        text = page()
    except ValueError as error:
        sys.exit(f"docs/reference/conformance.md was not written: {error}")
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(text, "utf-8")
