"""What leaves when: a frame that came alone at once, what follows from one read as one write, in order."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest
from picows import WSFrame, WSListener, WSTransport

from moksori.server.wire import HANDSHAKE
from moksori.tunnel import AT_ONCE, BUFFER, READING, Carrier, SecureCarrier, Tunnel


class Line(asyncio.Transport):
    """A transport that takes everything, and remembers each write."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.ended = ""
        self._socket = socket.socket()

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self._socket if name == "socket" else default

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def is_closing(self) -> bool:
        return bool(self.ended)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.ended
        self.written.append(bytes(data))

    def close(self) -> None:
        self.ended = "closed"

    def abort(self) -> None:
        self.ended = "aborted"


@pytest.fixture(autouse=True)
def nothing_more() -> Iterator[None]:
    yield
    READING.more = False


async def test_a_frame_that_came_alone_goes_on_at_once() -> None:
    line = Line()
    tunnel = Tunnel(line, asyncio.get_running_loop())
    assert tunnel.get_write_buffer_size() == 0  # picows may write to the socket itself
    tunnel.write(b"one")
    assert line.written == [b"one"]


async def test_what_follows_from_one_read_is_one_write_in_order() -> None:
    line = Line()
    tunnel = Tunnel(line, asyncio.get_running_loop())
    READING.more = True
    assert tunnel.get_write_buffer_size() > 0
    tunnel.write(b"one ")
    READING.more = False  # the last frame of the read
    assert tunnel.get_write_buffer_size() > 0
    tunnel.writelines([b"two ", b"three"])
    assert (line.written, tunnel.queued) == ([], 13)
    await asyncio.sleep(0)
    assert (line.written, tunnel.queued) == ([b"one two three"], 0)
    tunnel.write(b"four")
    assert line.written[1:] == [b"four"]


async def test_a_long_write_goes_in_portions() -> None:
    line = Line()
    tunnel = Tunnel(line, asyncio.get_running_loop())
    whole = bytes(range(256)) * (AT_ONCE // 100)
    READING.more = True
    tunnel.write(whole)
    await asyncio.sleep(0)
    assert b"".join(line.written) == whole
    assert max(map(len, line.written)) == AT_ONCE


async def test_closing_flushes_and_aborting_drops() -> None:
    closed, aborted = Line(), Line()
    READING.more = True
    for line, end in ((closed, Tunnel.close), (aborted, Tunnel.abort)):
        tunnel = Tunnel(line, asyncio.get_running_loop())
        tunnel.write(b"last words")
        end(tunnel)
    await asyncio.sleep(0)
    assert (closed.written, closed.ended) == ([b"last words"], "closed")
    assert (aborted.written, aborted.ended) == ([], "aborted")


class Ear(WSListener):
    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.heard.append(frame.get_payload_as_bytes())


def read(carrier: Carrier, data: bytes) -> list[int]:
    """Give it what piled up in the system; how much it took with each read."""
    taken = []
    while data:
        room = carrier.get_buffer(-1)
        size = min(len(room), len(data))
        room[:size] = data[:size]
        del room
        carrier.buffer_updated(size)
        taken.append(size)
        data = data[size:]
    return taken


@pytest.mark.parametrize("kind", [Carrier, SecureCarrier])
async def test_a_buffer_begins_small_and_grows_to_one_portion(kind: type[Carrier]) -> None:
    ear = Ear()
    carrier = kind.over(lambda request: ear, pongs=False, largest=1 << 20)
    carrier.connection_made(Line())
    read(carrier, HANDSHAKE)
    message = b"\x81\xfe" + (1340).to_bytes(2, "big") + bytes(4) + b"a" * 1340  # 20 ms of audio, masked
    assert read(carrier, message) == [len(message)]
    assert len(carrier.get_buffer(-1)) < BUFFER
    taken = read(carrier, message * 200)
    assert max(taken) == max(taken[-5:-1]) == kind.at_once
    assert ear.heard == [b"a" * 1340] * 201
