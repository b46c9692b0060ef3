"""A set of spoken turns on disk: a folder with `manifest.jsonl` and one WAV (24 kHz mono PCM16) a line."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from moksori.audio import wav

RATE = 24_000
MANIFEST = "manifest.jsonl"

Kind = Literal["question", "interrupt", "backchannel", "noise"]


class Clip(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a manifest. Times count from the first sample of the WAV."""

    id: str
    wav: str
    language: Literal["en", "ko"]
    text: str
    last_voiced_ms: int
    pauses_ms: tuple[tuple[int, int], ...] = ()
    """Silences inside the utterance, start and end."""
    kind: Kind = "question"
    first_voiced_ms: int | None = None
    """Where the voice begins; found in the sound where it is not told."""
    voice: str | None = None
    noise_dbfs: float | None = None


class SetError(ValueError):
    """The set cannot be used; the sentence says why."""


@dataclass(frozen=True, slots=True)
class ClipSet:
    name: str
    sha256: str
    """Of the manifest and all its WAVs, in order."""
    folder: Path
    clips: tuple[Clip, ...]

    def pcm(self, clip: Clip) -> bytes:
        """The clip's samples. Raises `SetError`."""
        path = self.folder / clip.wav
        try:
            sound = wav.read(path.read_bytes())
        except (OSError, wav.WavError) as error:
            raise SetError(f"{path} cannot be read: {error}") from error
        if sound.rate != RATE or sound.channels != 1:
            raise SetError(
                f"{path} must be mono at {RATE} Hz; it has {sound.channels} channels at {sound.rate}."
            )
        return sound.pcm

    def of(self, *kinds: Kind) -> tuple[Clip, ...]:
        return tuple(clip for clip in self.clips if clip.kind in kinds)


def load(folder: Path) -> ClipSet:
    """Read a set. Raises `SetError` with the line that is wrong."""
    path = folder / MANIFEST
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise SetError(
            f"There is no set in {folder}: {path.name} cannot be read ({error.strerror})."
        ) from error
    clips = []
    digest = hashlib.sha256()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            clip = msgspec.json.decode(line, type=Clip)
        except msgspec.ValidationError as error:
            raise SetError(f"{path}, line {number}: {error}.") from error
        if not (folder / clip.wav).is_file():
            raise SetError(f"{path}, line {number}: there is no file {clip.wav}.")
        digest.update(line)
        digest.update((folder / clip.wav).read_bytes())
        clips.append(clip)
    if not clips:
        raise SetError(f"{path} names no clips.")
    return ClipSet(folder.resolve().name, digest.hexdigest(), folder, tuple(clips))


def save(folder: Path, clips: list[tuple[Clip, bytes]]) -> None:
    """Write a set; files of an earlier one with the same names are replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    for clip, pcm in clips:
        (folder / clip.wav).write_bytes(wav.write(pcm, RATE))
    lines = b"".join(msgspec.json.encode(clip) + b"\n" for clip, _ in clips)
    (folder / MANIFEST).write_bytes(lines)
