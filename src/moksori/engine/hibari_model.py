"""The hibari network with its own durations: which phoneme sounds in which frames, and rendering piece by piece.

hibari-tts gives a waveform for a text. Here its parts are driven one by one, because three things are needed that
the package does not offer: where each word of the text sounds, sound before the whole waveform is rendered, and no
silence in front. The network is the package's own file; only its list of outputs is longer by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moksori.agent.speech import SPEAKING_RATE, SpeechFailed, Word
from moksori.conversation.clauses import Saying

Floats = NDArray[np.float32]

HOP = 300
"""Samples in a frame of the network's spectra, 12.5 ms (hibari README, "ONNX interface")."""
MARGIN = 4
"""Frames on either side that a frame's samples depend on: two by the inverse STFT, two more by the forward one."""
UNIT = 2 * HOP
"""Samples in one unit of the duration predictor, which counts pairs of frames."""
LEAD = 5 * HOP
"""How far the sound runs ahead of the predicted durations: 62.5 ms gives the largest difference in level between
vowels and voiceless consonants (12.1 dB; 7 dB and less from 25 ms away), over six sentences."""
SPEECH_DB = -50.0
"""A frame louder than this, against full scale, is speech; hibari's own silence lies below -90."""
SPECTRUM_DB = 63.5
"""From a frame's summed spectral power to its level in the waveform; median over 14 s of speech."""
PREROLL = SPEAKING_RATE * 5 // 1000
"""Kept before the first sound, so that no onset is clipped."""
STEP = HOP // 5
"""Resolution of the search for the first sound: 2.5 ms."""
MAX_PHONEMES = 400
"""The longest phoneme string the network was made for (`hibari.tts.MAX_PHONEMES`)."""
NOISE_FRAMES = 16
"""Frames whose noise comes from one seed, so that a piece sounds the same wherever pieces are cut."""

_PUNCTUATION = frozenset(';:,.!?—…"“” ')


@dataclass(slots=True)
class Utterance:
    """One run of the network. Positions are samples of the untrimmed waveform; `words` count from `begin`."""

    spectra: tuple[Floats, Floats, Floats, Floats, Floats]
    pulses: Floats
    frames: int
    begin: int
    end: int
    words: tuple[Word, ...]


class HibariModel:
    """Loads the network and the pronunciation once; about 0.7 s. `threads` are onnxruntime's.

    Raises `SpeechFailed` when the installed hibari-tts is not one whose durations can be read.
    """

    def __init__(self, threads: int = 1, seed: int = 0) -> None:
        try:
            import onnxruntime
            from hibari import Hibari, dsp
            from hibari.g2p import normalize
        except ImportError as e:
            raise SpeechFailed(
                'The English voice is not installed. Install it with: pip install "moksori[engine]"'
            ) from e
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = threads
        options.log_severity_level = 3
        self._hibari: Any = Hibari(threads=1)
        with open(self._hibari.model_path, "rb") as f:
            network = with_durations(f.read())
        self._session: Any = onnxruntime.InferenceSession(
            network, options, providers=["CPUExecutionProvider"]
        )
        # The package made a session of its own for the same file; it would hold the weights a second time.
        self._hibari.sess = None
        self._dsp: Any = dsp
        self._normalize: Any = normalize
        self._seed = seed

    # ------------------------------------------------------------------------------------- text to phonemes

    def read(self, words: Sequence[Saying]) -> tuple[str, list[int]]:
        """Phonemes for the words, and for each phoneme which word it belongs to (-1: the space between two)."""
        spoken = [(n, part) for n, word in enumerate(words) for part in word.spoken.split()]
        text = self._normalize(" ".join(part for _, part in spoken))
        g2p = self._hibari.g2p
        tokens = g2p.phonemize_tokens(g2p.tokenize(text)) if text else []
        owners = align([(n, part) for n, part in spoken], _read_words(tokens), self._normalize)
        phonemes, belongs, at = "", list[int](), 0
        for token in tokens:
            sounds = token.phonemes or ""
            phonemes += sounds
            belongs += [owners[at]] * len(sounds)
            if token.whitespace:
                phonemes += " "
                belongs.append(-1)
                at += 1
        head = len(phonemes) - len(phonemes.lstrip())
        kept = phonemes.strip()
        return kept, belongs[head : head + len(kept)]

    # ------------------------------------------------------------------------------------- phonemes to spectra

    def utter(self, words: Sequence[Saying], speed: float) -> Utterance | None:
        """Run the network on one sentence; None when nothing of it has a sound."""
        phonemes, belongs = self.read(words)
        vocabulary = self._hibari.vocab
        known = [
            (vocabulary[p], owner, p) for p, owner in zip(phonemes, belongs, strict=True) if p in vocabulary
        ]
        if not any(owner >= 0 and p not in _PUNCTUATION for _, owner, p in known):
            return None
        ids = np.asarray([[0, *[i for i, _, _ in known], 0]], np.int64)
        out = self._session.run(None, {"ids": ids, "speed": np.asarray([speed], np.float32)})
        lh, th, ln, lr, phi, f0 = (o[0] for o in out[:6])
        durations = out[6].reshape(-1)
        frames = int(lh.shape[1])
        if int(durations.sum()) * UNIT != frames * HOP:
            raise SpeechFailed("The English voice's durations do not add up; install hibari-tts 0.2.1.")
        level = _levels(lh, ln, lr, f0)
        loud = np.flatnonzero(level > SPEECH_DB)
        if not loud.size:
            return None
        utterance = Utterance((lh, th, ln, lr, phi), self._dsp.pulses(f0), frames, 0, 0, ())
        # The inverse STFT smears a sound over the two frames around it.
        first, last = max(0, int(loud[0]) - 3), min(frames, int(loud[-1]) + 3)
        utterance.end = last * HOP
        onset = _onset(self.render(utterance, first, min(frames, first + 12)))
        utterance.begin = min(first * HOP + onset, utterance.end - HOP)
        starts = np.concatenate(([0], np.cumsum(durations))) * UNIT
        utterance.words = _place(words, known, starts, level, utterance)
        return utterance

    # ------------------------------------------------------------------------------------- spectra to sound

    def render(self, utterance: Utterance, first: int, last: int) -> Floats:
        """The waveform of frames `first..last`: the same samples whichever frames are asked for together."""
        lo, hi = max(0, first - MARGIN), min(utterance.frames, last + MARGIN)
        lh, th, ln, lr, phi = (part[:, lo:hi] for part in utterance.spectra)
        dsp = self._dsp
        # S = e^lh e^(i pi tanh th) STFT(pulses) + e^ln Z + e^lr e^(i phi), as hibari's README gives it.
        spectrum = dsp.stft(utterance.pulses[lo * HOP : hi * HOP], hi - lo)
        spectrum = spectrum * (dsp.ex(lh) * np.exp(1j * np.pi * np.tanh(th)))
        spectrum = spectrum + dsp.ex(ln) * self._noise(lo, hi) + dsp.ex(lr) * np.exp(1j * phi)
        wave: Floats = dsp.ola(spectrum.astype(np.complex64))
        return wave[(first - lo) * HOP : (last - lo) * HOP]

    def _noise(self, lo: int, hi: int) -> NDArray[np.complex64]:
        blocks = []
        for block in range(lo // NOISE_FRAMES, (hi - 1) // NOISE_FRAMES + 1):
            generator = np.random.default_rng((self._seed, block))
            blocks.append(generator.standard_normal((NOISE_FRAMES, 601 * 2), dtype=np.float32))
        start = lo - lo // NOISE_FRAMES * NOISE_FRAMES
        noise: NDArray[np.complex64] = np.concatenate(blocks).view(np.complex64)[start : start + hi - lo].T
        return noise


def _levels(lh: Floats, ln: Floats, lr: Floats, f0: Floats) -> Floats:
    """Loudness of each frame in dB against full scale, estimated from the spectra before anything is rendered."""
    power = (np.exp(2 * np.minimum(lh, 7)) * (f0 > 40)).sum(0)
    power += np.exp(2 * np.minimum(ln, 7)).sum(0) + np.exp(2 * np.minimum(lr, 7)).sum(0)
    level: Floats = 10 * np.log10(power + 1e-12) - SPECTRUM_DB
    return level


def _onset(wave: Floats) -> int:
    """Where sound begins in a waveform that begins with silence, less the pre-roll."""
    steps = wave[: wave.size // STEP * STEP].reshape(-1, STEP)
    loud = np.flatnonzero(10 * np.log10((steps**2).mean(1) + 1e-12) > SPEECH_DB)
    return max(0, int(loud[0]) * STEP - PREROLL) if loud.size else 0


def _place(
    words: Sequence[Saying],
    known: Sequence[tuple[int, int, str]],
    starts: NDArray[np.int64],
    level: Floats,
    utterance: Utterance,
) -> tuple[Word, ...]:
    """Where each word sounds: from its first phoneme to the last sound before the next word's first phoneme.

    The silence of a pause is drawn out of the phonemes and marks around it, so it is taken off by its level.
    """
    begins: dict[int, int] = {}
    for n, (_, owner, phoneme) in enumerate(known):
        if owner >= 0 and phoneme not in _PUNCTUATION:
            begins.setdefault(owner, max(utterance.begin, int(starts[n + 1]) - LEAD))
    ends = [*list(begins.values())[1:], utterance.end]
    spans = dict(zip(begins, zip(begins.values(), ends, strict=True), strict=True))
    placed, at = [], 0
    for n, word in enumerate(words):
        if n not in spans:
            placed.append(Word(word.written, at, at))
            continue
        begin, end = spans[n]
        loud = np.flatnonzero(level[begin // HOP : end // HOP] > SPEECH_DB)
        if loud.size:
            end = min(end, (begin // HOP + int(loud[-1]) + 1) * HOP)
        start = max(at, begin - utterance.begin)
        at = max(start, end - utterance.begin)
        placed.append(Word(word.written, start, at))
    return tuple(placed)


# ------------------------------------------------------------------------------- words of text and words as read


def _read_words(tokens: Sequence[Any]) -> list[str]:
    words, current = [], ""
    for token in tokens:
        current += token.text
        if token.whitespace:
            words.append(current)
            current = ""
    return [*words, current] if current else words


def align(spoken: Sequence[tuple[int, str]], read: Sequence[str], normalize: Any) -> list[int]:
    """Which word of the text each word as read belongs to; "$5 3/14" is read "$5 March fourteenth": 0, 1, 1.

    `spoken` is (number of the text's word, one word of it). Words that were left alone anchor the alignment;
    between anchors each word is expanded by itself to learn how many words it becomes.
    """
    if not spoken:
        return [0] * (len(read) + 1)
    owners = [-1] * len(read)
    before = [word.lower() for _, word in spoken]
    matcher = SequenceMatcher(None, before, [word.lower() for word in read], autojunk=False)
    for kind, i1, i2, j1, j2 in matcher.get_opcodes():
        if kind == "equal":
            for i, j in zip(range(i1, i2), range(j1, j2), strict=True):
                owners[j] = spoken[i][0]
        elif i1 < i2:
            sizes = [max(1, len(normalize(spoken[i][1]).split())) for i in range(i1, i2)]
            for j, i in zip(range(j1, j2), _shared_out(sizes, j2 - j1), strict=True):
                owners[j] = spoken[i1 + i][0]
        else:
            for j in range(j1, j2):
                owners[j] = spoken[max(0, i1 - 1)][0]
    return [*owners, owners[-1] if owners else 0]


def _shared_out(sizes: Sequence[int], total: int) -> Iterator[int]:
    """`total` places given to entries in order, in proportion to their sizes."""
    whole, done = sum(sizes), 0
    ends = []
    for size in sizes:
        done += size
        ends.append(round(done * total / whole))
    entry = 0
    for place in range(total):
        while place >= ends[entry]:
            entry += 1
        yield entry


# ------------------------------------------------------------------------------------- the network's own durations


def with_durations(model: bytes, node_name: str = "") -> bytes:
    """An ONNX model with its predicted durations as one more output.

    The durations are what the CumSum node adds up: the only one, or the one of this name. A protobuf message that
    occurs twice in a file is merged and its repeated fields are joined (protobuf encoding, "Last One Wins"), so
    appending a `graph` that holds just one `output` adds it, and nothing else of the file is touched.
    """
    graphs = [value for field, value in _fields(model) if field == 7]  # ModelProto.graph
    sums = []
    for graph in graphs:
        for field, node in _fields(graph):
            if field != 1:  # GraphProto.node
                continue
            parts = list(_fields(node))
            named = not node_name or (3, node_name.encode()) in parts  # NodeProto.name
            if named and (4, b"CumSum") in parts:  # NodeProto.op_type
                sums.append(next(value for number, value in parts if number == 1))  # NodeProto.input
    if len(sums) != 1:
        raise SpeechFailed(
            "The voice's network has no readable durations; for the English one, install hibari-tts 0.2.1."
        )
    output = _field(12, _field(1, sums[0]))  # GraphProto.output, ValueInfoProto.name
    return model + _field(7, output)


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and content of a protobuf message's length-delimited fields."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        match tag & 7:
            case 0:
                _, at = _varint(message, at)
            case 1:
                at += 8
            case 5:
                at += 4
            case 2:
                size, at = _varint(message, at)
                yield tag >> 3, message[at : at + size]
                at += size
            case kind:
                raise SpeechFailed(f"The English voice's network file is damaged (wire type {kind}).")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(message):
            raise SpeechFailed("The English voice's network file is damaged: it ends too early.")
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _field(number: int, content: bytes) -> bytes:
    def varint(value: int) -> bytes:
        out = bytearray()
        while value > 127:
            out.append(value & 127 | 128)
            value >>= 7
        return bytes([*out, value])

    return varint(number << 3 | 2) + varint(len(content)) + content
