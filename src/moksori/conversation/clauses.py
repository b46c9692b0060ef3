"""Streamed text cut into clauses that can be spoken one after another, and text made fit to be spoken.

The first clause of an answer decides when the caller hears something, so it is cut as early as a clause
sounds natural; later ones are longer, because a voice speaks a longer clause better. Nothing is lost: the
clauses joined are the text with its white space folded. A clause keeps the space before it, not the one
behind it, so that it can be given out before what follows is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Cut = Literal["end", "pause"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a clause is, in units of about a syllable: a Hangul or CJK character is 1, other words 2."""

    pause: int
    """A comma and its like end a clause of at least so much."""
    end: int
    """A full stop and its like end a clause of at least so much."""
    soft: int
    """From here on a clause also ends before a conjunction or after a connective ending."""
    hard: int
    """From here on it ends at any white space that does not part what belongs together."""


FIRST = Limits(pause=6, end=2, soft=16, hard=28)
"""Three words or six syllables: 0.6 to 1 s of sound, which covers the making of the next clause."""
SLOW = Limits(pause=6, end=2, soft=8, hard=12)
"""The first clause where text comes slowly: six words, so that the caller need not wait for twice as many. The next one
is then as long as a first one, since only two seconds of sound cover its making."""
LATER = Limits(pause=14, end=4, soft=36, hard=60)
"""At most about ten seconds of sound, below the 400 phonemes the English voice takes at once."""

WHOLE = Limits(pause=1 << 30, end=1 << 30, soft=1 << 30, hard=1 << 30)
"""Everything is one clause, up to `MAX_CHARS`."""

MAX_CHARS = 300
"""A clause is given out at this length whatever it holds, so that the buffer is bounded."""
QUOTE_MAX = 90
"""A quotation or bracket open for more characters than this is taken as never closed."""

_HANGUL = "\uac00-\ud7a3\u1100-\u11ff\u3130-\u318f"
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_SYLLABLES = re.compile(f"[{_HANGUL}{_CJK}]")
_OTHER_WORDS = re.compile(f"(?:(?![{_HANGUL}{_CJK}_])\\w)(?:(?![{_HANGUL}{_CJK}\\s])[\\w'’.,:/@-])*")
_EAST = re.compile(f"[{_HANGUL}{_CJK}]")

_PARTS = re.compile(rf"\s+|\S{{1,{MAX_CHARS}}}")
_CLOSERS = "\"”’')\\]」』》*_`"
_STOP = re.compile(f"[.!?…。！？,，、;；:：—]+[{_CLOSERS}]*")
_FULL_WIDTH = frozenset("。！？，、；：")
_ENDS = frozenset(".!?…。！？")
_PAIRS = {"(": ")", "[": "]", "“": "”", "「": "」", "『": "』", "《": "》"}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TITLES = _words(
    "mr mrs ms dr prof st mt ft gen gov sen rep capt lt col sgt rev hon e.g i.e eg ie vs approx est cf "
    "jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thurs fri sat sun"
)
"""A full stop after these never ends a sentence."""
_BEFORE_NUMBER = _words("no nos art fig vol p pp ch sec ext ver rm apt")
"""A full stop after these does not when a digit follows: No. 5."""
_EITHER = _words("etc a.m p.m am pm inc ltd co corp jr sr ave blvd rd u.s u.k dept ph.d")
"""A full stop after these does when a new sentence follows: a capital letter or Hangul."""

_CONJUNCTIONS = _words(
    "and but or so because which who that when while if then although though unless until since after before "
    "however where 그리고 그런데 하지만 그래서 그러면 또는 또한 다만 그러나"
)
_CLINGING = _words(
    "a an the of to in on at for with within without into about from by as is are was were be been will "
    "would can could may might must shall should do does did have has had my your his her its our their this "
    "that these those no not and or but very more most less than i you he she it we they "
    "약 총 단 제 각 이 그 저 한 두 세 네"
)
"""Words that belong to the one after them."""
_DEPENDENT = re.compile(
    "(?:수|것|거|게|건|걸|때|적|뿐|만큼|중|채|줄|데|바|지|후|뒤|전|동안|때문|있|없|않|싶|주세|주시|드리|보[세시]|분|개|원|일|월|년|시)"
)
"""Korean: a dependent noun, auxiliary verb or counter stays with the eojeol before it."""
_CONNECTIVE = re.compile("(?:고|며|면서|는데|은데|ㄴ데|인데|지만|면|서|니까|므로|려면|도록|거나|든지|다가)$")
"""Korean endings after which a speaker may draw breath."""


def weight(text: str) -> int:
    """Length of a text in the units of `Limits`."""
    return len(_SYLLABLES.findall(text)) + 2 * len(_OTHER_WORDS.findall(text))


class Chunker:
    """Cuts one answer's text, pushed in pieces of any size, into clauses. Its buffer is bounded.

    >>> c = Chunker()
    >>> [*c.push("Sure, let me check that"), *c.push(" for you. It shi"), *c.push("pped today."), *c.flush()]
    ['Sure, let me check that for you.', ' It shipped today.']
    """

    def __init__(self, first: Limits = FIRST, later: Limits = LATER) -> None:
        self._first = first
        self._later = later
        self._limits = first
        self._none_yet = True
        # What was not given out yet, white space folded, none at its end.
        self._text = ""
        # White space came after `_text`; it becomes one space before the next character.
        self._gap = False
        # Positions in `_text` after which a line ended.
        self._lines: list[int] = []
        self._begun = False

    def push(self, piece: str, *, slow: bool = False) -> tuple[str, ...]:
        """Add text; returns the clauses that are complete now, which is often none.

        `slow`: somebody waits for the first clause already, which therefore ends sooner (`SLOW`).
        """
        if slow and self._none_yet and self._first is FIRST:
            self._limits = SLOW
        clauses: list[str] = []
        # Word by word, so that a text gives the same clauses whether it comes whole or in tokens.
        for part in _PARTS.findall(piece):
            self._take(part)
            clauses += self._cut_all()
        return tuple(clauses)

    def flush(self) -> tuple[str, ...]:
        """The text is complete: returns the rest, as one clause or more. The chunker then is as new."""
        clauses = self._cut_all(complete=True)
        if self._text:
            clauses.append(self._text)
        self._text, self._gap, self._lines, self._begun = "", False, [], False
        self._limits, self._none_yet = self._first, True
        return tuple(clauses)

    def _take(self, part: str) -> None:
        if not part.isspace():
            self._text += " " + part if self._gap else part
            self._gap, self._begun = False, True
            return
        self._gap = self._begun
        if "\n" in part and self._text and self._lines[-1:] != [len(self._text)]:
            self._lines.append(len(self._text))

    def _cut_all(self, complete: bool = False) -> list[str]:
        clauses: list[str] = []
        while (end := self._find(complete)) is not None:
            clauses.append(self._text[:end])
            self._text = self._text[end:]
            self._lines = [at - end for at in self._lines if at > end]
            self._limits = self._first if self._limits is SLOW else self._later
            self._none_yet = False
        return clauses

    def _find(self, complete: bool) -> int | None:
        """Where the first clause of the buffer ends, or None when that is not known or not there yet."""
        text, limits = self._text, self._limits
        stops: list[tuple[int, Cut]] = [(at, "end") for at in self._lines if at < len(text) or self._gap]
        for run in _STOP.finditer(text):
            kind = self._judge(run, complete)
            if kind is not None and not _inside_quotes(text, run.end()):
                stops.append((run.end(), kind))
        for end, kind in sorted(stops):
            if weight(text[:end]) >= (limits.end if kind == "end" else limits.pause):
                return end if end < len(text) or not complete else None
        # Only whole words count, so that the place does not depend on how the text was pieced.
        units = weight(text if self._gap else text[: max(0, text.rfind(" "))])
        if units >= limits.soft and (soft := _soft_cut(text, limits, units >= limits.hard)):
            return soft
        if len(text) >= MAX_CHARS:
            space = text.rfind(" ", 1)
            return space if space > 0 else len(text)
        return None

    def _judge(self, run: re.Match[str], complete: bool) -> Cut | None:
        """Whether punctuation ends a clause; None: it does not, or what follows must be seen first."""
        text, marks = self._text, run.group()
        kind: Cut = "end" if any(mark in _ENDS for mark in marks) else "pause"
        before = text[: run.start()]
        word = before[before.rfind(" ") + 1 :].lstrip("\"'“‘([*_")
        after = text[run.end() :] or (" " if self._gap or complete else "")
        if marks[0] in _FULL_WIDTH or marks[0] == "—":
            return kind if word else None
        eastern = bool(word) and bool(_EAST.match(word[-1]))
        if not after:
            # Nothing is known of what follows; sure only after a plain word, and for "." after Hangul.
            plain = word.replace("'", "").replace("’", "").isalpha()
            sure = plain and (marks[0] in ",;!?" or (eastern and marks[0] in ".…"))
            return kind if sure else None
        if not after[0].isspace():
            return kind if eastern and kind == "end" and _EAST.match(after[0]) else None
        if marks.rstrip("\"”’')]*_`") == "." and not eastern:
            return kind if _is_full_stop(before, word, after.lstrip(), complete) else None
        return kind


def clauses(text: str) -> tuple[str, ...]:
    """All clauses of a text that is known whole."""
    chunker = Chunker()
    return (*chunker.push(text), *chunker.flush())


def _is_full_stop(before: str, word: str, following: str, complete: bool) -> bool:
    """Whether the "." after `word` ends a sentence. Unknown counts as no; more text will tell."""
    lower = word.lower()
    if lower in _TITLES:
        return False
    if not before.strip(" -*•#") or before.strip(" -*•#").isdigit():
        return False  # "1." at the head of a list item
    if len(word) == 1 and word.isupper() and word != "I":
        return False  # an initial
    if lower in _BEFORE_NUMBER or lower in _EITHER:
        if not following:
            return complete
        if lower in _BEFORE_NUMBER:
            return not following[0].isdigit()
        return following[0].isupper() or bool(_EAST.match(following[0]))
    return True


def _inside_quotes(text: str, end: int) -> bool:
    """Whether a quotation or bracket is open at `end`."""
    opened: list[tuple[str, int]] = []
    for at, char in enumerate(text[:end]):
        if char == '"':
            if opened and opened[-1][0] == '"':
                opened.pop()
            else:
                opened.append(('"', at))
        elif char in _PAIRS:
            opened.append((_PAIRS[char], at))
        elif opened and char == opened[-1][0]:
            opened.pop()
    return any(end - at <= QUOTE_MAX for _, at in opened)


def _soft_cut(text: str, limits: Limits, anywhere: bool) -> int | None:
    """The white space to end a long clause at: by a conjunction or connective, else (`anywhere`) the last."""
    spaces = [m.start() for m in re.finditer(" ", text) if m.start() > 0]
    fallback = None
    for at in spaces:
        if weight(text[:at]) < limits.pause or _inside_quotes(text, at):
            continue
        before, after = text[:at].rsplit(" ", 1)[-1], text[at + 1 :].split(" ", 1)
        # The word after the cut must be whole before it can be judged.
        if len(after) < 2:
            continue
        opens = after[0].lower() in _CONJUNCTIONS and before.lower() not in _CONJUNCTIONS
        if not opens and _belong_together(before, after[0]):
            continue
        if opens or _CONNECTIVE.search(before):
            return at
        if weight(text[:at]) >= limits.soft:
            fallback = at
    return fallback if anywhere else None


def _belong_together(word: str, following: str) -> bool:
    bare = word.strip("\"'“”‘’()[]*_,.").lower()
    return (
        not bare
        or bare[-1].isdigit()
        or bare in _CLINGING
        or bare in _TITLES
        or bare in _BEFORE_NUMBER
        or following[0].isdigit()
        or not any(c.isalnum() for c in following)
        or bool(_DEPENDENT.match(following))
    )


# ---------------------------------------------------------------- made fit to be spoken


@dataclass(frozen=True, slots=True)
class Saying:
    """One word as written (a run of non-space characters) and what a voice should say for it.

    `spoken` is "" for what has no sound, and may be several words.
    """

    written: str
    spoken: str


_DOT = {"ko": "점"}
_AT = {"ko": "골뱅이"}

_LINK = re.compile(r"!?\[(?P<text>[^\[\]]*)\]\([^()\s]*\)")
_FENCE = re.compile(r"```\w*|~~~\w*")
_TAG = re.compile(r"</?[A-Za-z][^<>\s]*/?>")
_EMOJI = re.compile(
    "[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u2190-\u21ff\u2300-\u23ff\ufe0e\ufe0f\u20e3"
    "\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff\U000e0020-\U000e007f\x00-\x08\x0e-\x1f\x7f]"
)
_URL = re.compile(r"(?:https?://|www\.)[^\s<>()\[\]]+", re.IGNORECASE)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_EMPHASIS = re.compile(r"(?<!\d)\*+|\*+(?!\d)|`+|~~|(?<!\w)_+|_+(?!\w)|^#+$")
_TRAILING_TILDE = re.compile(r"[~〜]+(?=[.!?]*$)")
_SOUNDS = re.compile(r"[^\W_]|[&%+=$€£¥₩@]")


def speakable(text: str, language: str | None = None) -> tuple[Saying, ...]:
    """What to say for each word of a text: no markup, no emoji, addresses shortened to what one says aloud.

    The `written` sides joined with single spaces are the text with its white space folded, so that word
    timing stays aligned. Numbers, dates and abbreviations are left to the voice, which knows its language.
    """
    removed = _markup(text)
    return tuple(
        Saying(m.group(), _say(_without(text, m.start(), m.end(), removed), language or "en"))
        for m in re.finditer(r"\S+", text)
    )


def _markup(text: str) -> list[tuple[int, int]]:
    """Spans of `text` that are markup around words: links keep their text, fences and tags go."""
    spans: list[tuple[int, int]] = []
    for m in _LINK.finditer(text):
        spans += [(m.start(), m.start("text")), (m.end("text"), m.end())]
    for pattern in (_FENCE, _TAG):
        spans += [m.span() for m in pattern.finditer(text)]
    return sorted(spans)


def _without(text: str, start: int, end: int, removed: Iterable[tuple[int, int]]) -> str:
    kept, at = [], start
    for a, b in removed:
        if b > at and a < end:
            kept.append(text[at : max(at, a)])
            at = max(at, b)
    kept.append(text[at:end] if at < end else "")
    return "".join(kept)


def _say(word: str, language: str) -> str:
    word = _EMOJI.sub("", word)
    if _URL.search(word):
        word = _URL.sub(lambda m: _address(m.group(), language), word)
    elif _EMAIL.search(word):
        word = _EMAIL.sub(lambda m: _address(m.group(), language), word)
    else:
        word = _TRAILING_TILDE.sub("", _EMPHASIS.sub("", word)).replace("|", " ").strip()
    return word if _SOUNDS.search(word) else ""


def _address(address: str, language: str) -> str:
    """ "https://www.example.com/a?b=1." is said "example dot com."; an e-mail address is said whole."""
    tail = re.search(r"[.,!?;:'\"]*$", address)
    stops = tail.group() if tail else ""
    host = re.sub(r"^(?:https?://)?(?:www\.)?", "", address.removesuffix(stops), flags=re.IGNORECASE)
    host = re.split(r"[/?#:]", host)[0] if "@" not in host else host
    said = host.replace(".", f" {_DOT.get(language, 'dot')} ").replace("@", f" {_AT.get(language, 'at')} ")
    return said + stops
