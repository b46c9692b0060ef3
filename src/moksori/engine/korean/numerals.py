"""Numbers as Korean says them: Sino-Korean, native, or digit by digit.

Spacing follows 한글 맞춤법 제44항: a space after every unit of ten thousand.
"""

from __future__ import annotations

_DIGITS = "영일이삼사오육칠팔구"
_PLACES = ("", "십", "백", "천")
_MYRIADS = ("", "만", "억", "조", "경")
_ONES = ("", "하나", "둘", "셋", "넷", "다섯", "여섯", "일곱", "여덟", "아홉")
_ONES_BEFORE = ("", "한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉")
_TENS = ("", "열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔")

LONGEST = 20
"""Digits of the largest number that is read as one; a longer one is read digit by digit."""
MOST_NATIVE = 99
"""Native Korean numerals end here; 백 is already Sino-Korean."""


def sino(number: int) -> str:
    """12345 is "만 이천삼백사십오". A leading one is silent before 십, 백, 천 and 만, and said before 억 and 조."""
    if number == 0:
        return "영"
    groups = []
    rest, at = number, 0
    while rest:
        rest, group = divmod(rest, 10_000)
        if group:
            # 일만 is said 만 only where nothing stands before it: 12,0000 is 십이만, 1,0000,0000 is 일억.
            silent_one = at == 1 and group == 1 and not rest
            groups.append(("" if silent_one else _below_myriad(group)) + _MYRIADS[at])
        at += 1
    return " ".join(reversed(groups))


def _below_myriad(group: int) -> str:
    said = ""
    for place in range(3, -1, -1):
        digit = group // 10**place % 10
        if digit:
            said += ("" if digit == 1 and place else _DIGITS[digit]) + _PLACES[place]
    return said


def native(number: int) -> str:
    """A native numeral as it stands before a counter, 1 to 99: 21 is "스물한", 20 is "스무". Raises ValueError."""
    if not 1 <= number <= MOST_NATIVE:
        raise ValueError(f"there is no native numeral for {number}")
    tens, ones = divmod(number, 10)
    return "스무" if number == 20 else _TENS[tens] + _ONES_BEFORE[ones]


def digits(text: str, zero: str = "공") -> str:
    """One digit after the other, no pauses: "010" is "공일공"."""
    return "".join(zero if c == "0" else _DIGITS[int(c)] for c in text)


def grouped(text: str) -> str:
    """A long number digit by digit with a short pause every three or four digits: "2378156" is "이삼칠, 팔일오육"."""
    return ", ".join(digits(group) for group in _groups(text))


def _groups(text: str) -> list[str]:
    """Groups that people say in one breath: up to five digits stay whole, eleven go as a mobile number does."""
    size = len(text)
    if size <= 5:
        return [text]
    # Threes and fours, threes first: 6 = 3 3, 7 = 3 4, 8 = 4 4, 9 = 3 3 3, 10 = 3 3 4, 11 = 3 4 4, 12 = 4 4 4.
    threes = -size % 4
    parts, at = [], 0
    for length in [3] * threes + [4] * ((size - 3 * threes) // 4):
        parts.append(text[at : at + length])
        at += length
    return parts
