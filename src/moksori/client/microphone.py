"""The caller's microphone as PCM16 mono at 24 kHz, whatever rate the device has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moksori.audio.resample import StreamResampler
from moksori.client.devices import FRAME, RATE, is_rate_refused, refusal_of, sounddevice


class Microphone:
    """`on_audio` is called from PortAudio's thread with about 20 ms at a time; it must not block."""

    def __init__(self, on_audio: Callable[[bytes], None], device: int | str | None = None) -> None:
        self._on_audio = on_audio
        self._device = device
        self._stream: Any = None  # sounddevice.RawInputStream while open
        self._resampler: StreamResampler | None = None

    def open(self) -> None:
        """Begin to capture. Raises DeviceRefused. Opening twice is harmless."""
        if self._stream is not None:
            return
        sd = sounddevice()
        try:
            rate = int(sd.query_devices(self._device, "input")["default_samplerate"])
            try:
                stream = self._start(sd, RATE)
            except sd.PortAudioError as error:
                if not is_rate_refused(error):
                    raise
                self._resampler = StreamResampler(rate, RATE)
                stream = self._start(sd, rate)
        except (sd.PortAudioError, ValueError) as error:
            self._resampler = None
            raise refusal_of(error) from error
        self._stream = stream

    def close(self) -> None:
        """Stop capturing and free the device. Idempotent."""
        stream, self._stream, self._resampler = self._stream, None, None
        if stream is not None:
            stream.close()

    def _start(self, sd: Any, rate: int) -> Any:
        stream = sd.RawInputStream(
            samplerate=rate,
            blocksize=FRAME * rate // RATE,
            device=self._device,
            channels=1,
            dtype="int16",
            latency="low",
            callback=self._captured,
        )
        stream.start()
        return stream

    def _captured(self, data: Any, _frames: int, _time: Any, _status: Any) -> None:
        pcm = bytes(data)
        resampler = self._resampler
        if resampler is not None:
            pcm = resampler.push(pcm)
        if pcm:
            self._on_audio(pcm)
