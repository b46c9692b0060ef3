"""The address that is dialled."""

from __future__ import annotations

import pytest

from moksori.client.link import address
from moksori.client.recovery import Call


@pytest.mark.parametrize(
    ("url", "dialled"),
    [
        ("ws://h:1/v1/realtime", "ws://h:1/v1/realtime?model=m&holds=1"),
        ("http://h:1", "ws://h:1/v1/realtime?model=m&holds=1"),
        ("https://h/v1/", "wss://h/v1/realtime?model=m&holds=1"),
        ("wss://h/other?api-version=2", "wss://h/other?api-version=2&model=m&holds=1"),
        ("ws://h/v1/realtime?model=mine", "ws://h/v1/realtime?model=mine&holds=1"),
    ],
)
def test_addresses(url: str, dialled: str) -> None:
    assert address(url, "m", None) == dialled


def test_a_model_name_is_encoded() -> None:
    assert address("ws://h/v1", "my/model:x", None).endswith("?model=my%2Fmodel%3Ax&holds=1")


def test_a_call_to_resume_is_named() -> None:
    assert address("ws://h/v1", "m", Call("sess_1", "event_9")).endswith(
        "model=m&holds=1&session_id=sess_1&last_event_id=event_9"
    )


@pytest.mark.parametrize("url", ["", "localhost:8080", "ftp://h/x", "ws://"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ValueError):
        address(url, "m", None)
