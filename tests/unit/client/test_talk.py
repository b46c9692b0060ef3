"""`moksori talk` as a person runs it, against a scripted server."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moksori.audio import wav
from moksori.client import talk
from moksori.client.measure import first_audible, last_voiced
from moksori.client.speaker import Pull
from moksori.client.talk import main_talk
from moksori.client.voice import VoiceClient
from tests.unit.client import scripted as say
from tests.unit.client.scripted import Phone, Refusal, ScriptedServer
from tests.unit.client.tones import silence, tone

ANSWER = silence(60) + tone(240, hz=500)


async def run(*args: Any, **options: Any) -> int:
    """In a thread, as it brings its own event loop."""
    return await asyncio.to_thread(main_talk, *args, **{"language": "en", "patience": 5.0, **options})


def question(path: Path, rate: int = 24_000, channels: int = 1) -> Path:
    pcm = silence(100, rate) + tone(300, rate=rate)
    if channels == 2:
        pcm = b"".join(pcm[at : at + 2] * 2 for at in range(0, len(pcm), 2))
    path.write_bytes(wav.write(pcm, rate, channels))
    return path


async def answers(phone: Phone) -> None:
    """Hears a spoken question and answers it."""
    await phone.greet()
    await phone.hear("session.update")
    await phone.hear_voice_end()
    await phone.say(
        say.speech_started("item_q", 100),
        say.speech_stopped("item_q", 500),
        say.committed("item_q"),
        say.added(say.spoken("item_q")),
        say.created("resp_1"),
        say.added(say.answer_item("item_a")),
        say.words_delta("resp_1", "item_a", "It is "),
        say.audio_delta("resp_1", "item_a", ANSWER),
        say.words_done("resp_1", "item_a", "It is [noon]."),
        say.audio_done("resp_1", "item_a"),
        say.done("resp_1"),
        say.heard("item_q", "What time is it?"),
    )
    assert await phone.hear_goodbye() == 1000


@pytest.mark.parametrize(("rate", "channels"), [(24_000, 1), (8_000, 1), (44_100, 2)])
async def test_a_question_from_a_file_is_answered_into_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rate: int, channels: int
) -> None:
    out = tmp_path / "answer.wav"
    async with ScriptedServer(answers) as server:
        assert await run(server.url, file=question(tmp_path / "q.wav", rate, channels), out=out) == talk.OK
    answer = wav.read(out.read_bytes())
    assert (answer.rate, answer.channels) == (24_000, 1)
    assert answer.pcm.strip(b"\0") == ANSWER.strip(b"\0")
    shown = capsys.readouterr()
    assert shown.err == ""
    lines = shown.out.splitlines()
    assert lines[1:3] == ["You: What time is it?", "Voice: It is [noon]."]
    assert lines[3].startswith("voice to voice ")


async def test_both_sides_on_one_clock(tmp_path: Path) -> None:
    out = tmp_path / "both.wav"
    async with ScriptedServer(answers) as server:
        code = await run(server.url, file=question(tmp_path / "q.wav"), out=out, stereo=True)
    assert code == talk.OK
    both = wav.read(out.read_bytes())
    assert both.channels == 2
    caller, agent = both.channel(0), both.channel(1)
    assert caller.startswith(silence(100) + tone(300))
    voiced, audible = last_voiced(caller), first_audible(agent)
    assert voiced is not None
    assert audible is not None
    assert audible >= voiced + 200 * 24  # the server waited for 200 ms of silence


async def test_a_typed_question_is_answered_in_text(capsys: pytest.CaptureFixture[str]) -> None:
    async def script(phone: Phone) -> None:
        await phone.greet()
        update = await phone.hear("session.update")
        assert update["session"]["output_modalities"] == ["text"]
        item = (await phone.hear("conversation.item.create"))["item"]
        await phone.hear("response.create")
        await phone.say(
            say.added(item),
            say.created("resp_1"),
            say.text_done("resp_1", "item_a", "열두 시입니다."),
            say.done("resp_1"),
        )
        await phone.hear_goodbye()

    async with ScriptedServer(script) as server:
        assert await run(server.url, text="몇 시예요?", language="ko") == talk.OK
    assert capsys.readouterr().out.splitlines()[1:] == ["나: 몇 시예요?", "목소리: 열두 시입니다."]


async def test_a_typed_question_with_a_file_for_the_voice(tmp_path: Path) -> None:
    async def script(phone: Phone) -> None:
        await phone.greet()
        update = await phone.hear("session.update")
        assert "output_modalities" not in update["session"]
        await phone.hear("conversation.item.create")
        await phone.hear("response.create")
        await phone.say(
            say.created("resp_1"), say.audio_delta("resp_1", "item_a", ANSWER), say.done("resp_1")
        )
        await phone.hear_goodbye()

    async with ScriptedServer(script) as server:
        assert await run(server.url, text="Hi", out=tmp_path / "a.wav") == talk.OK
    assert wav.read((tmp_path / "a.wav").read_bytes()).pcm == ANSWER


async def test_a_call_that_drops_in_the_middle_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    retry_at_once(monkeypatch)

    async def before(phone: Phone) -> None:
        await phone.greet()
        await phone.hear("session.update")
        await phone.say({"type": "session.updated", "session": say.session()})
        await phone.hear_audio(200)
        phone.drop()

    async def after(phone: Phone) -> None:
        await phone.greet(resume={"ok": True, "input_audio_ms": 200, "gap": False})
        await phone.hear_voice_end()
        await phone.say(say.committed("item_q"), say.created("resp_1"))
        await phone.say(say.audio_delta("resp_1", "item_a", ANSWER), say.done("resp_1"))
        await phone.hear_goodbye()

    async with ScriptedServer(before, after) as server:
        assert await run(server.url, file=question(tmp_path / "q.wav")) == talk.OK
        first, second = server.phones
        heard = first.audio[: 200 * 48] + second.audio
        assert heard.startswith(silence(100) + tone(300) + silence(200))


def retry_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def impatient(*args: Any, **options: Any) -> VoiceClient:
        return VoiceClient(*args, **{"base_delay": 0.0, **options})

    monkeypatch.setattr(talk, "VoiceClient", impatient)


async def test_a_server_that_goes_away_in_mid_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    retry_at_once(monkeypatch)

    async def script(phone: Phone) -> None:
        await phone.greet()
        await phone.hear_audio(0)
        await phone.hear("session.update")
        phone.drop()

    async with ScriptedServer(script) as server:
        assert await run(server.url, file=question(tmp_path / "q.wav")) == talk.GONE
    err = capsys.readouterr().err
    assert err.startswith(
        f"The server at {server.url} went away in the middle of the call and did not come back."
    )
    assert err.count("\n") == 1


async def test_no_answer_is_said_after_the_patience(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def script(phone: Phone) -> None:
        await phone.greet()
        await phone.hear("session.update")
        await phone.hear_goodbye()

    async with ScriptedServer(script) as server:
        assert await run(server.url, text="Hi", patience=0.05) == talk.NO_ANSWER
    assert capsys.readouterr().err == "No answer came within 0.05 seconds. The server's log tells why.\n"


async def test_an_answer_that_fails_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    async def script(phone: Phone) -> None:
        await phone.greet()
        await phone.hear("session.update")
        await phone.hear("conversation.item.create")
        details = {"type": "failed", "error": {"type": "server_error", "message": "The model is warming."}}
        await phone.say(say.created("resp_1"), say.done("resp_1", "failed", status_details=details))
        await phone.hear("response.create")
        await phone.hear_goodbye()

    async with ScriptedServer(script) as server:
        assert await run(server.url, text="Hi") == talk.NO_ANSWER
    assert capsys.readouterr().err == "The server could not answer: The model is warming.\n"


@pytest.mark.parametrize(
    ("refusal", "code", "sentence"),
    [
        (Refusal(401, "invalid_api_key", "No."), talk.WRONG_KEY, "does not accept this key"),
        (Refusal(404, "model_not_found", "No."), talk.UNKNOWN_MODEL, "has no model named 'nope'"),
        (Refusal(503), talk.NO_ANSWER, "has no room or is shutting down"),
    ],
)
async def test_refusals_are_one_sentence_and_a_code_of_their_own(
    refusal: Refusal, code: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with ScriptedServer(refusal) as server:
        assert await run(server.url, "bad", "nope", text="Hi") == code
    err = capsys.readouterr().err
    assert sentence in err
    assert err.count("\n") == 1


async def test_nobody_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("ws://127.0.0.1:9/v1/realtime", text="Hi") == talk.UNREACHABLE
    err = capsys.readouterr().err
    assert err.startswith("No server answers at ws://127.0.0.1:9/v1/realtime. Start one with `moksori serve`")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "There is no file"),
        (b"not a wav", "cannot be read as a WAV"),
        (b"", "cannot be read as a WAV"),
        (wav.write(silence(500), 24_000), "There is no voice in"),
    ],
)
async def test_a_question_that_cannot_be_asked(
    tmp_path: Path, content: bytes | None, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "q.wav"
    if content is not None:
        path.write_bytes(content)
    assert await run("ws://127.0.0.1:9", file=path) == talk.USAGE
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        {"file": "q.wav", "text": "Hi"},
        {"out": "a.wav"},
        {"text": "Hi", "out": "a.wav", "stereo": True},
        {"text": "Hi", "out": "no/such/folder/a.wav"},
    ],
)
async def test_options_that_do_not_go_together(
    options: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run("ws://127.0.0.1:9", **options) == talk.USAGE
    assert capsys.readouterr().err.count("\n") == 1


async def test_no_microphone_says_what_to_use_instead(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    assert await run("ws://127.0.0.1:9") == talk.NO_DEVICE
    assert "use --file or --text" in capsys.readouterr().err


class Devices:
    """A microphone that says one thing, and a speaker that swallows."""

    def __init__(self, pcm: bytes) -> None:
        self._pcm = pcm

    def __call__(self, on_audio: Callable[[bytes], None]) -> Devices:
        self._on_audio = on_audio
        return self

    def open(self, pull: Pull | None = None) -> None:
        if pull is None:
            self._on_audio(self._pcm)

    def close(self) -> None: ...


async def test_a_call_by_microphone_shows_the_dialogue_as_it_happens(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    devices = Devices(tone(300) + silence(300))

    def with_devices(*args: Any, **options: Any) -> VoiceClient:
        return VoiceClient(*args, microphone=devices, speaker=devices, base_delay=0.0, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(talk, "VoiceClient", with_devices)

    async def before(phone: Phone) -> None:
        await phone.greet()
        await phone.hear("session.update")
        await phone.say({"type": "session.updated", "session": say.session()})
        await phone.hear_voice_end()
        await phone.say(say.committed("item_q"), say.added(say.spoken("item_q")), say.created("resp_1"))
        await phone.say(
            say.words_delta("resp_1", "item_a", "It is "), say.audio_delta("resp_1", "item_a", ANSWER)
        )
        phone.drop()

    async def after(phone: Phone) -> None:
        await phone.greet(resume={"ok": True, "input_audio_ms": 600, "gap": False})
        call = say.function_call("item_f", "call_1", "clock", "{}")
        await phone.say(
            say.heard("item_q", "What time is it?"),
            say.item_done("resp_1", call),
            say.words_done("resp_1", "item_a", "It is noon."),
            say.error("rate_limit_exceeded", "Slowly, please."),
            say.done("resp_1"),
        )
        await phone.close(1000, "Thank you for calling.")

    async with ScriptedServer(before, after) as server:
        assert await run(server.url) == talk.OK
    lines = [line.strip() for line in capsys.readouterr().out.splitlines() if line.strip()]
    for expected in (
        "Speak; Ctrl-C hangs up.",
        "The line broke; trying again in 0 s (1 of 3).",
        "The line is back; the call goes on.",
        "You: What time is it?",
        "Tool: clock({})",
        "Voice: It is noon.",
        "The server reports: Slowly, please.",
    ):
        assert expected in lines
    assert lines[-1] == "The server ended the call. Thank you for calling."
    assert any(line.startswith("voice to voice ") for line in lines)


async def test_ctrl_c_hangs_up_politely() -> None:
    """A real process, as a signal goes to the whole of one."""
    heard: list[int] = []

    async def script(phone: Phone) -> None:
        await phone.greet()
        await phone.hear("session.update")
        await phone.hear("conversation.item.create")
        process.send_signal(signal.SIGINT)
        await phone.hear("response.create")
        heard.append(await phone.hear_goodbye())

    async with ScriptedServer(script) as server:
        program = "import sys; from moksori.client.talk import main_talk; sys.exit(main_talk(sys.argv[1], text='Hi'))"
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            program,
            server.url,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "LANG": "C.UTF-8"},
        )
        out, err = await process.communicate()
    assert heard == [1000]
    assert process.returncode == talk.INTERRUPTED
    assert out.decode().splitlines()[-1] == "Goodbye."
    assert err == b""
