"""Logs keep secrets and speech to themselves; metrics add up."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from moksori import telemetry
from moksori.settings import Log
from moksori.telemetry import Telemetry, Turn


@pytest.fixture(autouse=True)
def put_logging_back() -> Iterator[None]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    yield
    root.handlers[:], root.level = before
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


TURN = Turn("sess_1", "moksori-local", "completed", v2v_ms=420, stages_ms={"stt": 120, "tts": 30},
            input_tokens=5, output_tokens=7, audio_ms=900, said="네, 보내드릴게요", heard="where is it")  # fmt: skip


@pytest.mark.parametrize(("allowed", "said"), [(False, "(not logged)"), (True, "네, 보내드릴게요")])
def test_a_turn_is_one_line_and_says_what_was_said_only_when_asked(allowed: bool, said: str) -> None:
    stream = io.StringIO()
    telemetry.configure(Log(log_transcripts=allowed), stream)
    Telemetry().turn(TURN)
    (line,) = lines(stream)
    assert (line["event"], line["call"], line["v2v_ms"], line["stages_ms"]) == (
        "turn",
        "sess_1",
        420,
        {"stt": 120, "tts": 30},
    )
    assert line["said"] == said
    assert line["level"] == "info"


def test_secrets_and_audio_are_blanked_in_every_line() -> None:
    stream = io.StringIO()
    telemetry.configure(Log(log_transcripts=True), stream)
    telemetry.get_logger("x").warning(
        "event", api_key="sk-1", authorization="Bearer sk-1", audio="AAAA", port=1
    )
    assert "sk-1" not in stream.getvalue()
    assert "AAAA" not in stream.getvalue()
    assert lines(stream)[0]["port"] == 1


def test_every_line_of_a_call_carries_its_id() -> None:
    stream = io.StringIO()
    telemetry.configure(Log(), stream)
    log = telemetry.get_logger("x")
    with telemetry.call("sess_1"):
        log.info("inside")
        logging.getLogger("some.library").warning("inside too")
    log.info("outside")
    assert [line.get("call") for line in lines(stream)] == ["sess_1", "sess_1", None]


def test_libraries_that_log_addresses_with_keys_are_quiet_below_warnings() -> None:
    stream = io.StringIO()
    telemetry.configure(Log(level="debug"), stream)
    for name in ("uvicorn.error", "httpx", "websockets.server"):
        logging.getLogger(name).info("GET /v1/realtime?api-key=sk-1")
    assert stream.getvalue() == ""


def test_a_traceback_shows_no_local_variables() -> None:
    stream = io.StringIO()
    telemetry.configure(Log(format="console"), stream)
    transcript = "my card number is 1234"
    try:
        raise LookupError(len(transcript))
    except LookupError:
        telemetry.get_logger("x").exception("failed")
    assert "LookupError" in stream.getvalue()
    assert "1234" not in stream.getvalue()


def test_metrics_add_up() -> None:
    telemetry.configure(Log(), io.StringIO())
    counted = Telemetry()
    counted.opened("sess_1", "moksori-local")
    counted.opened("sess_2", "moksori-local")
    counted.turn(TURN)
    counted.closed("sess_1", 1000)
    value = counted.registry.get_sample_value
    assert value("moksori_sessions") == 1
    assert value("moksori_sessions_opened_total", {"model": "moksori-local"}) == 2
    assert value("moksori_turns_total", {"model": "moksori-local", "status": "completed"}) == 1
    assert value("moksori_tokens_total", {"model": "moksori-local", "direction": "output"}) == 7
    assert value("moksori_voice_to_voice_seconds_sum", {"model": "moksori-local"}) == pytest.approx(0.42)
    assert value("moksori_voice_to_voice_seconds_bucket", {"model": "moksori-local", "le": "0.4"}) == 0
    assert value("moksori_voice_to_voice_seconds_bucket", {"model": "moksori-local", "le": "0.5"}) == 1
