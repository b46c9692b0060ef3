"""Whole calls of the client against a scripted server over real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from moksori.client import ConnectFailed, Problem, VoiceClient
from moksori.client.devices import DeviceRefused, Refusal
from moksori.client.recovery import Cause, Connected, Disconnected, Reconnecting
from moksori.client.speaker import Pull
from moksori.protocol import server_events as s
from tests.unit.client import scripted as say
from tests.unit.client.scripted import Phone, ScriptedServer
from tests.unit.client.scripted import Refusal as Refuse
from tests.unit.client.tones import counted, silence, tone


def calling(server: ScriptedServer, **options: Any) -> VoiceClient:
    """A client that retries at once."""
    return VoiceClient(server.url, **{"key": "k", "base_delay": 0.0, "dial_timeout": 5.0, **options})


class Told:
    """Collects what a client tells, and waits for it."""

    def __init__(self, client: VoiceClient, *names: str) -> None:
        self.events: list[tuple[str, Any]] = []
        self._changed = asyncio.Event()
        for name in names:
            client.on(name, self._taker(name))

    def _taker(self, name: str) -> Callable[[Any], None]:
        def take(event: Any) -> None:
            self.events.append((name, event))
            self._changed.set()

        return take

    async def first(self, name: str) -> Any:
        return await self.nth(name, 1)

    async def nth(self, name: str, n: int) -> Any:
        """The n-th event of this name, when it has come."""
        async with asyncio.timeout(say.PATIENCE):
            while len(come := [event for told, event in self.events if told == name]) < n:
                self._changed.clear()
                await self._changed.wait()
        return come[n - 1]

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.events]


class Speakers:
    """A speaker that plays when it is told to."""

    def __init__(self) -> None:
        self.pull: Pull = bytes

    def open(self, pull: Pull) -> None:
        self.pull = pull

    def close(self) -> None: ...


async def test_a_typed_turn() -> None:
    async def script(phone: Phone) -> None:
        await phone.greet()
        update = await phone.hear("session.update")
        assert update["session"]["type"] == "realtime"
        assert update["session"]["audio"]["input"]["transcription"]["language"] == "en"
        await phone.say({"type": "session.updated", "session": say.session()})
        item = (await phone.hear("conversation.item.create"))["item"]
        assert item["content"] == [{"type": "input_text", "text": "Hello"}]
        await phone.hear("response.create")
        await phone.say(say.created("resp_1"), say.text_done("resp_1", "item_a", "Hi."), say.done("resp_1"))
        assert await phone.hear_goodbye() == 1000

    async with ScriptedServer(script) as server:
        async with calling(server, language="en") as client:
            await client.send_text_message("Hello")
            types = []
            async for event in client:
                types.append(event.type)
                if isinstance(event, s.ResponseDone):
                    break
        assert types == [
            "session.created",
            "session.updated",
            "response.created",
            "response.output_text.done",
            "response.done",
        ]
        assert server.phones[0].headers["Authorization"] == "Bearer k"
        assert server.phones[0].query == {"model": "moksori-local", "holds": "1"}
        assert "Sec-WebSocket-Protocol" not in server.phones[0].headers


async def test_a_call_that_drops_is_resumed_with_no_audio_lost_or_doubled() -> None:
    async def before(phone: Phone) -> None:
        await phone.greet()
        await phone.hear("session.update")
        await phone.say({"type": "session.updated", "session": say.session()})
        await phone.hear_audio(300)
        await phone.say({**say.speech_started("item_q"), "event_id": "event_last"})
        phone.drop()

    async def after(phone: Phone) -> None:
        assert phone.query["session_id"] == "sess_1"
        assert phone.query["last_event_id"] == "event_last"
        await phone.greet(resume={"ok": True, "input_audio_ms": 260, "gap": False})
        await phone.say(say.speech_stopped("item_q"))
        await phone.hear_audio(1000 - 260)
        await phone.say(say.committed("item_q"))

    async with ScriptedServer(before, after) as server:
        async with calling(server) as client:
            told = Told(client, "connected", "reconnecting", "input_audio_buffer.committed")
            for at in range(50):
                await client.send_audio(counted(20, first=1 + at * 480))
                if at == 15:
                    await told.first("reconnecting")
            await told.first("input_audio_buffer.committed")
            assert told.names == ["reconnecting", "connected", "input_audio_buffer.committed"]
            assert (await told.first("connected")).resumed
        first, second = server.phones
        assert first.audio[: 260 * 48] + second.audio == counted(1000)


async def test_a_message_lost_with_the_line_is_sent_again_once() -> None:
    async def before(phone: Phone) -> None:
        await phone.greet()
        await phone.hear("session.update")
        await phone.say({"type": "session.updated", "session": say.session()})
        await phone.hear("conversation.item.create")
        phone.drop()

    async def after(phone: Phone) -> None:
        await phone.greet(resume={"ok": True, "input_audio_ms": 0, "gap": False})
        question = await phone.hear("conversation.item.retrieve")
        await phone.say(say.error("item_retrieve_invalid_item_id", "No such item.", question["event_id"]))
        item = (await phone.hear("conversation.item.create"))["item"]
        await phone.hear("response.create")
        await phone.say(say.added(item), say.created("resp_1"), say.done("resp_1"))
        await phone.hear_goodbye()

    async with ScriptedServer(before, after) as server, calling(server) as client:
        told = Told(client, "error", "response.done")
        await client.send_text_message("Hello")
        await told.first("response.done")
        assert told.names == ["response.done"]  # the question's refusal is nobody's business


async def test_secrets_are_renewed_for_every_dial() -> None:
    async def before(phone: Phone) -> None:
        await phone.greet()
        phone.drop()

    async def after(phone: Phone) -> None:
        await phone.greet(resume={"ok": True, "input_audio_ms": 0, "gap": False})
        await phone.hear_goodbye()

    given: list[str] = []

    async def get_secret() -> str:
        given.append(f"ek_{len(given) + 1}")
        return given[-1]

    async with ScriptedServer(before, after) as server:
        client = calling(server, key=None, get_secret=get_secret)
        told = Told(client, "connected", "reconnecting")
        async with client:
            await told.first("reconnecting")
            await told.nth("connected", 2)
        assert [phone.headers["Authorization"] for phone in server.phones] == ["Bearer ek_1", "Bearer ek_2"]


async def test_a_server_without_resume_gets_the_session_configured_again() -> None:
    async def before(phone: Phone) -> None:
        await phone.greet("sess_1")
        await phone.hear("session.update")
        phone.drop()

    async def after(phone: Phone) -> None:
        await phone.greet("sess_2")
        update = await phone.hear("session.update")
        assert update["session"]["instructions"] == "Be kind."
        await phone.hear_goodbye()

    async with ScriptedServer(before, after) as server:
        client = calling(server, session={"instructions": "Be kind."})
        told = Told(client, "connected")
        async with client:
            await told.nth("connected", 2)
            assert [event for _, event in told.events] == [
                Connected("sess_1", resumed=False, gap=False),
                Connected("sess_2", resumed=False, gap=False),
            ]
            assert client.session_id == "sess_2"


@pytest.mark.parametrize(
    ("code", "cause"),
    [(1000, Cause.CLOSED), (1008, Cause.REFUSED), (4401, Cause.WRONG_KEY), (4404, Cause.SESSION_GONE)],
)
async def test_codes_that_make_a_retry_pointless_end_the_call(code: int, cause: Cause) -> None:
    async def script(phone: Phone) -> None:
        await phone.greet()
        await phone.close(code, "over")

    async with ScriptedServer(script) as server, calling(server) as client:
        told = Told(client, "reconnecting", "disconnected")
        gone: Disconnected = await told.first("disconnected")
        assert (gone.failure.cause, gone.failure.code, gone.failure.detail) == (cause, code, "over")
        assert told.names == ["disconnected"]
        assert [event async for event in client][-1].type == "session.created"


async def test_a_session_at_its_longest_is_not_dialled_again() -> None:
    async def script(phone: Phone) -> None:
        await phone.greet()
        await phone.say(say.error("session_expired", "Your session hit the maximum duration of 60 minutes."))
        await phone.close(1001, "Your session hit the maximum duration of 60 minutes.")

    async with ScriptedServer(script) as server, calling(server) as client:
        gone: Disconnected = await Told(client, "disconnected").first("disconnected")
        assert gone.failure.cause is Cause.EXPIRED


async def test_retries_are_used_up_then_the_call_is_over() -> None:
    async def script(phone: Phone) -> None:
        await phone.greet()
        phone.drop()

    async with (
        ScriptedServer(script, Refuse(503), Refuse(503), Refuse(503)) as server,
        calling(server) as client,
    ):
        told = Told(client, "reconnecting", "disconnected")
        gone: Disconnected = await told.first("disconnected")
        assert gone.failure.cause is Cause.BUSY
        retries = [event for name, event in told.events if name == "reconnecting"]
        assert [retry.attempt for retry in retries if isinstance(retry, Reconnecting)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("refusal", "cause"),
    [
        (Refuse(401, "invalid_api_key", "Wrong key."), Cause.WRONG_KEY),
        (Refuse(404, "model_not_found", "No such model."), Cause.UNKNOWN_MODEL),
        (Refuse(429), Cause.BUSY),
    ],
)
async def test_a_refused_upgrade_is_told_by_its_cause(refusal: Refuse, cause: Cause) -> None:
    async with ScriptedServer(refusal) as server:
        with pytest.raises(ConnectFailed) as caught:
            await calling(server).connect()
        assert caught.value.failure.cause is cause
        assert server.url in caught.value.message


async def test_an_error_in_place_of_the_greeting_is_told_by_its_code() -> None:
    async def script(phone: Phone) -> None:
        await phone.say(say.error("model_not_found", "There is no model 'x'."))
        await phone.close(1008)

    async with ScriptedServer(script) as server:
        with pytest.raises(ConnectFailed) as caught:
            await calling(server).connect()
        assert caught.value.failure.cause is Cause.UNKNOWN_MODEL


async def test_nobody_there_and_no_address() -> None:
    with pytest.raises(ConnectFailed) as caught:
        await VoiceClient("ws://127.0.0.1:9/v1/realtime").connect()
    assert caught.value.failure.cause is Cause.UNREACHABLE
    with pytest.raises(ConnectFailed) as caught:
        await VoiceClient("nonsense").connect()
    assert caught.value.failure.cause is Cause.BAD_URL


async def test_a_greeting_that_never_comes_is_a_timeout() -> None:
    async def script(phone: Phone) -> None:
        await phone.hear_goodbye()

    async with ScriptedServer(script) as server:
        with pytest.raises(ConnectFailed) as caught:
            await calling(server, dial_timeout=0.05).connect()
        assert caught.value.failure.cause is Cause.TIMEOUT


async def test_barge_in_empties_the_speaker_and_tells_what_was_heard() -> None:
    played = asyncio.Event()

    async def script(phone: Phone) -> None:
        await phone.greet()
        await phone.hear("session.update")
        await phone.say(say.created("resp_1"), say.audio_delta("resp_1", "item_a", counted(1000)))
        await played.wait()
        await phone.say(say.speech_started("item_q"))
        truncate = await phone.hear("conversation.item.truncate")
        assert (truncate["item_id"], truncate["audio_end_ms"]) == ("item_a", 340)
        await phone.say(say.audio_delta("resp_1", "item_a", counted(200)), say.done("resp_1", "cancelled"))
        await phone.hear_goodbye()

    async with ScriptedServer(script) as server:
        speaker = Speakers()
        async with calling(server, speaker=speaker) as client:
            told = Told(client, "response.output_audio.delta", "response.done")
            assert await client.start_speaker()
            await told.first("response.output_audio.delta")
            assert speaker.pull(340 * 24) == counted(340)
            played.set()
            await told.first("response.done")
            assert speaker.pull(480) == silence(20)
            assert not client.playing


async def test_where_the_session_forbids_interruption_speech_stops_nothing() -> None:
    async def script(phone: Phone) -> None:
        vad = say.session()
        vad["audio"]["input"]["turn_detection"]["interrupt_response"] = False
        await phone.say({"type": "session.created", "session": vad})
        await phone.hear("session.update")
        await phone.say(say.created("resp_1"), say.audio_delta("resp_1", "item_a", counted(200)))
        await phone.say(say.speech_started("item_q"), say.speech_stopped("item_q"))
        assert await phone.hear_goodbye() == 1000

    async with ScriptedServer(script) as server:
        speaker = Speakers()
        client = calling(server, speaker=speaker)
        told = Told(client, "input_audio_buffer.speech_stopped")
        await client.start_speaker()
        async with client:
            await told.first("input_audio_buffer.speech_stopped")
            assert speaker.pull(200 * 24) == counted(200)


async def test_typing_cuts_an_answer_off_before_asking() -> None:
    async def script(phone: Phone) -> None:
        await phone.greet()
        await phone.hear("session.update")
        await phone.say(say.created("resp_1"), say.audio_delta("resp_1", "item_a", counted(100)))
        await phone.hear("response.cancel")
        truncate = await phone.hear("conversation.item.truncate")
        assert truncate["audio_end_ms"] == 0
        await phone.hear("conversation.item.create")
        await phone.hear("response.create")
        await phone.say(say.error("response_cancel_not_active", "Cancellation failed.", None))
        await phone.say(say.done("resp_1", "cancelled"))
        await phone.hear_goodbye()

    async with ScriptedServer(script) as server:
        client = calling(server, speaker=Speakers())
        told = Told(client, "error", "response.output_audio.delta", "response.done")
        await client.start_speaker()
        async with client:
            await told.first("response.output_audio.delta")
            await client.send_text_message("Stop.")
            await told.first("response.done")
        assert "error" not in told.names  # an ordinary race


async def test_a_function_call_is_answered_and_the_model_goes_on() -> None:
    call = say.function_call("item_f", "call_1", "order_status", '{"order": "W1"}')

    async def script(phone: Phone) -> None:
        await phone.greet()
        update = await phone.hear("session.update")
        assert update["session"]["tools"] == [
            {
                "type": "function",
                "name": "order_status",
                "description": "Where an order is.",
                "parameters": {"type": "object"},
            }
        ]
        await phone.say(say.created("resp_1"))
        await phone.say(say.item_done("resp_1", call), say.done("resp_1", output=[call]))
        output = (await phone.hear("conversation.item.create"))["item"]
        assert (output["type"], output["call_id"]) == ("function_call_output", "call_1")
        assert json.loads(output["output"]) == {"order": "W1", "status": "운송 중"}
        await phone.hear("response.create")
        await phone.say(say.created("resp_2"), say.done("resp_2"))
        await phone.hear_goodbye()

    async with ScriptedServer(script) as server:
        client = calling(server)

        @client.tool("order_status", {"type": "object"}, "Where an order is.")
        async def order_status(order: str) -> dict[str, str]:
            return {"order": order, "status": "운송 중"}

        told = Told(client, "response.done")
        async with client:
            await told.nth("response.done", 2)
            assert not client.answering


async def test_a_function_that_raises_is_told_to_the_model_and_to_the_application() -> None:
    call = say.function_call("item_f", "call_1", "order_status", "{}")

    async def script(phone: Phone) -> None:
        await phone.greet()
        await phone.hear("session.update")
        await phone.say(say.created("resp_1"), say.item_done("resp_1", call), say.done("resp_1"))
        output = (await phone.hear("conversation.item.create"))["item"]["output"]
        assert json.loads(output) == {"error": "KeyError: 'W9'"}
        await phone.hear("response.create")

    async with ScriptedServer(script) as server:
        client = calling(server)

        @client.tool("order_status", {})
        def order_status() -> str:
            raise KeyError("W9")

        told = Told(client, "error")
        async with client:
            problem: Problem = await told.first("error")
            assert problem.code == "tool"


async def test_the_servers_own_tools_are_left_alone() -> None:
    call = say.function_call("item_f", "call_1", "find_order", "{}")

    async def script(phone: Phone) -> None:
        await phone.greet()
        await phone.hear("session.update")
        await phone.say(say.created("resp_1"), say.item_done("resp_1", call), say.done("resp_1"))
        assert await phone.hear_goodbye() == 1000

    async with ScriptedServer(script) as server, calling(server) as client:
        await Told(client, "response.done").first("response.done")
        assert not client.answering


class Microphones:
    """Stands for a microphone; `hear` is what the device's thread would call."""

    def __init__(self, refusal: Refusal | None = None) -> None:
        self._refusal = refusal
        self.hear: Callable[[bytes], None] = lambda pcm: None
        self.open_now = False

    def __call__(self, on_audio: Callable[[bytes], None]) -> Any:
        self.hear = on_audio
        return self

    def open(self) -> None:
        if self._refusal is not None:
            raise DeviceRefused(self._refusal, "no such thing")
        self.open_now = True

    def close(self) -> None:
        self.open_now = False


async def test_what_is_said_before_the_line_stands_is_not_lost_and_stopping_ends_the_turn() -> None:
    async def script(phone: Phone) -> None:
        await phone.greet()
        await phone.hear("session.update")
        await phone.hear_audio(60 + 1000)
        await phone.say(say.committed("item_q"))
        await phone.hear_goodbye()

    async with ScriptedServer(script) as server:
        microphone = Microphones()
        client = calling(server, microphone=microphone, speaker=Speakers())
        told = Told(client, "input_audio_buffer.committed")
        assert await client.start_microphone()
        await asyncio.to_thread(microphone.hear, counted(60))
        async with client:
            await client.stop_microphone()
            assert not microphone.open_now
            assert client.connected  # stopping the microphone does not end the call
            await told.first("input_audio_buffer.committed")
        assert server.phones[0].audio == counted(60) + silence(1000)


async def test_a_refused_microphone_is_false_and_a_sentence() -> None:
    client = VoiceClient(microphone=Microphones(Refusal.NO_DEVICE), language="ko")
    told = Told(client, "error")
    assert await client.start_microphone() is False
    problem: Problem = await told.first("error")
    assert problem.code == "microphone.no_device"
    assert "마이크를 찾지 못했습니다" in problem.message


async def test_latency_is_told_once_a_turn() -> None:
    async def script(phone: Phone) -> None:
        await phone.greet()
        await phone.hear("session.update")
        await phone.hear_audio(400)
        await phone.say(say.created("resp_1"), say.audio_delta("resp_1", "item_a", silence(100)))
        await phone.say(say.audio_delta("resp_1", "item_a", tone(100)))
        await phone.say(say.audio_delta("resp_1", "item_a", tone(100)), say.done("resp_1"))
        await phone.hear_goodbye()

    async with ScriptedServer(script) as server, calling(server) as client:
        told = Told(client, "latency", "response.done")
        await client.send_audio(tone(200) + silence(200))
        await told.first("response.done")
        assert told.names == ["latency", "response.done"]
        turn = await told.first("latency")
        assert turn.ms - turn.first_byte_ms in range(99, 102)  # the silence the answer begins with


async def test_events_that_cannot_be_read_end_nothing() -> None:
    async def script(phone: Phone) -> None:
        await phone.greet()
        await phone.hear("session.update")
        await phone.say({"type": "response.created", "response": 7}, {"type": "vendor.special", "x": 1})
        await phone.say(say.audio_delta("r", "i", b"") | {"delta": "not base64!"}, say.done("resp_1"))
        await phone.hear_goodbye()

    async with ScriptedServer(script) as server, calling(server) as client:
        told = Told(client, "error", "vendor.special", "response.done")
        await told.first("response.done")
        assert told.names == ["error", "vendor.special", "error", "response.done"]


async def test_a_handler_that_raises_harms_nobody() -> None:
    async def script(phone: Phone) -> None:
        await phone.greet()
        await phone.hear("session.update")
        await phone.say(say.done("resp_1"))
        await phone.hear_goodbye()

    def broken(event: object) -> None:
        raise RuntimeError("mine")

    async with ScriptedServer(script) as server:
        client = calling(server)
        client.on("response.done", broken)
        told = Told(client, "response.done")
        async with client:
            await told.first("response.done")


async def test_a_second_call_with_the_same_client() -> None:
    async def script(phone: Phone) -> None:
        await phone.greet()
        await phone.hear("session.update")
        assert phone.query.get("session_id") is None
        await phone.hear_goodbye()

    async with ScriptedServer(script, script) as server:
        client = calling(server)
        for _ in range(2):
            await client.connect()
            await client.disconnect()
            await client.disconnect()


async def test_nothing_is_left_behind_after_hanging_up() -> None:
    async def script(phone: Phone) -> None:
        await phone.greet()
        await phone.hear("session.update")
        await phone.hear_goodbye()

    async with ScriptedServer(script) as server:
        before = asyncio.all_tasks()
        client = calling(server)
        await client.connect()
        await client.send_audio(tone(20))
        await client.disconnect()
        mine = {task for task in asyncio.all_tasks() - before if "moksori" in repr(task.get_coro())}
        assert not mine
