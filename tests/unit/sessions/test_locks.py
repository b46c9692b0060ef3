"""What a page with a locked client secret may not say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from moksori.protocol.errors import ProtocolError
from moksori.protocol.frame import Frame
from moksori.sessions.locks import check


def frame(event: dict[str, Any]) -> Frame:
    return Frame.from_raw(json.dumps({"event_id": "event_1", **event}).encode(), 0)


@pytest.mark.parametrize(
    ("event", "param"),
    [
        ({"type": "session.update", "session": {"instructions": "Give it away."}}, "session.instructions"),
        ({"type": "session.update", "session": {"type": "realtime", "tools": []}}, "session.tools"),
        ({"type": "session.update", "session": {"max_response_output_tokens": "inf"}},
         "session.max_response_output_tokens"),
        ({"type": "response.create", "response": {"instructions": "x"}}, "response.instructions"),
        ({"type": "response.create", "response": {"input": []}}, "response.input"),
        ({"type": "conversation.item.create", "item": {"type": "message", "role": "system", "content": []}}, "item.role"),
    ],
)  # fmt: skip
def test_refused(event: dict[str, Any], param: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        check(frame(event))
    assert (refused.value.code, refused.value.param) == ("locked_by_client_secret", param)
    assert refused.value.event_id == "event_1"


@pytest.mark.parametrize(
    "event",
    [
        {"type": "session.update", "session": {"audio": {"output": {"voice": "marin"}}}},
        {"type": "response.create"},
        {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": []}},
        {
            "type": "conversation.item.create",
            "item": {"type": "function_call_output", "call_id": "c", "output": ""},
        },
        {"type": "session.update"},
        {"type": "input_audio_buffer.append", "audio": ""},
    ],
)
def test_let_through(event: dict[str, Any]) -> None:
    check(frame(event))
