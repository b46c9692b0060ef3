"""Microphone and speaker over a PortAudio that refuses in every way it can."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from moksori.client.devices import DeviceRefused, Refusal
from moksori.client.microphone import Microphone
from moksori.client.speaker import Speaker
from tests.unit.client.tones import tone


class PortAudioError(Exception):
    pass


class Stream:
    """A stream as `sounddevice` makes it; `run` is what the device's thread would do."""

    def __init__(self, machine: Device, kind: str, samplerate: int, callback: Any, **_: Any) -> None:
        if machine.refuse is not None and machine.refuse(samplerate):
            raise PortAudioError(*machine.error)
        self.rate, self._callback, self.closed = samplerate, callback, False
        machine.streams[kind] = self

    def start(self) -> None: ...

    def abort(self) -> None: ...

    def close(self) -> None:
        self.closed = True

    def capture(self, pcm: bytes) -> None:
        self._callback(pcm, len(pcm) // 2, None, None)

    def play(self, frames: int) -> bytes:
        out = bytearray(frames * 2)
        self._callback(out, frames, None, None)
        return bytes(out)


class Device:
    """A machine's sound hardware."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.refuse: Callable[[int], bool] | None = None
        self.error: tuple[Any, ...] = ()
        self.none = False
        self.streams: dict[str, Stream] = {}
        module: Any = ModuleType("sounddevice")
        module.PortAudioError = PortAudioError
        module.query_devices = self._query
        module.RawInputStream = lambda **options: Stream(self, "input", **options)
        module.RawOutputStream = lambda **options: Stream(self, "output", **options)
        monkeypatch.setitem(sys.modules, "sounddevice", module)

    def _query(self, _device: object, kind: str) -> dict[str, float]:
        if self.none:
            raise PortAudioError(f"Error querying device -1 ({kind})")
        return {"default_samplerate": 48_000.0}


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Device:
    return Device(monkeypatch)


def refusal(microphone: Microphone | None = None) -> Refusal:
    with pytest.raises(DeviceRefused) as caught:
        (microphone or Microphone(lambda pcm: None)).open()
    return caught.value.reason


def test_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    assert refusal() is Refusal.NO_PACKAGE


def test_no_portaudio(monkeypatch: pytest.MonkeyPatch) -> None:
    def importing(name: str) -> ModuleType:
        raise OSError("PortAudio library not found")

    monkeypatch.setattr("moksori.client.devices.importlib.import_module", importing)
    assert refusal() is Refusal.NO_LIBRARY


def test_no_microphone(device: Device) -> None:
    device.none = True
    assert refusal() is Refusal.NO_DEVICE


@pytest.mark.parametrize("code", [-9985, -9999])
def test_a_microphone_in_use(device: Device, code: int) -> None:
    device.refuse, device.error = (
        (lambda rate: True),
        ("Error opening RawInputStream: Device unavailable", code),
    )
    assert refusal() is Refusal.IN_USE


def test_a_microphone_without_a_usable_rate(device: Device) -> None:
    device.refuse, device.error = (lambda rate: True), ("Invalid sample rate", -9997)
    assert refusal() is Refusal.NOT_SUPPORTED


def test_the_microphone_gives_what_it_hears(device: Device) -> None:
    heard: list[bytes] = []
    microphone = Microphone(heard.append)
    microphone.open()
    stream = device.streams["input"]
    stream.capture(tone(20))
    assert (stream.rate, heard) == (24_000, [tone(20)])
    microphone.close()
    microphone.close()
    assert stream.closed


def test_a_microphone_that_insists_on_its_own_rate_is_converted(device: Device) -> None:
    device.refuse, device.error = (lambda rate: rate == 24_000), ("Invalid sample rate", -9997)
    heard: list[bytes] = []
    microphone = Microphone(heard.append)
    microphone.open()
    stream = device.streams["input"]
    for _ in range(50):
        stream.capture(tone(20, rate=48_000))
    assert stream.rate == 48_000
    assert len(b"".join(heard)) == pytest.approx(24_000 * 2, rel=0.05)


def test_the_speaker_plays_what_it_is_given(device: Device) -> None:
    speaker = Speaker()
    speaker.open(lambda samples: b"\x01\x02" * samples)
    assert device.streams["output"].play(480) == b"\x01\x02" * 480
    speaker.close()
    assert device.streams["output"].closed


def test_a_speaker_that_insists_on_its_own_rate_is_converted(device: Device) -> None:
    device.refuse, device.error = (lambda rate: rate == 24_000), ("Invalid sample rate", -9997)
    asked: list[int] = []

    def pull(samples: int) -> bytes:
        asked.append(samples)
        return tone(20)

    speaker = Speaker()
    speaker.open(pull)
    played = b"".join(device.streams["output"].play(960) for _ in range(50))
    assert len(played) == 960 * 2 * 50
    assert sum(asked) == pytest.approx(24_000, rel=0.1)
