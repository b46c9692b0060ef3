"""A clause cut into what the network speaks in one run, and which of it can be rendered before anybody calls.

In a text to be rendered ahead, `{slots}` mark what varies. Parts without a slot are rendered whole. Of a part with
one, the eojeol before its first slot (the head) and after its last (the tail) are rendered, where they are long
enough to be spoken alone; only what lies between is synthesised when it is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from moksori.conversation.clauses import LATER, Chunker, clauses

SHORTEST_PART = 4
"""Syllables: a comma after fewer ("네,") ends no part; the network speaks so little badly alone."""
LONGEST_PART = 32
"""Syllables, about six seconds: a longer part is cut at a space. Its sound comes only when all of it is made."""

SHORTEST_START, LONGEST_START = 5, 12
"""Syllables of a part's first piece where somebody waits for it: 1 to 2.5 s of sound, made in 0.4 to 0.9 s."""
WORTH_CUTTING = 14
"""Syllables; a shorter part is made nearly as soon as its first piece would be."""
_PARTICLE = re.compile("(?:은|는|이|가|을|를|에|에서|으로|로|도|고|며|면)[,]?$")
"""After these a Korean speaker may pause."""

_SLOT = re.compile(r"\{[^{}]*\}")


def parts(text: str) -> tuple[str, ...]:
    """A clause cut at its marks, and a long stretch without any at a space; every eojeol stays whole.

    >>> parts("네, 확인했습니다. 주문번호는 1234, 총 5,000원입니다.")
    ('네, 확인했습니다.', '주문번호는 1234,', '총 5,000원입니다.')
    """
    out: list[str] = []
    words: list[str] = []
    for word in text.split():
        if words and syllables([*words, word]) > LONGEST_PART:
            out.append(" ".join(words))
            words = []
        words.append(word)
        ended = re.search(r"[.!?…]+[\"'”’)\]]*$", word) is not None and not re.fullmatch(
            r"[\d.]+|\(?\d+\)?\.", word
        )
        paused = re.search(r"[,;:]$", word) is not None and syllables(words) >= SHORTEST_PART
        if ended or paused:
            out.append(" ".join(words))
            words = []
    return (*out, " ".join(words)) if words else tuple(out)


def syllables(words: Sequence[str]) -> int:
    """About as many as are spoken: Hangul, letters and digits."""
    return sum(sum("가" <= c <= "힣" or c.isalnum() for c in word) for word in words)


def start(spoken: Sequence[str]) -> int:
    """How many eojeol of a part (each as it is spoken) to make first so that it sounds early; 0: all at once.

    What follows is made while they sound, so it must not take longer than they last.

    >>> start(["주문", "더블유 이삼칠팔은", "대한통운으로", "가고", "있어요."]), start(["네,", "확인했습니다."])
    (2, 0)
    """
    if syllables(spoken) < WORTH_CUTTING:
        return 0
    for count in range(1, len(spoken)):
        size = syllables(spoken[:count])
        if size > LONGEST_START:
            break
        if size >= SHORTEST_START and _PARTICLE.search(spoken[count - 1]):
            return count if syllables(spoken[count:]) >= SHORTEST_PART else 0
    return 0


def fitting(spoken: Sequence[str], most: float) -> int:
    """How many eojeol of a part to make now so that about `most` syllables are not exceeded; all, where they fit.

    Cut after a particle where there is one, and never so that what is made or what is left is too short to be spoken
    alone.

    >>> fitting(["주문하신", "무선", "이어폰은", "오늘", "오후에", "배송될", "예정입니다."], 12)
    3
    """
    if syllables(spoken) <= max(most, WORTH_CUTTING - 1):
        return len(spoken)
    possible = [
        count
        for count in range(1, len(spoken))
        if syllables(spoken[:count]) >= SHORTEST_START and syllables(spoken[count:]) >= SHORTEST_PART
    ]
    fit = [count for count in possible if syllables(spoken[:count]) <= most]
    paused = [count for count in fit if _PARTICLE.search(spoken[count - 1])]
    return max(paused or fit or possible[:1] or [len(spoken)])


@dataclass(frozen=True, slots=True)
class Ahead:
    """What is rendered ahead: parts said whole, and both ends of parts with a slot inside. Each once, in order."""

    whole: tuple[str, ...]
    heads: tuple[str, ...]
    tails: tuple[str, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.whole, *self.heads, *self.tails)))


def ahead(texts: Iterable[str]) -> Ahead:
    """Cut texts as answers are cut before they are spoken: as the beginning of an answer, and as what follows."""
    whole, heads, tails = dict[str, None](), dict[str, None](), dict[str, None]()
    for text in texts:
        later = Chunker(LATER, LATER)
        for clause in (*clauses(text), *later.push(text), *later.flush()):
            for part in parts(clause):
                head, slots, tail = _around_slots(part.split())
                if not slots:
                    whole[part] = None
                    continue
                if syllables(head) >= SHORTEST_PART:
                    heads[" ".join(head)] = None
                if syllables(tail) >= SHORTEST_PART:
                    tails[" ".join(tail)] = None
    # A sentence in the middle of one text may begin another answer, and is cut shorter there.
    for known in (*whole, *heads, *tails):
        shorter = [part for clause in clauses(known) for part in parts(clause)]
        if len(shorter) > 1:
            whole.update(dict.fromkeys(shorter))
    return Ahead(tuple(whole), tuple(heads), tuple(tails))


def _around_slots(words: Sequence[str]) -> tuple[Sequence[str], Sequence[str], Sequence[str]]:
    """The eojeol before the first slot, from there to the last one, and after it."""
    at = [n for n, word in enumerate(words) if _SLOT.search(word)]
    if not at:
        return words, (), ()
    return words[: at[0]], words[at[0] : at[-1] + 1], words[at[-1] + 1 :]


def ends(words: Sequence[str], heads: frozenset[str], tails: frozenset[str]) -> tuple[str, str]:
    """The longest known head and tail of a part, each "" if there is none.

    Between them at least as much is left as can be spoken alone: where it would be less, the tail is not taken.

    >>> ends("장바구니에 셔츠가 들어 있습니다.".split(), frozenset({"장바구니에"}), frozenset({"들어 있습니다."}))
    ('장바구니에', '')
    """
    head = _longest((words[:n] for n in range(len(words) - 1, 0, -1)), heads)
    rest = words[len(head) :]
    tail = _longest((rest[n:] for n in range(1, len(rest))), tails)
    if syllables(rest[: len(rest) - len(tail)]) < SHORTEST_PART:
        tail = ()
    return " ".join(head), " ".join(tail)


def _longest(candidates: Iterable[Sequence[str]], known: frozenset[str]) -> Sequence[str]:
    return next((words for words in candidates if " ".join(words) in known), ())
