"""Re-blocking a byte stream, and WAV files."""

import contextlib
import io
import struct
import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moksori.audio import wav
from moksori.audio.framing import Framer
from moksori.audio.wav import Wav, WavError


@given(pieces=st.lists(st.binary(max_size=50)), size=st.integers(1, 17))
def test_no_byte_is_lost_or_doubled(pieces: list[bytes], size: int) -> None:
    framer, out = Framer(size), []
    for piece in pieces:
        frames = framer.push(piece)
        assert all(len(frame) == size for frame in frames)
        assert framer.pending < size
        out += frames
    assert b"".join(out) + framer.flush() == b"".join(pieces)
    assert framer.flush() == b""


def test_the_rest_can_be_filled_up_with_silence() -> None:
    framer = Framer(4)
    assert framer.push(b"abcdef") == [b"abcd"]
    assert framer.flush(fill=b"\0") == b"ef\0\0"
    assert framer.flush(fill=b"\0") == b""
    with pytest.raises(ValueError, match="at least one byte"):
        Framer(0)


def samples(*values: int) -> bytes:
    return np.array(values, dtype="<i2").tobytes()


def test_written_wav_is_read_by_the_standard_library_and_by_us() -> None:
    data = wav.write_stereo(samples(1, 2, 3), samples(-1), 24_000)
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 24_000, 2)
        assert file.readframes(9) == samples(1, -1, 2, 0, 3, 0)
    read = wav.read(data)
    assert read == Wav(samples(1, -1, 2, 0, 3, 0), 24_000, 2)
    assert read.frames == 3
    assert read.channel(0) == samples(1, 2, 3)
    assert read.channel(1) == samples(-1, 0, 0)


def test_other_chunks_are_skipped_and_a_cut_off_recording_is_read_as_far_as_it_goes() -> None:
    plain = wav.write(samples(5, 6, 7), 8_000)
    listed = plain[:12] + b"LIST\x03\0\0\0abc\0" + plain[12:]
    assert wav.read(listed) == Wav(samples(5, 6, 7), 8_000)
    assert wav.read(plain[:-3]).pcm == samples(5)


def test_extensible_pcm_is_pcm() -> None:
    guid = bytes.fromhex("0100000000001000800000aa00389b71")
    body = struct.pack("<HHIIHHHHI", 0xFFFE, 1, 16_000, 32_000, 2, 16, 22, 16, 4) + guid
    data = b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<I", len(body)) + body + b"data\x02\0\0\0\x09\0"
    assert wav.read(data) == Wav(samples(9), 16_000)


def header(tag: int = 1, channels: int = 1, rate: int = 8000, bits: int = 16) -> bytes:
    body = struct.pack("<HHIIHH", tag, channels, rate, rate * 2, 2, bits)
    return b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + body + b"data\x02\0\0\0\0\0"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "not a WAV file"),
        (b"ID3" + bytes(60), "not a WAV file"),
        (header(tag=3), "is floating point; convert it to 16-bit PCM"),
        (header(tag=7), "is mu-law"),
        (header(tag=999), "is of format 999"),
        (header(bits=24), "24 bits a sample"),
        (header(channels=6), "6 channels; mono and stereo"),
        (header(rate=0), "0 Hz"),
        (header(rate=3), "3 Hz"),
        (header(rate=2_000_000_000), "2000000000 Hz"),
        (header()[:36], "holds no samples"),
        (b"RIFF\0\0\0\0WAVEfmt \x04\0\0\0\1\0\1\0", "cut off within its format"),
        (b"RIFF\0\0\0\0WAVEdata\x02\0\0\0\0\0", "samples before its format"),
    ],
)
def test_what_is_not_read_says_why(data: bytes, sentence: str) -> None:
    with pytest.raises(WavError, match=sentence):
        wav.read(data)


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(tail: bytes) -> None:
    for data in (tail, b"RIFF\0\0\0\0WAVE" + tail, header()[:20] + tail):
        with contextlib.suppress(WavError):
            assert wav.read(data).rate > 0


def test_half_a_frame_is_not_written() -> None:
    with pytest.raises(ValueError, match="whole PCM16 frames"):
        wav.write(b"\0\0", 8_000, channels=2)
