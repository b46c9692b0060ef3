"""The families of the Autobahn suite that are about what a server does with good and bad frames in a row.

`test_rfc6455` holds single violations; here are sequences: messages of every length and both kinds, fragments and pings
among them, what comes after a violation or after a close, UTF-8 whole and in pieces, and extensions nobody agreed on.
The numbers are Autobahn's (github.com/crossbario/autobahn-testsuite); its cases of an echo server are asked of a
session that echoes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from .conftest import Running, Start
from .test_rfc6455 import BINARY, CLOSE, CONT, PING, PONG, TEXT, close, frame, next_frame

HELLO = frame(TEXT, b"hello")
LIMIT = 4 * 1024 * 1024
REQUEST = (
    b"GET /v1/realtime HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@dataclass
class Line:
    """A client's bytes, and what the echoing session behind the server was told."""

    server: Running
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    head: bytes

    @property
    def told(self) -> list[bytes]:
        return self.server.sessions.opened[-1].messages

    async def answers(self) -> list[tuple[int, bytes]]:
        """Every frame until the server closes the connection; the last one is its close."""
        frames = []
        try:
            while True:
                frames.append(await next_frame(self.reader))
        except (asyncio.IncompleteReadError, ConnectionResetError):
            return frames

    async def sends(self, data: bytes, chop: int | None = None) -> None:
        """In one piece, or in pieces of so many bytes; the server may close before the last."""
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            await self._sends(data, chop)

    async def _sends(self, data: bytes, chop: int | None) -> None:
        for at in range(0, len(data), chop or max(1, len(data))):
            self.writer.write(data[at : at + chop] if chop else data)
            await self.writer.drain()
            if chop:
                await asyncio.sleep(0)


@asynccontextmanager
async def line(server: Running, more: bytes = b"") -> AsyncIterator[Line]:
    server.sessions.on_message = lambda session, data: session.wire.send(data)
    reader, writer = await asyncio.open_connection(server.address.host, server.address.port)
    try:
        async with asyncio.timeout(30):
            writer.write(REQUEST + more + b"\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            yield Line(server, reader, writer, head)
    finally:
        writer.close()


def text(code: int, payload: bytes) -> int | None:
    """The close code of a frame, None for another."""
    return struct.unpack("!H", payload[:2])[0] if code == CLOSE and len(payload) >= 2 else None


# 1 and 9: lengths and limits.

LENGTHS = (0, 125, 126, 127, 128, 65_535, 65_536, 1024 * 1024, LIMIT)


@pytest.mark.parametrize("length", LENGTHS)
async def test_1_9_messages_of_every_length_come_back_whole(start: Start, length: int) -> None:
    server = await start(limits={"max_message_bytes": LIMIT})
    async with line(server) as client:
        await client.sends(frame(TEXT, b"*" * length))
        assert await next_frame(client.reader) == (TEXT, b"*" * length)


@pytest.mark.parametrize("length", LENGTHS)
async def test_1_2_binary_of_every_length_is_refused_and_the_call_goes_on(start: Start, length: int) -> None:
    server = await start(limits={"max_message_bytes": LIMIT})
    async with line(server) as client:
        await client.sends(frame(BINARY, b"\xfe" * length) + HELLO)
        opcode, payload = await next_frame(client.reader)
        assert opcode == TEXT and json.loads(payload)["error"]["code"] == "invalid_event"
        assert await next_frame(client.reader) == (TEXT, b"hello")
        assert client.told == [b"hello"]


@pytest.mark.parametrize("chop", [64, 997, 2048])
@pytest.mark.parametrize("piece", [64, 1300, 65_536, None])
async def test_9_3_to_10_fragments_of_any_size_in_tcp_pieces_of_any_size(
    start: Start, piece: int | None, chop: int
) -> None:
    server = await start(limits={"max_message_bytes": LIMIT})
    message = bytes(ord("a") + n % 26 for n in range(65_536))
    async with line(server) as client:
        await client.sends(b"".join(fragments(message, piece or len(message))), chop)
        assert await next_frame(client.reader) == (TEXT, message)


def fragments(message: bytes, size: int, between: bytes = b"") -> list[bytes]:
    pieces = [message[at : at + size] for at in range(0, len(message), size)] or [b""]
    return [
        frame(TEXT if n == 0 else CONT, piece, fin=n == len(pieces) - 1) + between
        for n, piece in enumerate(pieces)
    ]


async def test_9_7_a_thousand_short_messages_in_order(start: Start) -> None:
    server = await start()
    async with line(server) as client:
        await client.sends(b"".join(frame(TEXT, b"%d" % n) for n in range(1000)))
        for n in range(1000):
            assert await next_frame(client.reader) == (TEXT, b"%d" % n)


# 2 and 5: pings, pongs and fragments; what is sent, and what comes back.

EXCHANGES: dict[str, tuple[bytes, list[tuple[int, bytes]]]] = {
    "2.1 a ping of nothing": (frame(PING), [(PONG, b"")]),
    "2.3 a ping of bytes that are no text": (frame(PING, b"\x00\xff\xfe\xfd"), [(PONG, b"\x00\xff\xfe\xfd")]),
    "2.4 a ping of 125 bytes": (frame(PING, b"\xfe" * 125), [(PONG, b"\xfe" * 125)]),
    "2.7 a pong of nothing, unasked": (frame(PONG) + frame(PING, b"x"), [(PONG, b"x")]),
    "2.8 a pong, unasked": (frame(PONG, b"unasked") + frame(PING, b"x"), [(PONG, b"x")]),
    "2.10 ten pings": (
        b"".join(frame(PING, b"%d" % n) for n in range(10)),
        [(PONG, b"%d" % n) for n in range(10)],
    ),
    "5.3 two fragments": (b"".join(fragments(b"fragments", 5)), [(TEXT, b"fragments")]),
    "5.6 a ping between two fragments": (
        frame(TEXT, b"one", fin=False) + frame(PING, b"p") + frame(CONT, b"two"),
        [(PONG, b"p"), (TEXT, b"onetwo")],
    ),
    "5.19 pings between five fragments, twice": (
        2 * b"".join(fragments(b"abcde", 1, frame(PING, b"p"))),
        2 * [*[(PONG, b"p")] * 4, (TEXT, b"abcde"), (PONG, b"p")],
    ),
    "5.x a pong between two fragments": (
        frame(TEXT, b"one", fin=False) + frame(PONG, b"p") + frame(CONT, b"two"),
        [(TEXT, b"onetwo")],
    ),
    "6.1.2 three fragments of nothing": (
        frame(TEXT, fin=False) + frame(CONT, fin=False) + frame(CONT),
        [(TEXT, b"")],
    ),
    "6.1.3 nothing, something, nothing": (
        frame(TEXT, fin=False) + frame(CONT, b"middle", fin=False) + frame(CONT),
        [(TEXT, b"middle")],
    ),
}


@pytest.mark.parametrize("chop", [None, 1], ids=["at once", "byte by byte"])
async def test_2_5_6_1_exchanges(start: Start, chop: int | None) -> None:
    server = await start()
    for name, (sent, want) in EXCHANGES.items():
        async with line(server) as client:
            await client.sends(sent, chop)
            assert [await next_frame(client.reader) for _ in want] == want, name
            await client.sends(close(1000))
            assert [text(*each) for each in await client.answers()] == [1000], name


# 3, 4 and 5: a good message, something wrong, and something that would be good.

WRONG: dict[str, tuple[bytes, int]] = {
    **{f"3 a text with reserved bits {rsv:03b}": (frame(TEXT, b"x", rsv=rsv), 1002) for rsv in range(1, 8)},
    **{f"3 a ping with reserved bits {rsv:03b}": (frame(PING, b"x", rsv=rsv), 1002) for rsv in range(1, 8)},
    **{f"3 binary with reserved bits {rsv:03b}": (frame(BINARY, b"x", rsv=rsv), 1002) for rsv in (1, 4)},
    **{f"4 opcode {op:#x} of nothing": (frame(op), 1002) for op in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    **{f"4 opcode {op:#x}": (frame(op, b"x"), 1002) for op in (3, 7, 11, 15)},
    "5.1 a fragmented ping": (frame(PING, b"x", fin=False), 1002),
    "5.2 a fragmented pong": (frame(PONG, b"x", fin=False), 1002),
    "5.9 a continuation of nothing": (frame(CONT, b"x"), 1002),
    "5.12 an unfinished continuation of nothing": (frame(CONT, b"x", fin=False), 1002),
    "5.15 a continuation after a message's end": (
        b"".join(fragments(b"fragments", 5)) + frame(CONT, b"x", fin=False),
        1002,
    ),
    "5.18 both fragments called text": (frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), 1002),
    "7.5 a close reason that is no text": (close(1000, b"\xff"), 1007),
    "13 compressed without an agreement": (frame(TEXT, b"\xf2\x48\xcd", rsv=4), 1002),
}


@pytest.mark.parametrize("chop", [None, 1], ids=["at once", "byte by byte"])
async def test_3_4_5_after_a_violation_nothing_counts_and_before_it_everything(
    start: Start, chop: int | None
) -> None:
    server = await start()
    for name, (wrong, code) in WRONG.items():
        async with line(server) as client:
            await client.sends(HELLO)
            assert await next_frame(client.reader) == (TEXT, b"hello"), name
            late = frame(PING, b"late") + frame(TEXT, b"late") if chop is None else b""
            await client.sends(wrong + late, chop)
            *before, last = await client.answers()
            assert text(*last) == code, name
            assert (PONG, b"late") not in before and (TEXT, b"late") not in before, name
            assert b"late" not in client.told, name


async def test_3_4_5_what_came_with_a_violation_is_not_answered_after_the_close(start: Start) -> None:
    """Given a good message and a violation in one piece, nothing follows the close frame (section 5.5.1)."""
    server = await start()
    for name, (wrong, code) in WRONG.items():
        async with line(server) as client:
            await client.sends(HELLO + frame(PING, b"p") + wrong)
            answers = await client.answers()
            assert text(*answers[-1]) == code, name
            assert [opcode for opcode, _ in answers].count(CLOSE) == 1, name


# 6: UTF-8.

GOOD_TEXT = [
    "κόσμε", "\x00", "\x7f", "\x80", "\u07ff", "\u0800", "\uffff", "\U00010000", "\U0010ffff",
    "\ud7ff", "\ue000", "\ufffd", "\ufffe", "\ufdd0", "\U0001fffe", "\U0010fffe", "목소리 👋",
]  # fmt: skip
BAD_TEXT = [
    b"\xfe", b"\xff", b"\xfe\xfe\xff\xff",  # never bytes of UTF-8
    b"\x80", b"\xbf", b"\x80\xbf\x80", b"a\x80",  # continuations of nothing
    b"\xc2", b"\xe1\xbd", b"\xf0\x90\x80", b"\xc3 ", b"\xe2\x82 ", b"\xce\xba\xe1",  # cut short
    b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xf8\x80\x80\x80\xaf", b"\xfc\x80\x80\x80\x80\xaf",  # overlong
    b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf",  # the largest that are
    b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xf8\x88\x80\x80\x80",  # past the last
    b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xed\xa0\x80\xed\xb0\x80",  # surrogates, alone and in pairs
    b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",  # 6.3
    b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80edited",  # 6.4
]  # fmt: skip
SIZES = {"whole": 1_000, "byte by byte": 1, "three by three": 3}


@pytest.mark.parametrize("how", SIZES)
async def test_6_text_that_is_utf8_arrives_however_it_is_cut(start: Start, how: str) -> None:
    server = await start()
    async with line(server) as client:
        for each in GOOD_TEXT:
            await client.sends(b"".join(fragments(each.encode(), SIZES[how])))
            assert await next_frame(client.reader) == (TEXT, each.encode())


@pytest.mark.parametrize("how", SIZES)
async def test_6_text_that_is_not_utf8_is_answered_with_1007_however_it_is_cut(
    start: Start, how: str
) -> None:
    server = await start()
    for each in BAD_TEXT:
        async with line(server) as client:
            await client.sends(b"".join(fragments(each, SIZES[how])))
            assert [text(*answer) for answer in await client.answers()] == [1007], each
            assert client.told == []


# 7: closing.

FAREWELLS: dict[str, tuple[bytes, list[int | None]]] = {
    "7.1.1 a message, then a close": (HELLO + close(1000), [None, 1000]),
    # picows reads a frame ahead: of two closes in one piece it sees the second one first, and says so.
    "7.1.2 two closes": (close(1000) + close(1001), [1002]),
    "7.1.3 a ping after the close": (close(1000) + frame(PING, b"late"), [1000]),
    "7.1.4 a message after the close": (close(1000) + frame(TEXT, b"late"), [1000]),
    "7.1.5 a close between fragments": (
        frame(TEXT, b"a", fin=False) + close(1000) + frame(CONT, b"late"),
        [1000],
    ),
    "7.1.6 256 KiB, a close, a ping": (
        frame(TEXT, b"B" * 262_144) + close(1000) + frame(PING, b"late"),
        [None, 1000],
    ),
    "7.3.2 of one byte": (frame(CLOSE, b"a"), [1002]),
    "7.3.3 with a code alone": (close(1000), [1000]),
    "7.3.4 with a reason": (close(1000, b"Hello World!"), [1000]),
    "7.3.5 with a reason of 123 bytes": (close(1000, b"*" * 123), [1000]),
    "7.3.6 with a reason of 124 bytes": (close(1000, b"*" * 124), [1002]),
    **{
        f"7.9 with code {code}": (close(code), [1002])
        for code in (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999)
    },
}


@pytest.mark.parametrize("chop", [None, 1], ids=["at once", "byte by byte"])
async def test_7_closing(start: Start, chop: int | None) -> None:
    server = await start()
    for name, (sent, want) in FAREWELLS.items():
        if chop and (name.startswith("7.1") or len(sent) > 1000):
            continue  # a connection that was closed takes no more bytes
        async with line(server) as client:
            await client.sends(sent, chop)
            assert [text(*answer) for answer in await client.answers()] == want, name
            assert b"late" not in client.told, name


# 12 and 13, and the opening.


@pytest.mark.parametrize(
    "offer",
    [
        b"permessage-deflate",
        b"permessage-deflate; client_max_window_bits; server_no_context_takeover",
        b"permessage-deflate; server_max_window_bits=9, permessage-bzip2, x-webkit-deflate-frame",
    ],
)
async def test_12_13_no_extension_is_agreed_on(start: Start, offer: bytes) -> None:
    server = await start()
    async with line(server, b"Sec-WebSocket-Extensions: " + offer + b"\r\n") as client:
        assert b" 101 " in client.head and b"extensions" not in client.head.lower()
        await client.sends(HELLO)
        assert await next_frame(client.reader) == (TEXT, b"hello")


OPENINGS: dict[str, tuple[bytes, bytes, set[int]]] = {
    "version 8": (b"Version: 13", b"Version: 8", {400, 426}),
    "no version": (b"Sec-WebSocket-Version: 13\r\n", b"", {400, 426}),
    "no key": (b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", b"", {400}),
    "a key of another length": (b"dGhlIHNhbXBsZSBub25jZQ==", b"c2hvcnQ=", {400}),
    "a key that is no base64": (b"dGhlIHNhbXBsZSBub25jZQ==", b"!!!!!!!!!!!!!!!!!!!!!!==", {400}),
    "two keys": (
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        {400},
    ),
    "by POST": (b"GET ", b"POST ", {400, 405, 426}),
}


async def test_an_opening_that_is_not_one_is_refused_over_http(start: Start) -> None:
    server = await start()
    for name, (old, new, want) in OPENINGS.items():
        reader, writer = await asyncio.open_connection(server.address.host, server.address.port)
        writer.write(REQUEST.replace(old, new) + b"\r\n")
        async with asyncio.timeout(10):
            status = await reader.readuntil(b"\r\n")
        assert int(status.split()[1]) in want, (name, status)
        writer.close()
    assert server.sessions.opened == []
