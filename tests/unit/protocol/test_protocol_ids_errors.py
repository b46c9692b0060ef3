"""Ids and the error event."""

from __future__ import annotations

import re

from moksori.protocol.errors import Error, ErrorDetail, ProtocolError
from moksori.protocol.ids import CountingIds, random_id
from moksori.protocol.server_events import encode_event


def test_random_ids_have_the_recorded_form_and_do_not_repeat() -> None:
    made = {random_id("event") for _ in range(1000)}
    assert len(made) == 1000
    assert all(re.fullmatch(r"event_[0-9A-Za-z]{21}", each) for each in made)


def test_random_ids_use_the_whole_alphabet() -> None:
    assert len(set("".join(random_id("x").removeprefix("x_") for _ in range(2000)))) == 62


def test_counting_ids_can_be_foretold() -> None:
    ids = CountingIds()
    assert [ids("item"), ids("item"), ids("resp"), ids("item")] == ["item_1", "item_2", "resp_1", "item_3"]


def test_an_error_event_has_all_five_keys_and_echoes_the_event_at_fault() -> None:
    error = ProtocolError("No.", "invalid_value", param="item.id").caused_by("client_7")
    assert error.as_event("event_1") == Error(
        "event_1", ErrorDetail("No.", "invalid_request_error", "invalid_value", "item.id", "client_7")
    )
    assert encode_event(ProtocolError("No.").as_event("event_2")) == (
        b'{"type":"error","event_id":"event_2","error":{"message":"No.","type":"invalid_request_error",'
        b'"code":null,"param":null,"event_id":null}}'
    )


def test_the_first_known_cause_stays() -> None:
    assert ProtocolError("No.", event_id="a").caused_by("b").event_id == "a"
