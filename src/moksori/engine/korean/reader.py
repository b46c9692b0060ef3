"""Service text as it is spoken: every number, sign and Latin letter in Hangul, eojeol by eojeol.

The eojeol of the text stay what they are, since the playback map counts them; what one is said as may be several
words, or nothing. Rules with their sources, and the policy where there is no rule: docs/reference/korean.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from moksori.conversation.clauses import Saying, speakable
from moksori.engine.korean import latin, numbers
from moksori.engine.korean.lexicon import LEXICON
from moksori.engine.korean.numerals import digits, grouped, sino

_TOKENS = re.compile(
    "(?:"
    + "|".join(re.escape(t) for t in sorted(LEXICON.tokens, key=len, reverse=True))
    + r")(?<!\.)(?![A-Za-z0-9])"
    + "|"
    + "|".join(re.escape(t) for t in LEXICON.tokens if t.endswith("."))
)
_RANGE = re.compile(r"[~〜∼～]")
_DASHED_RANGE = re.compile(r"(\d{1,2}|\d{1,2}:\d\d)[-–](\d{1,2}:\d\d|\d{1,2}(?=[가-힣%]))")
_DROPPED = re.compile("[\"'“”‘’`*_|\\\\^]|[ㅋㅎㅠㅜ]{2,}|(?<!\\S)[-–—]+(?!\\S)")
_SPACED = re.compile(r"[()\[\]{}<>「」『』《》·∙•]|(?<=[가-힣])/(?=[가-힣])")
_RUN = re.compile(r"([.!?…,;:])[.!?…,;:]+")
_LABEL_TAIL = re.compile(r"(?:은|는|이|가|을|를)?[:,]?$")
_NUMBER_ONLY = re.compile(rf"(?:{numbers.NUMBER})(?:\.\d+)?")
_UNIT_WORD = re.compile(
    rf"(?:{'|'.join(re.escape(u) for u in sorted(LEXICON.units, key=len, reverse=True))})(?![A-Za-z0-9])"
)
_YEAR_DOT = re.compile(r"(?:19|20)\d\d\.")
_DAY_DOT = re.compile(r"(\d{1,2})\.")


@dataclass(slots=True)
class _Context:
    """What the eojeol read so far leave behind for the next one."""

    words: list[str]
    at: int = 0
    # A currency stood before its amount: KRW 30,000.
    currency: str = ""
    # The last eojeol was a group of a telephone number.
    spelling: bool = False
    # What of a date with spaces comes next: 2026. 11. 27.
    date: str = ""

    def near(self, offset: int) -> str:
        at = self.at + offset
        return self.words[at] if 0 <= at < len(self.words) else ""

    @property
    def named(self) -> bool:
        """Whether the eojeol before says that a number's name follows."""
        label = _LABEL_TAIL.sub("", self.near(-1).strip("\"'()[]"))
        return label.endswith(LEXICON.labels)


def read(text: str) -> tuple[Saying, ...]:
    """What to say for each eojeol of a text. Joined, the `written` sides are the text with its white space folded."""
    words = speakable(text, "ko")
    context = _Context([word.spoken for word in words])
    said = []
    for word in words:
        spoken = _eojeol(word.spoken, context) if word.spoken else ""
        said.append(Saying(word.written, spoken))
        context.at += 1
    return tuple(said)


def spoken(text: str) -> str:
    """The whole text as it is said.

    >>> spoken("총 12,300원, 셔츠 2벌")
    '총 만 이천삼백 원, 셔츠 두 벌'
    """
    return " ".join(word.spoken for word in read(text) if word.spoken)


def _eojeol(word: str, context: _Context) -> str:
    if said := _of_date_with_spaces(word, context):
        return said
    if found := _TOKENS.fullmatch(word):
        return LEXICON.tokens[found.group()]
    if context.currency:
        word, context.currency = context.currency + word, ""
    elif (sign := _currency_code(word)) and _NUMBER_ONLY.match(context.near(1)):
        context.currency = sign
        return ""
    parts = []
    for part in _SPACED.sub(" ", _protect(word)).split():
        cleaned = _DROPPED.sub("", part)
        if cleaned:
            parts.append(_range(cleaned, context))
    out = " ".join(part for part in parts if part)
    out = _RUN.sub(r"\1", out.replace("…", ".")).replace(" ,", ",")
    return out.strip() if re.search(r"[가-힣]", out) else ""


def _currency_code(word: str) -> str:
    """The sign of a currency written as its three letters, "" if the word is none."""
    unit = LEXICON.units.get(word) if len(word) == 3 else None
    return next((sign for sign, name in LEXICON.currency.items() if name == unit), "")


def _protect(word: str) -> str:
    """Brackets that belong to a token stay: (주), 02)123-4567."""
    word = word.replace("(주)", "㈜")
    return re.sub(r"(?<=\d)\)(?=\d)", "-", word)


def _of_date_with_spaces(word: str, context: _Context) -> str:
    match context.date:
        case "" if _YEAR_DOT.fullmatch(word) and _DAY_DOT.fullmatch(context.near(1)):
            context.date = "month"
            return f"{sino(int(word[:-1]))} 년"
        case "month":
            found = _DAY_DOT.fullmatch(word)
            context.date = "day" if found and re.match(r"\d{1,2}\.?", context.near(1)) else ""
            return numbers.month_name(int(found[1])) if found else ""
        case "day":
            context.date = ""
            day = re.match(r"(\d{1,2})(.*)", word)
            return f"{sino(int(day[1]))} 일{day[2]}" if day else ""
        case _:
            return ""


def _range(word: str, context: _Context) -> str:
    """A에서 B. A counter of the end counts for the start as well; native numerals need it said twice."""
    dashed = _DASHED_RANGE.match(word)
    if dashed and (":" in dashed[1] or (dashed[1][0] != "0" and int(dashed[1]) < int(dashed[2]))):
        ends = [dashed[1], word[dashed.start(2) :]]
    else:
        ends = [end for end in _RANGE.split(word) if end]
    if len(ends) != 2:
        return _scan(" ".join(ends), context)
    left, right = ends
    if left.isdigit() and (found := re.match(rf"(?:{numbers.NUMBER})", right)):
        counter = numbers.counter_of(right[found.end() :])
        if counter in LEXICON.native:
            left += counter
    return f"{_scan(left, context, alone=True)}에서 {_scan(right, context)}"


def _scan(word: str, context: _Context, alone: bool = False) -> str:
    """Read an eojeol token by token. `alone`: what follows the eojeol is not looked at."""
    out, at, token_before = "", 0, False
    before_spelling, context.spelling = context.spelling, False
    while at < len(word):
        said, end = _token(word, at, context, before_spelling, alone)
        if said is None:
            # 번 after a name's number is a word of its own, and so is what follows 주식회사.
            apart = token_before and (word.startswith("번", at) or word[at - 1] == "㈜")
            out += " " + word[at] if apart else word[at]
            token_before = False
            at += 1
            continue
        if token_before and said:
            out += " "
        out += said
        token_before = bool(said)
        at = end
    return out.strip()


def _token(word: str, at: int, context: _Context, spelling: bool, alone: bool) -> tuple[str | None, int]:
    """What the token at this place is said as, and where it ends; None for a character that is said as it is."""
    char = word[at]
    if "가" <= char <= "힣":
        return None, at
    if found := _TOKENS.match(word, at):
        return LEXICON.tokens[found.group()], found.end()
    for pattern, say in _NAMED:
        if (found := pattern.match(word, at)) and (said := say(found)) is not None:
            context.spelling = pattern is numbers.TELEPHONE and found.end() == len(word)
            return said, found.end()
    if found := numbers.AMOUNT.match(word, at):
        return _amount(found, word, context, spelling, alone)
    if found := re.compile("[A-Za-z]+").match(word, at):
        return _letters(found.group(), word, at, context), found.end()
    if char in "x×*" or (char == "+" and len(word) == 1):
        return LEXICON.signs.get(char, "곱하기"), at + 1
    if char == "#":
        return "", at + 1
    if char in "/-~–—−":
        return "", at + 1
    if char in LEXICON.signs:
        return LEXICON.signs[char], at + 1
    return (None, at) if char in ".,!?;:… " else ("", at + 1)


def _amount(
    found: re.Match[str], word: str, context: _Context, spelling: bool, alone: bool
) -> tuple[str, int]:
    end = found.end()
    following, after = word[end:], context.near(1)
    inside = bool(following.strip(".,!?;:"))
    if not inside and not alone and not following:
        following, after = context.near(1), context.near(2)
    around = numbers.Around(word[: found.start()], following, after, context.near(-1), context.named)
    whole = found.group().isdigit() and (end == len(word) or not word[end].isdigit())
    if spelling and found.start() == 0 and whole and len(found.group()) in (3, 4):
        context.spelling = end == len(word)
        return digits(found.group()), end
    try:
        said, taken = numbers.amount(found, around)
    except ValueError:
        bare = re.match(rf"{numbers.NUMBER}", found.group())
        assert bare is not None
        end = bare.end() + found.start()
        return _amount_of_article(bare.group(), word, end)
    if whole and said == grouped(found.group()) and found.group()[0] == "0":
        context.spelling = end == len(word)
    if taken and not inside:
        # The counter is an eojeol of its own: it is said there.
        said = said.rsplit(" ", 1)[0] if not said.endswith("월") else said[:-1]
        return said, end
    end += taken
    if word[end : end + 1] in ("x", "×", "*", "X") and word[end + 1 : end + 2].isdigit():
        return f"{said} 곱하기", end + 1
    return said, end


def _amount_of_article(number: str, word: str, end: int) -> tuple[str, int]:
    """제3조: the 조 of a law is no trillion."""
    return f"{sino(int(number))} {word[end]}", end + 1


def _letters(token: str, word: str, at: int, context: _Context) -> str:
    if token == "x" and len(word) == 1:
        return "곱하기"
    number_before = at == 0 and _NUMBER_ONLY.fullmatch(context.near(-1)) is not None
    if number_before and (unit := _UNIT_WORD.match(word)) and unit.group() == token:
        return LEXICON.units[token]
    return latin.word(token)


_NAMED: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str | None]], ...] = (
    (numbers.DATE, lambda m: numbers.date(m["year"], m["month"], m["day"])),
    (numbers.TIME, lambda m: numbers.time(m["hour"], m["minute"], m["second"])),
    (numbers.RATIO, lambda m: f"{sino(int(m['left']))} 대 {sino(int(m['right']))}"),
    (numbers.SHORT_DATE, lambda m: numbers.slashed(m["month"], m["day"])),
    (numbers.TELEPHONE, lambda m: numbers.telephone(m.group())),
    (numbers.DOTTED, lambda m: numbers.dotted(m.group())),
    (numbers.IDENTIFIER, lambda m: numbers.identifier(m.group())),
)
"""Tokens known by their shape, in the order in which they are tried."""
