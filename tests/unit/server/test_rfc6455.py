"""What RFC 6455 asks of a server, in the manner of the Autobahn suite: a table of bytes and of what they come to."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass

import pytest

from .conftest import Running, Start

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
MASK = b"\x37\xfa\x21\x3d"


def frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, mask: bool = True, size: bytes = b""
) -> bytes:
    """A client's frame; `size` overrides how its length is written."""
    length = len(payload)
    bit = 0x80 if mask else 0
    if not size:
        if length < 126:
            size = bytes([bit | length])
        elif length < 65536:
            size = bytes([bit | 126]) + struct.pack("!H", length)
        else:
            size = bytes([bit | 127]) + struct.pack("!Q", length)
    body = bytes(b ^ MASK[i % 4] for i, b in enumerate(payload)) if mask else payload
    return bytes([(0x80 if fin else 0) | rsv << 4 | opcode]) + size + (MASK if mask else b"") + body


def close(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, struct.pack("!H", code) + reason)


async def handshake(server: Running) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(server.address.host, server.address.port)
    writer.write(
        b"GET /v1/realtime HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 101 " in head
    assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head  # RFC 6455 section 1.3
    return reader, writer


async def next_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """A server's frame: never masked (section 5.1), never fragmented by us."""
    first, second = await reader.readexactly(2)
    assert first & 0x80, "fragmented"
    assert not first & 0x70, "a reserved bit is set"
    assert not second & 0x80, "masked"
    length = second & 0x7F
    if length == 126:
        (length,) = struct.unpack("!H", await reader.readexactly(2))
    elif length == 127:
        (length,) = struct.unpack("!Q", await reader.readexactly(8))
    return first & 0xF, await reader.readexactly(length)


@dataclass(frozen=True)
class Wrong:
    """What a client may not send, and the close code that says so."""

    name: str
    sent: bytes
    code: int


WRONG = [
    Wrong("an unmasked frame", frame(TEXT, b"x", mask=False), 1002),
    *(Wrong(f"opcode {op:#x}", frame(op, b"x"), 1002) for op in (3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF)),
    *(Wrong(f"reserved bits {rsv:03b}", frame(TEXT, b"x", rsv=rsv), 1002) for rsv in range(1, 8)),
    *(Wrong(f"reserved bits {rsv:03b} on a close", frame(CLOSE, rsv=rsv), 1002) for rsv in (1, 2, 4)),
    Wrong("a fragmented ping", frame(PING, b"x", fin=False), 1002),
    Wrong("a fragmented close", frame(CLOSE, b"", fin=False), 1002),
    Wrong("a ping of 126 bytes", frame(PING, b"x" * 126), 1002),
    Wrong("a close of 126 bytes", frame(CLOSE, b"\x03\xe8" + b"x" * 124), 1002),
    Wrong("a length of 5 written in 16 bits", frame(TEXT, b"hello", size=b"\xfe\x00\x05"), 1002),
    Wrong(
        "a length of 5 written in 64 bits", frame(TEXT, b"hello", size=b"\xff" + struct.pack("!Q", 5)), 1002
    ),
    Wrong(
        "a length with its highest bit set", frame(TEXT, b"", size=b"\xff" + struct.pack("!Q", 1 << 63)), 1002
    ),
    Wrong("a continuation of nothing", frame(CONT, b"x"), 1002),
    Wrong("a continuation of nothing, unfinished", frame(CONT, b"x", fin=False), 1002),
    Wrong("a message inside another", frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), 1002),
    Wrong("a binary message inside a text", frame(TEXT, b"a", fin=False) + frame(BINARY, b"b"), 1002),
    Wrong(
        "text that is not UTF-8",
        frame(TEXT, b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80"),
        1007,
    ),
    Wrong(
        "a fragmented text that is not UTF-8", frame(TEXT, b"\xce", fin=False) + frame(CONT, b"\xce"), 1007
    ),
    Wrong("a lone surrogate", frame(TEXT, b"\xed\xb0\x80"), 1007),
    Wrong("a close of one byte", frame(CLOSE, b"\x03"), 1002),
    *(
        Wrong(f"close code {code}", close(code), 1002)
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999)
    ),
    Wrong("a close reason that is not UTF-8", close(1000, b"\xed\xa0\x80"), 1007),
    Wrong("one frame over the limit", frame(TEXT, b"", size=b"\xff" + struct.pack("!Q", 70_000)), 1009),
    Wrong(
        "fragments over the limit together",
        frame(TEXT, b"x" * 40_000, fin=False) + frame(CONT, b"x" * 40_000, fin=False),
        1009,
    ),
]


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case.name)
async def test_a_violation_is_answered_with_its_close_code(start: Start, case: Wrong) -> None:
    server = await start(limits={"max_message_bytes": 65_536})
    reader, writer = await handshake(server)
    writer.write(case.sent)
    opcode, payload = await next_frame(reader)
    assert (opcode, struct.unpack("!H", payload[:2])[0]) == (CLOSE, case.code)
    assert await reader.read() == b""  # and the connection is closed
    writer.close()
    async with asyncio.timeout(20):
        while not server.sessions.opened[0].closes:  # noqa: ASYNC110 - the session has no event for it
            await asyncio.sleep(0.005)
    assert server.sessions.opened[0].closes[0][0] == case.code
    assert server.sessions.opened[0].messages == []


@pytest.mark.parametrize(
    "code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
)
async def test_a_close_is_answered_with_its_own_code(start: Start, code: int) -> None:
    server = await start()
    reader, writer = await handshake(server)
    writer.write(close(code, "끝".encode()))
    assert (await next_frame(reader))[1][:2] == struct.pack("!H", code)
    assert await reader.read() == b""
    writer.close()


async def test_an_empty_close_is_answered(start: Start) -> None:
    server = await start()
    reader, writer = await handshake(server)
    writer.write(frame(CLOSE))
    assert (await next_frame(reader))[0] == CLOSE
    assert await reader.read() == b""
    writer.close()


async def test_pings_are_answered_in_order_also_between_fragments(start: Start) -> None:
    server = await start()
    reader, writer = await handshake(server)
    server.sessions.opened[0].on_message = lambda session, data: session.wire.send(data)
    writer.write(frame(PING) + frame(PING, b"x" * 125) + frame(PONG, b"nobody asked"))
    writer.write(frame(TEXT, "한".encode()[:1], fin=False) + frame(PING, b"between"))
    writer.write(frame(CONT, b"", fin=False) + frame(CONT, "한".encode()[1:]))
    assert [await next_frame(reader) for _ in range(4)] == [
        (PONG, b""),
        (PONG, b"x" * 125),
        (PONG, b"between"),
        (TEXT, "한".encode()),
    ]
    writer.close()


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 128, 65_535, 65_536])
async def test_messages_of_every_length_form_arrive_whole_byte_by_byte(start: Start, size: int) -> None:
    server = await start(limits={"max_message_bytes": 65_536})
    reader, writer = await handshake(server)
    server.sessions.opened[0].on_message = lambda session, data: session.wire.send(data)
    sent = frame(TEXT, b"*" * size)
    for piece in (sent[:1], sent[1:3], sent[3:9], sent[9:]):
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)
    assert await next_frame(reader) == (TEXT, b"*" * size)
    writer.close()
