"""The wire over a real socket: order, back-pressure, closing, and clients that misbehave."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
from collections.abc import Callable

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from moksori.server import wire as wire_module
from moksori.server.handshake import Reception
from moksori.server.wire import HARD_LIMIT, HIGH_WATER

from .conftest import Running, ScriptedSession, Start


async def until(condition: Callable[[], bool]) -> None:
    """Give the loop turns until `condition`; a hang is the suite's time-out, not a guess at a duration."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - conditions of many kinds, none of which has an event
            await asyncio.sleep(0.005)


async def call(server: Running, **options: object) -> ClientConnection:
    return await connect(server.address.ws, **{"compression": None, "max_size": None, **options})


async def test_messages_go_both_ways_in_order(start: Start) -> None:
    server = await start()
    server.sessions.on_message = lambda session, data: session.wire.send(data.upper())
    async with await call(server) as client:
        for number in range(200):
            await client.send(f"event {number} 네")
        assert [await client.recv() for _ in range(200)] == [f"EVENT {number} 네" for number in range(200)]


async def test_what_is_sent_while_opening_comes_first(start: Start) -> None:
    server = await start()
    server.sessions.on_open = lambda session: session.wire.send(b"created")
    async with await call(server) as client:
        assert await client.recv() == "created"


async def test_close_flushes_first_and_is_told_once(start: Start) -> None:
    server = await start()

    def finish(session: ScriptedSession, data: bytes) -> None:
        for number in range(50):
            session.wire.send(f"{number}".encode())
        session.wire.close(1000, "all said")
        session.wire.close(1011, "again")
        session.wire.send(b"too late")

    server.sessions.on_message = finish
    client = await call(server)
    await client.send("go")
    assert [await client.recv() for _ in range(50)] == [str(number) for number in range(50)]
    with pytest.raises(ConnectionClosed):
        await client.recv()
    assert (client.close_code, client.close_reason) == (1000, "all said")
    (session,) = server.sessions.opened
    await until(lambda: bool(session.closes))
    assert session.closes == [(1000, "all said")]


async def test_a_long_reason_is_cut_to_what_a_close_frame_holds(start: Start) -> None:
    server = await start()
    server.sessions.on_open = lambda session: session.wire.close(4000, "가" * 100)
    client = await call(server)
    await client.wait_closed()
    assert (client.close_code, client.close_reason) == (4000, "가" * 41)


@pytest.mark.parametrize(("code", "seen"), [(1000, 1000), (4001, 4001)])
async def test_the_clients_close_reaches_the_session(start: Start, code: int, seen: int) -> None:
    server = await start()
    client = await call(server)
    await client.close(code, "bye")
    await until(lambda: bool(server.sessions.opened[0].closes))
    assert server.sessions.opened[0].closes == [(seen, "bye")]


async def test_a_client_that_vanishes_is_1006_even_while_reading_is_paused(start: Start) -> None:
    server = await start()
    client = await call(server)
    await until(lambda: bool(server.sessions.opened))
    (session,) = server.sessions.opened
    session.wire.reading(False)
    client.transport.abort()
    await until(lambda: bool(session.closes))
    assert session.closes == [(1006, "")]


async def test_a_binary_frame_is_refused_and_the_session_lives_on(start: Start) -> None:
    server = await start()
    async with await call(server) as client:
        await client.send(b"\x00\x01")
        error = json.loads(await client.recv())
        assert error["type"] == "error"
        assert error["error"]["code"] == "invalid_event"
        assert "base64" in error["error"]["message"]
        await client.send("still here")
        await until(lambda: server.sessions.opened[0].messages == [b"still here"])


async def test_a_message_over_the_limit_ends_the_connection_with_1009(start: Start) -> None:
    server = await start(limits={"max_message_bytes": 2048})
    client = await call(server)
    await client.send("x" * 2048)
    await until(lambda: bool(server.sessions.opened[0].messages))
    await client.send(["x" * 1500, "y" * 1500])
    await client.wait_closed()
    assert client.close_code == 1009
    await until(lambda: bool(server.sessions.opened[0].closes))
    assert server.sessions.opened[0].closes[0][0] == 1009
    assert len(server.sessions.opened[0].messages) == 1


async def test_reading_false_stops_messages_until_true(start: Start) -> None:
    server = await start()
    server.sessions.on_message = lambda session, data: session.wire.reading(len(session.messages) != 1)
    async with await call(server) as client:
        for number in range(5):
            await client.send(str(number))
        assert (await client.ping()) is not None
        (session,) = server.sessions.opened
        await until(lambda: bool(session.messages))
        assert session.messages == [b"0"]
        session.wire.reading(True)
        await until(lambda: len(session.messages) == 5)
        assert session.messages == [b"0", b"1", b"2", b"3", b"4"]


async def test_no_compression_is_agreed_though_offered(start: Start) -> None:
    server = await start()
    async with await call(server, compression="deflate") as client:
        assert "sec-websocket-extensions" not in client.response.headers


async def test_a_failing_session_closes_with_1011_and_the_server_lives_on(start: Start) -> None:
    server = await start()

    def fail(session: ScriptedSession, data: bytes) -> None:
        raise LookupError("a bug")

    server.sessions.on_message = fail
    client = await call(server)
    await client.send("x")
    await client.wait_closed()
    assert client.close_code == 1011
    server.sessions.on_message = None
    async with await call(server) as second:
        await second.send("y")
        await until(lambda: server.sessions.opened[1].messages == [b"y"])


async def deaf_client(server: Running) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A client that shakes hands and then takes nothing off its socket until the test reads."""
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.setblocking(False)
    await asyncio.get_running_loop().sock_connect(plain, (server.address.host, server.address.port))
    reader, writer = await asyncio.open_connection(sock=plain, limit=2048)
    writer.write(
        b"GET /v1/realtime HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def test_a_slow_client_is_told_of_and_recovers(start: Start) -> None:
    server = await start()
    reader, writer = await deaf_client(server)
    (session,) = server.sessions.opened
    while not session.writable_calls:
        session.wire.send(b"x" * 10_000)
        await asyncio.sleep(0)
    assert session.writable_calls == [False]
    assert session.wire.queued <= HIGH_WATER + 10_000
    while len(session.writable_calls) < 2:
        await reader.read(65536)
    assert session.writable_calls == [False, True]
    assert not session.closes
    writer.close()


async def test_a_client_that_stays_deaf_is_closed_1013_and_its_memory_freed(start: Start) -> None:
    server = await start(limits={"stall_s": 0.2})
    _, writer = await deaf_client(server)
    (session,) = server.sessions.opened
    while not session.writable_calls:
        session.wire.send(b"x" * 10_000)
        await asyncio.sleep(0)
    await until(lambda: bool(session.closes))
    assert session.closes[0][0] == 1013
    # The connection is cut too, and what the client never took goes with it.
    await until(lambda: not server.http.server_state.connections)
    writer.close()


async def test_a_session_that_does_not_stop_loses_its_deaf_client_at_once(start: Start) -> None:
    server = await start()
    _, writer = await deaf_client(server)
    (session,) = server.sessions.opened
    most = 0
    while not session.closes:
        session.wire.send(b"x" * 65536)
        most = max(most, session.wire.queued)
        await asyncio.sleep(0)
    assert session.closes[0][0] == 1013
    assert most <= HARD_LIMIT + 2 * 65536
    writer.close()


async def test_one_message_larger_than_the_hard_limit_is_no_offence(start: Start) -> None:
    server = await start()
    async with await call(server) as client:
        await until(lambda: bool(server.sessions.opened))
        (session,) = server.sessions.opened
        session.wire.send(b"x" * (2 * HARD_LIMIT))
        session.wire.send(b"more")
        assert len(await client.recv()) == 2 * HARD_LIMIT
        assert await client.recv() == "more"


async def test_close_does_not_wait_for_ever_for_a_deaf_client(start: Start) -> None:
    server = await start(limits={"stall_s": 0.2})
    _, writer = await deaf_client(server)
    (session,) = server.sessions.opened
    session.wire.send(b"x" * 3_000_000)
    session.wire.close(1000, "done")
    await until(lambda: bool(session.closes))
    assert session.closes == [(1000, "done")]
    await until(lambda: not server.http.server_state.connections)
    writer.close()


async def test_a_client_that_answers_no_ping_is_cut_off(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moksori.server.run.PING_S", 0.1)
    monkeypatch.setattr(wire_module, "ABORT_GRACE_S", 0.1)
    server = await start()
    _, writer = await deaf_client(server)
    (session,) = server.sessions.opened
    while session.wire.queued < 20_000:  # stuck, but below the high-water mark: only the ping can tell
        session.wire.send(b"x" * 10_000)
        await asyncio.sleep(0)
    await until(lambda: bool(session.closes))
    assert session.closes == [(1006, "")]
    assert session.writable_calls == []
    await until(lambda: not server.http.server_state.connections)
    writer.close()


@pytest.mark.parametrize("odd", [False, True], ids=["plain", "with a body"])
async def test_a_refused_handshake_is_answered_and_is_no_error_of_the_servers(
    start: Start, caplog: pytest.LogCaptureFixture, odd: bool
) -> None:
    server = await start(key=True)
    more = {"Content-Length": "0"} if odd else {}
    with pytest.raises(InvalidStatus) as refused:
        await call(server, additional_headers={"Authorization": "Bearer sk-wrong", **more})
    assert refused.value.response.status_code == 401
    assert b"invalid_api_key" in refused.value.response.body
    await until(lambda: not server.http.server_state.tasks)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_of_the_handshake_nothing_is_left_while_a_call_lasts(start: Start) -> None:
    server = await start()
    gc.collect()
    async with await call(server) as client:
        await client.send("hello")
        await until(lambda: server.sessions.opened[0].messages == [b"hello"])
        assert not server.http.server_state.tasks
        assert server.http.server_state.connections == {server.sessions.opened[0].wire}
        left = [each for each in gc.get_objects() if isinstance(each, (wire_module.Socket, Reception))]
        assert left == []
    await until(lambda: not server.http.server_state.connections)


async def test_nothing_is_left_after_many_connections(start: Start) -> None:
    server = await start()
    before = len(asyncio.all_tasks())
    for _ in range(20):
        async with await call(server) as client:
            await client.send("x")
    await until(lambda: server.sessions.live() == 0 and not server.http.server_state.connections)
    await until(lambda: len(asyncio.all_tasks()) <= before)
    assert not server.http.server_state.tasks
