"""What a written number is, by what stands around it: an amount with its counter, a date, a time, a telephone number.

Every function reads one token and says it, or gives None when the token is of another kind.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from moksori.engine.korean.latin import letters
from moksori.engine.korean.lexicon import LEXICON
from moksori.engine.korean.numerals import LONGEST, MOST_NATIVE, digits, grouped, native, sino

TELEPHONE_DIGITS = 7
"""A number with hyphens, or one written without commas, of so many digits names something: digit by digit."""
IDENTIFIER_DIGITS = 4
"""Letters with so many digits are an order number or a model's name; with fewer (S24) the number is read."""

NUMBER = r"\d{1,3}(?:,\d{3})+(?!\d)|\d+"
_BIG = {"백": 10**2, "천": 10**3, "만": 10**4, "억": 10**8, "조": 10**12}
_UNITS = "|".join(
    re.escape(unit) for unit in sorted([*LEXICON.units, *LEXICON.before], key=len, reverse=True)
)
_CURRENCIES = "|".join(re.escape(sign) for sign in sorted(LEXICON.currency, key=len, reverse=True))

AMOUNT = re.compile(
    rf"(?P<currency>{_CURRENCIES})?(?P<minus>[-−](?=[\d]))?(?P<number>{NUMBER})(?:\.(?P<fraction>\d+)(?!\.?\d))?"
    rf"(?P<big>(?:백|천)?[만억조]|[백천])?(?P<unit>(?:{_UNITS})(?![A-Za-z]))?"
)
"""A number with all that belongs to it but a Hangul counter, which needs a look at what follows."""

DATE = re.compile(r"(?P<year>(?:19|20)\d\d)(?P<mark>[-./])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})(?!\d)")
SHORT_DATE = re.compile(r"(?P<month>\d{1,2})/(?P<day>\d{1,2})(?![\d/])")
TIME = re.compile(r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d))?(?![\d:])")
RATIO = re.compile(r"(?P<left>\d+):(?P<right>\d+)(?![\d:])")
DOTTED = re.compile(r"\d+(?:\.\d+){2,}")
TELEPHONE = re.compile(r"\+?\d+(?:[-)]\d+)+|0\d{1,2}\.\d{3,4}\.\d{4}(?!\d)")
IDENTIFIER = re.compile(
    r"#?(?!\d+[xX]\d)(?:[A-Za-z]+-?\d[A-Za-z\d]*(?:-[A-Za-z\d]+)*|\d+[A-Za-z]+\d[A-Za-z\d]*)(?![A-Za-z\d])"
)


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around a number: decides how it is said."""

    before: str
    """The text in front of it in the same eojeol."""
    following: str
    """The text behind it: the rest of the eojeol, or the next eojeol when the number ends its own."""
    after: str
    """The eojeol after the one that holds the counter."""
    previous: str
    """The eojeol before."""
    named: bool
    """The eojeol before says that this is somebody's or something's number."""


def date(year: str | None, month: str, day: str) -> str | None:
    """A date by its parts; None when there is no such day."""
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return None
    said = f"{month_name(int(month))} {sino(int(day))} 일"
    return f"{sino(int(year))} 년 {said}" if year else said


def month_name(month: int) -> str:
    """6 and 10 lose their final consonant: 유월, 시월 (한글 맞춤법 제52항)."""
    return {6: "유", 10: "시"}.get(month, sino(month)) + "월"


def slashed(left: str, right: str) -> str | None:
    """A fraction as long as it can be one (3/4), else a date (3/14); None when it is neither."""
    if 0 < int(left) < int(right) <= 10:
        return f"{sino(int(right))}분의 {sino(int(left))}"
    return date(None, left, right)


def time(hour: str, minute: str, second: str | None) -> str | None:
    """Hours up to twelve are native numerals, minutes and seconds Sino-Korean."""
    if int(hour) > 24 or int(minute) > 59:
        return None
    said = f"{hours(int(hour))} 시"
    if int(minute):
        said += f" {sino(int(minute))} 분"
    if second and int(second):
        said += f" {sino(int(second))} 초"
    return said


def hours(hour: int) -> str:
    return native(hour) if 1 <= hour <= 12 else sino(hour)


def telephone(token: str) -> str | None:
    """A number in groups, if it is long enough, or begins with 0 or +, to name something; else None."""
    bare = re.sub(r"\D", "", token)
    if len(bare) < TELEPHONE_DIGITS and token[0] not in "0+":
        return None
    said = ", ".join(grouped(group) for group in re.split(r"[-).]", token.lstrip("+")))
    return f"플러스 {said}" if token[0] == "+" else said


def dotted(token: str) -> str:
    """A version or an address: 2.0.1 is "이 점 영 점 일"."""
    return " 점 ".join(sino(int(part)) for part in token.split("."))


def counter_of(text: str) -> str:
    """The counter a text begins with, "" if none. The longest that fits: 시간 before 시, 개월 before 개."""
    return next((counter for counter in LEXICON.counters if text.startswith(counter)), "")


def numeral(number: int, counter: str, around: Around) -> str:
    """The numeral as it stands before this counter."""
    limit = LEXICON.native.get(counter, 0)
    rest = around.following[len(counter) :]
    match counter:
        case "번째" if number == 1:
            return "첫"
        case "번" if not _counts_times(rest, around.after):
            limit = 0
        case "대" if number % 10 == 0:
            limit = 0  # 30대: people in their thirties
        case "분" if re.sub(r"[^가-힣]", "", around.previous) in LEXICON.persons or rest[:2] in (
            "께서",
            "이서",
        ):
            limit = MOST_NATIVE
    return native(number) if 1 <= number <= limit else sino(number)


def _counts_times(rest: str, after: str) -> bool:
    """Whether N번 counts how often (두 번 전화했다) and does not name a thing (이 번 창구)."""
    if rest:
        return rest[0] in "만씩정이도" and not rest.startswith(("이에", "이고", "이라"))
    return bool(after) and not after.startswith(LEXICON.numbered)


def amount(found: re.Match[str], around: Around) -> tuple[str, int]:
    """Say an `AMOUNT`; also how many characters of `around.following` were its counter.

    The counter is only taken when it stands in the same eojeol; see `reader`.
    """
    written = found["number"].replace(",", "")
    fraction, unit, big = found["fraction"], found["unit"] or "", found["big"] or ""
    if big and around.before.endswith("제"):
        raise ValueError("제3조 is an article of a law")
    counter = "" if unit else counter_of(around.following)
    if not (fraction or big or unit or counter or found["currency"]) and _names_something(
        found["number"], around
    ):
        return grouped(written), 0
    said = _value(written, fraction, big, counter, around)
    if found["currency"]:
        return _money(said, LEXICON.currency[found["currency"]], fraction), 0
    minus = "마이너스 " if found["minus"] else ""
    if unit in LEXICON.before:
        cold = "영하 " if found["minus"] else ""
        return LEXICON.before[unit].format(cold + said), 0
    if unit:
        return f"{minus}{said} {LEXICON.units[unit]}", 0
    if counter == "도" and minus:
        minus = "영하 "
    if counter == "월" and not fraction and 1 <= int(written) <= 12:
        return month_name(int(written)), 1
    if counter:
        return f"{minus}{said} {counter}", len(counter)
    return minus + said, 0


def _names_something(written: str, around: Around) -> bool:
    if "," in written:
        return False
    if around.named or len(written) >= TELEPHONE_DIGITS or (written[0] == "0" and len(written) > 1):
        return True
    return written in LEXICON.emergency and (
        around.following[:1] in ("에", "로") or around.following.startswith(LEXICON.emergency_before)
    )


def _value(written: str, fraction: str | None, big: str, counter: str, around: Around) -> str:
    if len(written) > LONGEST:
        return grouped(written)
    number = int(written)
    if fraction:
        if LEXICON.cents.get(counter) and len(fraction) == 2:
            return sino(number)
        tail = "".join(_BIG_NAMES.get(c, "") for c in big)
        return f"{sino(number)} 점 {digits(fraction, '영')}{tail}"
    if big:
        for name in big:
            number *= _BIG[name]
        return sino(number)
    return numeral(number, counter, around)


_BIG_NAMES = {name: name for name in _BIG}


def _money(said: str, unit: str, fraction: str | None) -> str:
    cents = LEXICON.cents.get(unit)
    if not fraction or not cents or len(fraction) != 2:
        return f"{said} {unit}"
    whole = said.split(" 점 ", maxsplit=1)[0]
    return f"{whole} {unit}" + (f" {sino(int(fraction))} {cents}" if int(fraction) else "")


def identifier(token: str) -> str | None:
    """An order number or the like: letters by name, digits one by one; None when it has few digits."""
    if sum(c.isdigit() for c in token) < IDENTIFIER_DIGITS:
        return None
    parts = re.findall(r"[A-Za-z]+|\d+", token)
    return " ".join(grouped(part) if part[0].isdigit() else letters(part) for part in parts)
