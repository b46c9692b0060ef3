"""Re-blocking: bytes that come in pieces of any size leave in frames of one size."""

from __future__ import annotations


class Framer:
    """Collects bytes and gives them back, in order, in frames of exactly `size` bytes."""

    def __init__(self, size: int) -> None:
        """`size` in bytes. Raises ValueError if it is not positive."""
        if size <= 0:
            raise ValueError(f"A frame has at least one byte, not {size}.")
        self.size = size
        self._held = bytearray()

    @property
    def pending(self) -> int:
        """Bytes that do not make a frame yet."""
        return len(self._held)

    def push(self, data: bytes | bytearray | memoryview) -> list[bytes]:
        """Add bytes and return the frames they complete."""
        self._held += data
        whole = len(self._held) - len(self._held) % self.size
        frames = [bytes(self._held[at : at + self.size]) for at in range(0, whole, self.size)]
        del self._held[:whole]
        return frames

    def flush(self, fill: bytes | None = None) -> bytes:
        """Give back the incomplete rest and be empty; with `fill`, one byte, made up to a whole frame.

        Returns b"" when nothing is held. PCM16 and silence want `fill=b"\\0"`.
        """
        rest = bytes(self._held)
        self._held.clear()
        return rest.ljust(self.size, fill) if rest and fill is not None else rest

    def clear(self) -> None:
        self._held.clear()
