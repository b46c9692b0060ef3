"""Digits as callers say them: "이육일일일팔 다시 일공공일", "two six one, double one eight", "ten oh three". Pure."""

from __future__ import annotations

import re

SHORTEST = 3
"""Digits from which on a run of spoken digits is taken for a number, not for words that sound like one."""
_KOREAN = {
    "영": "0", "공": "0", "빵": "0", "일": "1", "이": "2", "삼": "3", "사": "4", "오": "5", "육": "6",
    "륙": "6", "유": "6", "칠": "7", "팔": "8", "구": "9", "하나": "1", "둘": "2",
}  # fmt: skip
_SCALE = {"십": 10, "백": 100, "천": 1000}
_ENGLISH = {
    "zero": "0", "oh": "0", "o": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6",
    "seven": "7", "eight": "8", "nine": "9", "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13",
    "fourteen": "14", "fifteen": "15", "sixteen": "16", "seventeen": "17", "eighteen": "18", "nineteen": "19",
    "twenty": "2", "thirty": "3", "forty": "4", "fifty": "5", "sixty": "6", "seventy": "7", "eighty": "8",
    "ninety": "9",
}  # fmt: skip
_TENS = frozenset({"twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"})
_TAIL = re.compile(
    r"(번?이라고요|라고요|번?이라니까요|번?인데요|번?이거든요|번?이네요|번?이구요|번?이예요|번?예요|[번반]이요|[번반]이에요|[번반]입니다|이에요|입니다|번이|이고요|이고|이요|번은|번을|번의|번|반|요|은|는|을|를|에|의)$"
)
_CONTRACTED = re.compile(r"(이이)(고요|고)$")
"""After the digit "이" the copula loses its own: in "이이이이고요" all four are digits."""
_BETWEEN = frozenset({"다시", "대시", "에", "dash", "hyphen", "and", "minus", "번", "의"})
_MARKS = ("-", "–", ",", ".")
_TOKEN = re.compile(r"[0-9]+|[a-z]+|[가-힣]+|[-–,.]")


def said_digits(text: str) -> tuple[str, ...]:
    """The numbers of a sentence as strings of digits: each group, and neighbouring groups joined.

    >>> said_digits("번호는 261118-1001이에요"), said_digits("일공공일이요"), said_digits("order ten oh three")
    (('2611181001', '261118', '1001'), ('1001',), ('1003',))
    """
    runs: list[list[str]] = [[]]
    spoken, marks = "", 0
    doubled = 1
    was_tens = False

    def close_spoken() -> None:
        nonlocal spoken, marks
        marks = 0
        if len(spoken) >= SHORTEST:
            runs[-1].append(spoken)
        spoken = ""

    tokens = [*_TOKEN.findall(_thousands(text.casefold())), "end"]
    for at, token in enumerate(tokens):
        digits = None if _sigh(tokens, at) and not spoken else _digits_of(token)
        if token.isdigit():
            if len(token) <= 2 and spoken:
                spoken += token
            else:
                close_spoken()
                runs[-1].append(token)
        elif token in ("double", "triple"):
            doubled = 2 if token == "double" else 3
            continue
        elif digits is not None:
            if was_tens and token in _TENS:
                spoken += "0"
            spoken += digits * doubled
        elif token in _MARKS or token in _BETWEEN:
            after = tokens[at + 1]
            apart = len(spoken) < SHORTEST or marks == len(spoken) - 1
            if spoken and apart and (after.isdigit() or _digits_of(after) is not None):
                marks += 1  # "one, zero, zero, seven" goes on
            else:
                close_spoken()
        else:
            if was_tens:
                spoken += "0"
            close_spoken()
            runs.append([])
        was_tens = token in _TENS
        doubled = 1
    found: list[str] = []
    for run in runs:
        if len(run) > 1:
            found.append("".join(run))
        found += run
    return tuple(dict.fromkeys(found))


_SOUNDS = {
    "ones": "1", "won": "1", "to": "2", "too": "2", "tree": "3", "free": "3", "for": "4", "fife": "5", "sicks": "6",
    "ate": "8", "nein": "9", "owe": "0",
}  # fmt: skip
"""What recognisers write for a digit said before other digits."""
_SOUNDED = re.compile(rf"\b({'|'.join(_SOUNDS)})(?=[\s,.-]+(?:\d|(?:{'|'.join(_ENGLISH)})\b))")


def sounded_digits(text: str) -> tuple[str, ...]:
    """The same where words in front of digits are taken for digits that sound like them.

    >>> sounded_digits("order ones 0 0 1 for me")
    ('1001', '1', '0')
    """
    folded = text.casefold()
    swapped = _SOUNDED.sub(lambda m: f" {_SOUNDS[m[1]]}", folded)
    return said_digits(swapped) if swapped != folded else ()


def runs_collapsed(digits: str) -> str:
    """Without repetitions: recognisers lose count of a digit that is said several times ("one one one")."""
    return re.sub(r"(\d)\1+", r"\1", digits)


def one_lost_or_added(a: str, b: str) -> bool:
    """Whether two strings are the same but for one digit that only one of them has."""
    if len(a) > len(b):
        a, b = b, a
    return len(b) - len(a) == 1 and any(b[:i] + b[i + 1 :] == a for i in range(len(b)))


_ONES = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_ONE_OF, _TEN_OF = "|".join(_ONES), "|".join(sorted(_TENS))
_THOUSAND = re.compile(
    rf"\b(?<!hundred )(?<!ty )(?<!teen )({_ONE_OF}|a) thousand(?: and)?(?: ({_ONE_OF}) hundred(?: and)?)?"
    rf"(?: ({_TEN_OF}))?(?:[ -]({_ONE_OF}))?\b(?!-)(?! (?:hundred|won|points?|korean|and a half))"
)


def _thousands(folded: str) -> str:
    """English thousands as digits, unless they are an amount: "one thousand and seven" is 1007."""

    def digits(match: re.Match[str]) -> str:
        thousand, hundred, ten, one = match.groups()
        value = 1000 * (1 if thousand == "a" else _ONES.index(thousand) + 1)
        value += 100 * (_ONES.index(hundred) + 1) if hundred else 0
        value += 10 * int(_ENGLISH[ten]) if ten else 0
        return str(value + (_ONES.index(one) + 1 if one else 0))

    return _THOUSAND.sub(digits, folded)


def _sigh(tokens: list[str], at: int) -> bool:
    """Whether an "oh" is one and no zero: it stands before a comma and no digit before it."""
    return (
        tokens[at] in ("oh", "o", "오")
        and tokens[at + 1] in _MARKS
        and (at == 0 or (tokens[at - 1] not in _MARKS and _digits_of(tokens[at - 1]) is None))
    )


def _digits_of(token: str) -> str | None:
    if token in _ENGLISH:
        return _ENGLISH[token]
    if not ("가" <= token[0] <= "힣"):
        return None
    bare = token
    while (cut := _TAIL.sub("", bare)) != bare and cut and not _plain(bare):
        if (contracted := _CONTRACTED.search(bare)) is not None:
            cut = bare[: contracted.end(1)]
        bare = cut
    if _plain(bare):
        return "".join(_KOREAN[c] for c in bare)
    return _scaled(bare)


def _plain(word: str) -> bool:
    return bool(word) and all(c in _KOREAN for c in word)


def _scaled(word: str) -> str | None:
    """ "천일" is 1001, "천삼" 1003."""
    if len(word) < 2 or not all(c in _KOREAN or c in _SCALE for c in word) or "천" not in word:
        return None
    total, digit = 0, None
    for c in word:
        if c in _SCALE:
            total += (1 if digit is None else digit) * _SCALE[c]
            digit = None
        else:
            digit = int(_KOREAN[c])
    return str(total + (digit or 0))


def sino(number: int) -> str:
    """A number below 1000 as it is read in Korean: 250 is "이백오십"."""
    said = ""
    for unit, name in ((100, "백"), (10, "십"), (1, "")):
        digit, number = divmod(number, unit)
        if digit:
            said += ("" if digit == 1 and name else "일이삼사오육칠팔구"[digit - 1]) + name
    return said
