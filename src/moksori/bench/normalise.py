"""One normaliser and one error rate for every comparison of what was said with what was understood.

Two texts that a listener would call the same should become the same words. English: lower case, contractions
written out, punctuation and hesitations dropped, numbers as single digits however they were said or written
("forty-two", "42", "four two" are all `4 2`). Korean: digits read out in Hangul, punctuation dropped, and, since
spacing is a matter of taste, white space dropped too: Korean is compared by syllable, English by word.

The numbers rule forgives how a number is grouped ("twelve thirty" is "1230"), never which digits it has.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

_CONTRACTIONS = {
    "won't": "will not", "can't": "can not", "cannot": "can not", "shan't": "shall not", "let's": "let us",
    "it's": "it is", "that's": "that is", "what's": "what is", "where's": "where is", "who's": "who is",
    "how's": "how is", "there's": "there is", "here's": "here is", "he's": "he is", "she's": "she is",
    "when's": "when is", "i'm": "i am", "gonna": "going to", "wanna": "want to", "gotta": "got to",
    "y'all": "you all", "o'clock": "oclock",
}  # fmt: skip
_ENDINGS = {"n't": " not", "'re": " are", "'ve": " have", "'ll": " will", "'d": " would"}
_SAME = {
    "ok": "okay", "mr": "mister", "mrs": "missus", "dr": "doctor", "e-mail": "email", "vs": "versus",
    "t-shirt": "tshirt", "alright": "all right", "thankyou": "thank you",
}  # fmt: skip
_HESITATIONS = {"um", "uh", "uhm", "hmm", "hm", "mm", "er", "erm", "ah", "oh"}
"""Sounds, not words. "oh" is among them, and where it is read for a zero it is a digit (`_digits`)."""

_UNITS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("_", "_", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS = (
    "zeroth", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
    "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth",
    "nineteenth",
)  # fmt: skip
_SMALL = (
    {word: value for value, word in enumerate(_UNITS)}
    | {word: 10 * value for value, word in enumerate(_TENS) if word != "_"}
    | {word: value for value, word in enumerate(_ORDINALS)}
    | {word[:-1] + "ieth": 10 * value for value, word in enumerate(_TENS) if word != "_"}
)
_SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000, "hundredth": 100, "thousandth": 1000}


def words(text: str, language: str = "en") -> list[str]:
    """What is compared: English words and digits, or, for "ko", Korean syllables, digits read out."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _korean(folded) if language == "ko" else _english(folded)


def _english(text: str) -> list[str]:
    text = text.replace("’", "'").replace("&", " and ")
    text = re.sub(r"\[[^\]]*\]|\([^)]*\)", " ", text)  # [music], (laughs): notes, not speech
    text = re.sub(r"\$\s?(\d[\d,]*)(?:\.(\d\d))?", _dollars, text)
    text = text.replace("%", " percent ")
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text)  # 1,200
    text = re.sub(r"(?<=\d)[.](?=\d)", " point ", text)
    text = re.sub(r"\b([a-z])\.(?=[a-z]\b|\s|$)", r"\1", text)  # a.m. -> am
    out: list[str] = []
    for token in re.findall(r"[a-z0-9]+(?:['-][a-z0-9]+)*", text):
        word = _SAME.get(token, token)
        word = _CONTRACTIONS.get(word, word)
        for ending, full in _ENDINGS.items():
            word = word.removesuffix(ending) + full if word.endswith(ending) else word
        word = word.replace("'", "")  # the customer's: an apostrophe is not heard
        out += re.findall(r"[a-z]+|\d+", re.sub(r"(\d)(?:st|nd|rd|th)\b", r"\1", word))
    return _digits(out)


def _dollars(match: re.Match[str]) -> str:
    whole, cents = match[1].replace(",", ""), match[2]
    return f" {whole} dollars " + (f"{cents} cents " if cents and cents != "00" else "")


def _digits(tokens: Sequence[str]) -> list[str]:
    """Replace number words and numerals by their digits, and drop hesitations."""
    out: list[str] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        if token.isdigit():
            out += token
            at += 1
        elif token in _SMALL or (token in _SCALES and out and out[-1].isdigit()):
            value, at = _number(tokens, at)
            out += value
        elif token in _HESITATIONS:
            zero = token == "oh" and out and out[-1].isdigit() and _is_number(tokens, at + 1)
            out += ["0"] if zero else []
            at += 1
        else:
            out.append(token)
            at += 1
    return out


def _is_number(tokens: Sequence[str], at: int) -> bool:
    return at < len(tokens) and (tokens[at].isdigit() or tokens[at] in _SMALL)


def _number(tokens: Sequence[str], at: int) -> tuple[str, int]:
    """Read the one number that begins here: "two hundred and five" is 205, "two five" begins with 2."""
    total, group, last = 0, 0, 1_000_000
    while at < len(tokens):
        token = tokens[at]
        if token in _SMALL:
            value = _SMALL[token]
            size = 1 if value < 10 else 10
            # A unit may follow tens, anything below a hundred may follow a hundred; else a new number begins.
            if size >= last or (value == 0 and group) or (10 <= value < 20 and last <= 10):
                break
            group, last = group + value, 1 if value < 20 else 10
        elif token in _SCALES and (group or total):
            scale = _SCALES[token]
            if scale == 100:
                group, last = group * 100, 100
            else:
                total, group, last = total + group * scale, 0, 1000
        elif token == "and" and last >= 100 and (group or total) and _follows(tokens, at + 1):
            pass
        else:
            break
        at += 1
    return str(total + group), at


def _follows(tokens: Sequence[str], at: int) -> bool:
    return at < len(tokens) and tokens[at] in _SMALL


_HANGUL_DIGITS = "영일이삼사오육칠팔구"
_NATIVE_UNITS = ["", "한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉"]
_NATIVE_TENS = ["", "열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔"]
_NATIVE_COUNTERS = "개|명|시(?!간 *[전후]?분)|살|벌|켤레|장|마리|병|잔|권|대|송이|사람|가지|달|번째"
_LONGEST_READ = 5
"""Numerals longer than this are ids and telephone numbers, which are read digit by digit."""


def _korean(text: str) -> list[str]:
    text = re.sub(r"(?<=\d)[,](?=\d{3})", "", text)
    text = re.sub(r"₩\s?(\d+)", r"\1원", text).replace("%", "퍼센트")
    text = re.sub(rf"(?<!\d)(\d{{1,2}})(?= ?(?:{_NATIVE_COUNTERS}))", _native, text)
    text = re.sub(r"\d+", lambda match: _sino(match[0]), text)
    return [char for char in text if char.isalnum()]


def _native(match: re.Match[str]) -> str:
    number = int(match[1])
    if number == 0:
        return match[1]
    if number == 20:
        return "스무"
    return _NATIVE_TENS[number // 10] + _NATIVE_UNITS[number % 10]


def _sino(numeral: str) -> str:
    """Read a numeral in Sino-Korean: 1200 is 천이백, 0312 and 1234567 go digit by digit."""
    if len(numeral) > _LONGEST_READ or numeral.startswith("0"):
        return "".join(_HANGUL_DIGITS[int(digit)] for digit in numeral)
    out, places = "", ("", "십", "백", "천", "만")
    for place, digit in enumerate(reversed(numeral)):
        if digit != "0":
            name = "" if digit == "1" and place else _HANGUL_DIGITS[int(digit)]
            out = name + places[place] + out
    return out


@dataclass(frozen=True, slots=True)
class ErrorRate:
    """Errors (substituted, left out, put in) over the words, or Korean syllables, that were said."""

    errors: int = 0
    of: int = 0

    @property
    def rate(self) -> float:
        return self.errors / self.of if self.of else float(self.errors > 0)

    def __add__(self, other: ErrorRate) -> ErrorRate:
        return ErrorRate(self.errors + other.errors, self.of + other.of)


def compare(said: str, understood: str, language: str = "en") -> ErrorRate:
    """Word error rate for English, syllable error rate for Korean, after the normaliser."""
    split = partial(words, language=language)
    reference = split(said)
    return ErrorRate(distance(reference, split(understood)), len(reference))


def distance(left: Sequence[str], right: Sequence[str]) -> int:
    """Levenshtein distance between two sequences."""
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, start=1):
        diagonal, row[0] = row[0], i
        for j, b in enumerate(right, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (a != b))
    return row[-1]
