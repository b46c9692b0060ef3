"""The server on a bad day: each fault is one clear sentence, the right exit code, and nothing on stdout."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from moksori.engine import weights

from .server_process import Ended, environment, run, server

OFF = {"MOKSORI__ENGINE__PROFILE": "off"}
"""A server without its engine: everything but conversations, up in a second."""
LITE = {"MOKSORI__ENGINE__PROFILE": "lite"}


def refused(ended: Ended, code: int, sentence: str) -> None:
    """One sentence on stderr, nothing on stdout, no traceback."""
    assert ended.code == code, ended.err
    assert ended.out == ""
    assert len(ended.err.splitlines()) == 1, ended.err
    assert ended.err.startswith("moksori: ")
    assert sentence in ended.err


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that something else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def test_a_bad_setting_exits_2(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text('[server]\nport = "eighty"\n')
    ended = run("serve", "--config", "m.toml", cwd=tmp_path, env=environment())
    refused(ended, 2, "m.toml: server.port must be a whole number.")


def test_a_setting_file_that_is_not_there_exits_2(tmp_path: Path) -> None:
    refused(run("serve", "--config", "m.toml", cwd=tmp_path, env=environment()), 2, "m.toml does not exist.")


def test_a_host_that_is_not_this_machines_exits_2(tmp_path: Path) -> None:
    env = environment(**OFF, MOKSORI_API_KEY="k")
    refused(run("serve", "--host", "192.0.2.1", cwd=tmp_path, env=env), 2, "is no address of this machine")


def test_a_taken_port_exits_3(tmp_path: Path, taken: int) -> None:
    ended = run("serve", "--port", str(taken), cwd=tmp_path, env=environment(**OFF))
    refused(ended, 3, f"Port {taken} on 127.0.0.1 is taken")
    assert "--port" in ended.err


def test_a_second_instance_exits_3_and_the_first_goes_on(tmp_path: Path) -> None:
    env = environment(**OFF)
    with server(cwd=tmp_path, env=env) as first:
        refused(
            run("serve", "--port", str(first.port), cwd=tmp_path, env=env), 3, "perhaps by another moksori"
        )
        assert httpx.get(f"{first.http}/healthz").status_code == 200


@pytest.mark.parametrize("profile", ["lite", "full"])
def test_missing_weights_exit_4_and_name_the_command(tmp_path: Path, profile: str) -> None:
    env = environment(tmp_path / "home", MOKSORI__ENGINE__PROFILE=profile)
    ended = run("serve", "--port", "0", cwd=tmp_path, env=env)
    refused(ended, 4, "Weights are missing (silero-vad, smart-turn, whisper-base")
    assert "run `moksori models pull`" in ended.err


@pytest.mark.models
@pytest.mark.parametrize("damage", ["cut short", "altered"])
def test_corrupt_weights_exit_4_and_name_the_file(tmp_path: Path, damage: str) -> None:
    home = tmp_path / "home"
    for name in ("silero-vad", "smart-turn", "whisper-base"):
        source = weights.folder(weights.find(name))
        shutil.copytree(source, home / "models" / name, copy_function=shutil.copy2)
    model = weights.path("silero-vad", home)
    content = bytearray(model.read_bytes())
    if damage == "cut short":
        del content[1000:]
    else:
        content[1000] ^= 0xFF
    model.write_bytes(content)

    env = environment(home, **LITE)
    ended = run("serve", "--port", "0", cwd=tmp_path, env=env)
    refused(ended, 4, "silero_vad.onnx of silero-vad is damaged")
    assert "moksori models pull" in ended.err
    verified = run("models", "verify", cwd=tmp_path, env=env)
    assert verified.code == 1
    assert "moksori: silero_vad.onnx of silero-vad is damaged" in verified.err


def test_a_wrong_key_is_401_for_a_program_and_an_error_event_for_a_browser(tmp_path: Path) -> None:
    with server(cwd=tmp_path, env=environment(**OFF, MOKSORI_API_KEY="sk-right")) as running:
        for headers in ({}, {"Authorization": "Bearer sk-wrong"}):
            with pytest.raises(InvalidStatus) as refusal:
                connect(running.ws, additional_headers=headers)
            assert refusal.value.response.status_code == 401
            assert json.loads(refusal.value.response.body)["error"]["code"] == "invalid_api_key"
        with connect(running.ws, subprotocols=["realtime", "openai-insecure-api-key.sk-wrong"]) as browser:
            assert json.loads(browser.recv())["error"]["code"] == "invalid_api_key"
            with pytest.raises(ConnectionClosed):
                browser.recv()
            assert browser.close_code == 1008
        answer = httpx.get(f"{running.http}/v1/models", headers={"Authorization": "Bearer sk-right"})
        assert answer.status_code == 200
        running.signal(signal.SIGTERM)
        ended = running.ended()
    assert ended.code == 0
    assert "sk-right" not in ended.err
    assert "sk-wrong" not in ended.err


def test_the_ready_line_is_all_of_stdout_and_the_ready_file_lives_as_long_as_the_server(
    tmp_path: Path,
) -> None:
    ready = tmp_path / "ready.json"
    with server("--ready-file", str(ready), cwd=tmp_path, env=environment(**OFF)) as running:
        assert json.loads(ready.read_text()) == {"ready": True, "http": running.http, "ws": running.ws}
        assert httpx.get(f"{running.http}/readyz").json() == {"ready": True, "parts": {"engine": "off"}}
        running.signal(signal.SIGTERM)
        ended = running.ended()
    assert (ended.code, ended.out) == (0, "")
    assert not ready.exists()
    assert "Traceback" not in ended.err


def test_ctrl_c_is_a_stop_not_a_failure(tmp_path: Path) -> None:
    with server(cwd=tmp_path, env=environment(**OFF)) as running:
        running.signal(signal.SIGINT)
        ended = running.ended()
    assert ended.code == 0
    assert "Traceback" not in ended.err


def test_without_an_engine_a_conversation_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with server(cwd=tmp_path, env=environment(**OFF)) as running, pytest.raises(InvalidStatus) as refusal:
        connect(f"{running.ws}?model=moksori-local")
    assert refusal.value.response.status_code == 404
    assert json.loads(refusal.value.response.body)["error"]["code"] == "model_not_found"


def test_self_signed_tls_serves_https_and_keeps_its_certificate(tmp_path: Path) -> None:
    home = tmp_path / "home"
    env = environment(home, **OFF)
    certificates = []
    for _ in range(2):
        with server("--tls", "self-signed", cwd=tmp_path, env=env) as running:
            assert running.http.startswith("https://")
            assert running.ws.startswith("wss://")
            certificate = home / "tls" / "self-signed.pem"
            certificates.append(certificate.read_bytes())
            trusting = ssl.create_default_context(cafile=str(certificate))
            assert httpx.get(f"{running.http}/healthz", verify=trusting).status_code == 200
    assert certificates[0] == certificates[1]
    assert os.stat(home / "tls" / "self-signed.key").st_mode & 0o077 == 0


@pytest.mark.models
def test_sigterm_with_an_open_call_closes_it_with_a_code_clients_reconnect_on(tmp_path: Path) -> None:
    env = environment(**LITE, MOKSORI__LIMITS__DRAIN_S="1")
    with server(cwd=tmp_path, env=env) as running:
        with connect(running.ws) as call:
            assert json.loads(call.recv())["type"] == "session.created"
            running.signal(signal.SIGTERM)
            with pytest.raises(ConnectionClosed):
                while True:
                    call.recv()
            assert call.close_code in (1001, 1012)
        ended = running.ended()
    assert ended.code == 0
    assert "Traceback" not in ended.err


@pytest.mark.models
def test_while_draining_new_calls_are_refused_and_a_second_sigterm_ends_at_once(tmp_path: Path) -> None:
    """The call is kept busy: its client never takes part in the close, and the drain would wait for 600 s."""
    env = environment(**LITE, MOKSORI__LIMITS__DRAIN_S="600")
    with server(cwd=tmp_path, env=env) as running, connect(running.ws) as call:
        assert json.loads(call.recv())["type"] == "session.created"
        call.send(json.dumps({"type": "input_audio_buffer.append", "audio": ""}))
        running.signal(signal.SIGTERM)
        running.signal(signal.SIGTERM)
        ended = running.ended()
    assert ended.code == 0
