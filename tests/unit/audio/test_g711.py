"""G.711 against the Recommendation's own tables, walked value by value."""

import numpy as np
import pytest

from moksori.audio import g711

EVERY_SAMPLE = np.arange(-32768, 32768)
EVERY_OCTET = bytes(range(256))

# Table 2a/G.711 (mu-law), positive values, 14-bit scale: (first decision value, step, character signal) of
# the eight segments; 16 steps each. Table 1a (A-law), 12-bit scale: the same, 0 and 1 sharing a step.
MU_SEGMENTS = [(0, 2, 0xFF), (31, 4, 0xEF), (95, 8, 0xDF), (223, 16, 0xCF), (479, 32, 0xBF), (991, 64, 0xAF),
               (2015, 128, 0x9F), (4063, 256, 0x8F)]  # fmt: skip
A_SEGMENTS = [(0, 2), (32, 2), (64, 4), (128, 8), (256, 16), (512, 32), (1024, 64), (2048, 128)]


def mu_octet(sample: int) -> int:
    magnitude = min((sample if sample >= 0 else ~sample) >> 2, 8158)
    first, step, top = next(s for s in reversed(MU_SEGMENTS) if magnitude >= s[0])
    # In the first segment the first interval is half as wide: 0 to 1, then 1 to 3, 3 to 5 ...
    index = (magnitude + 1) // 2 if first == 0 else (magnitude - first) // step
    octet = top - index
    return octet if sample >= 0 else octet & 0x7F


def a_octet(sample: int) -> int:
    magnitude = (sample if sample >= 0 else ~sample) >> 3
    segment, (first, step) = next(s for s in reversed(list(enumerate(A_SEGMENTS))) if magnitude >= s[1][0])
    word = (0x80 if sample >= 0 else 0) | segment << 4 | (magnitude - first) // step
    return word ^ 0x55


@pytest.mark.parametrize(
    ("encode", "table"), [(g711.pcm_to_mu_law, mu_octet), (g711.pcm_to_a_law, a_octet)], ids=["mu", "A"]
)
def test_every_sample_is_coded_as_the_tables_say(encode, table) -> None:
    octets = encode(EVERY_SAMPLE.astype("<i2").tobytes())
    assert octets == bytes(table(int(sample)) for sample in EVERY_SAMPLE)


@pytest.mark.parametrize(
    ("decode", "known"),
    [
        # Decoder output values y of tables 2a/2b and 1a/1b, times 4 and times 8.
        (
            g711.mu_law_to_pcm,
            {0xFF: 0, 0xFE: 8, 0xF0: 30 * 4, 0xEF: 33 * 4, 0x80: 8031 * 4, 0: -8031 * 4},
        ),
        (g711.a_law_to_pcm, {0xD5: 1 * 8, 0x55: -1 * 8, 0xC5: 33 * 8, 0xAA: 4032 * 8, 0x2A: -4032 * 8}),
    ],
    ids=["mu", "A"],
)
def test_octets_decode_to_the_tables_values(decode, known) -> None:
    decoded = np.frombuffer(decode(EVERY_OCTET), "<i2")
    assert {octet: int(decoded[octet]) for octet in known} == known


def test_what_was_decoded_is_coded_as_it_was() -> None:
    assert g711.pcm_to_a_law(g711.a_law_to_pcm(EVERY_OCTET)) == EVERY_OCTET
    again = g711.pcm_to_mu_law(g711.mu_law_to_pcm(EVERY_OCTET))
    assert again == EVERY_OCTET.replace(b"\x7f", b"\xff")  # minus zero decodes to zero, which is plus zero


def test_silence() -> None:
    assert g711.pcm_to_mu_law(bytes(4)) == bytes([g711.MU_LAW_SILENCE]) * 2
    assert g711.pcm_to_a_law(bytes(4)) == bytes([g711.A_LAW_SILENCE]) * 2
    with pytest.raises(ValueError, match="buffer size"):
        g711.pcm_to_a_law(b"\0")
