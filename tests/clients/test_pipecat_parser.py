"""Pipecat's own parser reads every event of the protocol that it can meet, and says so when it cannot."""

from __future__ import annotations

import json
from typing import Any

import pytest

from moksori.protocol.server_events import encode_event
from tests.support.pipecat_parser import asked, validate_with_pipecat
from tests.unit.protocol.protocol_samples import EVENTS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not asked(), reason="the published clients are not asked: `make clients-tests`"),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_every_event_is_read(event: Any) -> None:
    validate_with_pipecat(json.loads(encode_event(event)))


def test_what_it_cannot_read_is_told() -> None:
    broken = {
        "type": "input_audio_buffer.speech_started",
        "event_id": "event_1",
        "audio_start_ms": 1.5,
        "item_id": "a",
    }
    with pytest.raises(AssertionError, match="speech_started: Pipecat"):
        validate_with_pipecat(broken)
