"""The caller's speaker: asks for PCM16 mono at 24 kHz whenever the device wants more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from moksori.audio.resample import StreamResampler
from moksori.client.devices import FRAME, RATE, is_rate_refused, refusal_of, sounddevice

Pull = Callable[[int], bytes]
"""Gives exactly the number of samples asked for."""


class Sink(Protocol):
    """Something that plays: a device, or a recording made at the pace of one."""

    def open(self, pull: Pull) -> None:
        """Begin to ask `pull` for samples. Raises DeviceRefused."""
        ...

    def close(self) -> None:
        """Ask no more. Idempotent."""
        ...


class Speaker:
    """A sound device. `pull` is called from PortAudio's thread and must not block."""

    def __init__(self, device: int | str | None = None) -> None:
        self._device = device
        self._stream: Any = None  # sounddevice.RawOutputStream while open
        self._resampler: StreamResampler | None = None
        self._ready = b""  # resampled, not yet played
        self._pull: Pull | None = None

    def open(self, pull: Pull) -> None:
        """Begin to play. Raises DeviceRefused. Opening twice is harmless."""
        if self._stream is not None:
            return
        self._pull = pull
        sd = sounddevice()
        try:
            rate = int(sd.query_devices(self._device, "output")["default_samplerate"])
            try:
                stream = self._start(sd, RATE)
            except sd.PortAudioError as error:
                if not is_rate_refused(error):
                    raise
                self._resampler = StreamResampler(RATE, rate)
                stream = self._start(sd, rate)
        except (sd.PortAudioError, ValueError) as error:
            self._resampler = None
            raise refusal_of(error) from error
        self._stream = stream

    def close(self) -> None:
        """Be silent at once and free the device. Idempotent."""
        stream, self._stream, self._resampler, self._ready = self._stream, None, None, b""
        if stream is not None:
            stream.abort()
            stream.close()

    def _start(self, sd: Any, rate: int) -> Any:
        stream = sd.RawOutputStream(
            samplerate=rate,
            blocksize=FRAME * rate // RATE,
            device=self._device,
            channels=1,
            dtype="int16",
            latency="low",
            callback=self._wanted,
        )
        stream.start()
        return stream

    def _wanted(self, out: Any, frames: int, _time: Any, _status: Any) -> None:
        pull, resampler = self._pull, self._resampler
        if pull is None:
            out[:] = bytes(frames * 2)
            return
        if resampler is None:
            out[:] = pull(frames)
            return
        while len(self._ready) < frames * 2:
            self._ready += resampler.push(pull(FRAME))
        out[:] = self._ready[: frames * 2]
        self._ready = self._ready[frames * 2 :]
