"""PortAudio, when it is there, and a plain reason when it is not."""

from __future__ import annotations

import importlib
from enum import Enum
from types import ModuleType

RATE = 24_000  # Hz, PCM16 mono: what GA carries
FRAME = RATE * 20 // 1000  # samples: 20 ms, small enough to be heard as at once, large enough for Python

# PaErrorCode, portaudio.h
_INVALID_RATE = -9997
_DEVICE_UNAVAILABLE = -9985
_HOST_ERROR = -9999


class Refusal(Enum):
    """Why a microphone or speaker could not be opened."""

    NO_PACKAGE = "no_package"  # the `sounddevice` package is not installed
    NO_LIBRARY = "no_library"  # it is, but the PortAudio library it needs is not
    NO_DEVICE = "no_device"
    IN_USE = "in_use"
    NOT_SUPPORTED = "not_supported"  # the device takes neither 24 kHz nor its own default rate


class DeviceRefused(Exception):
    """A device could not be opened. `detail` is PortAudio's own word for it."""

    def __init__(self, reason: Refusal, detail: str = "") -> None:
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason = reason
        self.detail = detail


def sounddevice() -> ModuleType:
    """The `sounddevice` module. Raises DeviceRefused when it or PortAudio is missing."""
    try:
        return importlib.import_module("sounddevice")
    except ImportError as error:
        raise DeviceRefused(Refusal.NO_PACKAGE, str(error)) from error
    except OSError as error:  # what sounddevice raises when it finds no PortAudio
        raise DeviceRefused(Refusal.NO_LIBRARY, str(error)) from error


def refusal_of(error: Exception) -> DeviceRefused:
    """Sort an error of `sounddevice` (PortAudioError, or ValueError for an unknown name) into a refusal."""
    code = next((arg for arg in error.args if isinstance(arg, int)), None)
    detail = str(error.args[0]) if error.args else str(error)
    if code in (_DEVICE_UNAVAILABLE, _HOST_ERROR):  # ALSA reports a busy device as a host error
        reason = Refusal.IN_USE
    elif code == _INVALID_RATE:
        reason = Refusal.NOT_SUPPORTED
    else:
        reason = Refusal.NO_DEVICE
    return DeviceRefused(reason, detail)


def is_rate_refused(error: Exception) -> bool:
    """Whether the device only refuses the sample rate, so that another may do."""
    return _INVALID_RATE in error.args
