"""Understands when something was: "어제", "지난주 화요일", "last Tuesday", "November 3". Pure; today is given.

A caller asks about the past: a day of the week or of the year without more is its latest one that is not to come.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

DAY = timedelta(days=1)
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Span:
    """Days from `first` to `last`, both included."""

    first: date
    last: date


SINO = {"일": 1, "이": 2, "삼": 3, "사": 4, "오": 5, "육": 6, "유": 6, "칠": 7, "팔": 8, "구": 9, "시": 10}
KOREAN_DAYS = {
    "하루": 1, "이틀": 2, "사흘": 3, "나흘": 4, "닷새": 5, "엿새": 6, "이레": 7, "여드레": 8, "아흐레": 9, "열흘": 10,
    "보름": 15,
}  # fmt: skip
KOREAN_COUNTS = {"한": 1, "두": 2, "세": 3, "네": 4, "일": 1, "이": 2, "삼": 3}
KOREAN_WEEKDAYS = {name: index for index, name in enumerate("월화수목금토일")}
WEEKDAYS = {
    name: index
    for index, names in enumerate(
        ["mon", "tue tues", "wed weds", "thu thur thurs", "fri", "sat", "sun"],
    )
    for name in names.split()
} | {
    name: index
    for index, name in enumerate(
        ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    )
}
MONTH_NAMES = [
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
]  # fmt: skip
MONTHS = (
    {name: index for index, name in enumerate(MONTH_NAMES, 1)}
    | {name[:3]: index for index, name in enumerate(MONTH_NAMES, 1)}
    | {"sept": 9}
)
_TO_TWELVE = [
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
]  # fmt: skip
ENGLISH_COUNTS = {name: index for index, name in enumerate(_TO_TWELVE, 1)} | {"a": 1, "an": 1, "couple": 2}
_FIRST_TO_NINTH = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth"]
_TENTH_TO_TWENTIETH = [
    "tenth", "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth",
    "eighteenth", "nineteenth", "twentieth",
]  # fmt: skip
_TWENTY_FIRST_ON = [f"twenty-{name}" for name in _FIRST_TO_NINTH]
ORDINALS = {
    name: index
    for index, name in enumerate(
        [*_FIRST_TO_NINTH, *_TENTH_TO_TWENTIETH, *_TWENTY_FIRST_ON, "thirtieth", "thirty-first"], 1
    )
}
A_FEW = (2, 7)
"""What "a few days ago" spans, in days back."""
RECENT_DAYS = 30
LOOSE = {"week": 3, "month": 7}
"""How far "two weeks ago" and "a month ago" may be off, in days."""
THIRDS = ((1, 10), (11, 20), (21, 31))
CENTURY = 2000
YEARS = range(1970, 3000)
LEAP_GAP = 9
"""Years to look back through for a 29 February: at most eight lie between two."""


def understand(words: str, today: date) -> Span | None:
    """The days the words mean, or None when they are not understood. Nothing later than today is asked for."""
    text = " ".join(words.casefold().replace(",", " ").replace("~", " ").split()).strip(" .?!")
    for read in (_iso, _korean, _english):
        span = read(text, today)
        if span is not None:
            return span
    return None


def _one(day: date) -> Span:
    return Span(day, day)


def _ago(today: date, count: int, unit: str) -> Span:
    if unit == "day":
        return _one(today - count * DAY)
    middle = today - count * WEEK if unit == "week" else _months_back(today, count)
    return Span(middle - LOOSE[unit] * DAY, min(today, middle + LOOSE[unit] * DAY))


def _months_back(day: date, count: int) -> date:
    index = day.year * 12 + day.month - 1 - count
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _week(today: date, back: int) -> Span:
    monday = today - today.weekday() * DAY - back * WEEK
    return Span(monday, monday + 6 * DAY)


def _latest_weekday(today: date, weekday: int, *, before_today: bool = False) -> date:
    back = (today.weekday() - weekday) % 7
    return today - (back or (7 if before_today else 0)) * DAY


def _month(year: int, month: int) -> Span:
    return Span(date(year, month, 1), date(year, month, monthrange(year, month)[1]))


def _date(
    today: date, month: int, day: int | None, year: int | None, third: int | None = None
) -> Span | None:
    """A day or a month of the year given, or of the latest year in which it is not to come."""
    if not 1 <= month <= 12 or (year is not None and year not in YEARS):
        return None
    for candidate in (year,) if year is not None else range(today.year, today.year - LEAP_GAP, -1):
        whole = _month(candidate, month)
        if day is not None:
            if not 1 <= day <= whole.last.day:
                continue
            span = _one(date(candidate, month, day))
        elif third is not None:
            first, last = THIRDS[third]
            span = Span(whole.first.replace(day=first), whole.first.replace(day=min(last, whole.last.day)))
        else:
            span = whole
        if year is not None or span.first <= today:
            return span
    return None


def _iso(text: str, today: date) -> Span | None:
    found = re.search(r"\b(\d{4})[-./ ](\d{1,2})[-./ ](\d{1,2})\b", text)
    if found:
        return _date(today, int(found[2]), int(found[3]), int(found[1]))
    found = re.fullmatch(r"(\d{1,2})[/.](\d{1,2})", text)
    return _date(today, int(found[1]), int(found[2]), None) if found else None


def _sino(numeral: str) -> int | None:
    """A number up to 99 in digits or Sino-Korean numerals; 유월 and 시월 are June and October."""
    if numeral.isdigit():
        return int(numeral)
    tens, ten, ones = numeral.partition("십")
    if not ten:
        return SINO.get(numeral)
    high = SINO.get(tens, 0) if tens else 1
    low = SINO.get(ones, 0) if ones else 0
    return high * 10 + low if high and (low or not ones) else None


_NUM = r"(\d+|[일이삼사오육유칠팔구십시]+)"


def _korean(text: str, today: date) -> Span | None:
    compact = text.replace(" ", "")
    for words, back in (
        (("그끄저께", "그끄제"), 3),
        (("그저께", "그제", "엊그제", "엊그저께"), 2),
        (("어제", "어저께"), 1),
        (("오늘", "방금", "아까"), 0),
    ):  # fmt: skip
        if any(word in compact for word in words):
            if "엊그" in compact:
                return Span(today - 3 * DAY, today - DAY)
            return _one(today - back * DAY)
    for word, count in KOREAN_DAYS.items():
        if f"{word}전" in compact:
            return _ago(today, count, "day")
    if "며칠전" in compact or "몇일전" in compact:
        return Span(today - A_FEW[1] * DAY, today - A_FEW[0] * DAY)
    if "최근" in compact or "요즘" in compact or "요새" in compact:
        return Span(today - RECENT_DAYS * DAY, today)
    for pattern, unit in (
        (r"(\d+|한|두|세|네|일|이|삼)주일?전", "week"),
        (r"(\d+|한|두|세|네)(?:달|개월)전", "month"),
        (r"(\d+|[일이삼사오육칠팔구십]+)일전", "day"),
    ):
        found = re.search(pattern, compact)
        if found:
            named = KOREAN_COUNTS.get(found[1]) if unit != "day" else None
            number = named if named is not None else _sino(found[1])
            return _ago(today, number, unit) if number is not None and number < 1000 else None
    weekday = re.search(r"([월화수목금토일])요일", compact)
    for words, back in (
        (("지지난주", "저저번주"), 2), (("지난주", "저번주", "전주에"), 1), (("이번주", "금주"), 0),
    ):  # fmt: skip
        if any(word in compact for word in words):
            week = _week(today, back)
            if weekday:
                return _one(week.first + KOREAN_WEEKDAYS[weekday[1]] * DAY)
            if "주말" in compact:
                return Span(week.first + 5 * DAY, week.last)
            return week
    if "주말" in compact:
        saturday = _latest_weekday(today, 5, before_today=today.weekday() >= 5)
        return Span(saturday, saturday + DAY)
    if weekday:
        last = "지난" in compact or "저번" in compact
        return _one(_latest_weekday(today, KOREAN_WEEKDAYS[weekday[1]], before_today=last))
    year: int | None = None
    if "재작년" in compact:
        year = today.year - 2
    elif "작년" in compact or "지난해" in compact:
        year = today.year - 1
    elif "올해" in compact or "금년" in compact:
        year = today.year
    elif found := re.search(r"(\d{4}|\d{2})년", compact):
        year = int(found[1]) + (CENTURY if len(found[1]) == 2 else 0)
    third = next(
        (i for i, words in enumerate((("초",), ("중순",), ("말",))) if any(w in compact for w in words)), None
    )
    for words, back in (
        (("지지난달", "저저번달"), 2),
        (("지난달", "저번달", "전달"), 1),
        (("이번달", "이달"), 0),
    ):
        if any(word in compact for word in words):
            month = _months_back(today.replace(day=1), back)
            found = re.search(rf"달{_NUM}일", compact)
            return _date(today, month.month, _sino(found[1]) if found else None, month.year, third)
    if found := re.search(rf"{_NUM}월(?:{_NUM}일)?", compact):
        number = _sino(found[1])
        day = _sino(found[2]) if found[2] else None
        return _date(today, number, day, year, third) if number is not None else None
    if found := re.fullmatch(rf"{_NUM}일(?:에|날)?.*", compact):
        day = _sino(found[1])
        return _day_of_month(today, day) if day is not None else None
    if year is None or year not in YEARS:
        return None
    return Span(date(year, 1, 1), date(year, 12, 31))


def _day_of_month(today: date, day: int) -> Span | None:
    """The latest such day that is not to come; February has none for some."""
    for back in range(3):
        month = _months_back(today.replace(day=1), back)
        if 1 <= day <= monthrange(month.year, month.month)[1] and (back or day <= today.day):
            return _one(month.replace(day=day))
    return None


def _english(text: str, today: date) -> Span | None:
    words = re.findall(r"[a-z]+(?:-[a-z]+)?|\d+", re.sub(r"(\d+)(st|nd|rd|th)\b", r"\1", text))
    joined = " ".join(words)
    fixed: list[tuple[str, Callable[[], Span]]] = [
        ("day before yesterday", lambda: _one(today - 2 * DAY)),
        ("yesterday", lambda: _one(today - DAY)),
        ("last night", lambda: _one(today - DAY)),
        ("today", lambda: _one(today)),
        ("this morning", lambda: _one(today)),
        ("few days ago", lambda: Span(today - A_FEW[1] * DAY, today - A_FEW[0] * DAY)),
        ("recent", lambda: Span(today - RECENT_DAYS * DAY, today)),
        ("week before last", lambda: _week(today, 2)),
        ("last weekend", lambda: Span(_week(today, 1).first + 5 * DAY, _week(today, 1).last)),
        ("last month", lambda: _month(*_year_month(_months_back(today, 1)))),
        ("this month", lambda: _month(*_year_month(today))),
        ("last year", lambda: Span(date(today.year - 1, 1, 1), date(today.year - 1, 12, 31))),
        ("this year", lambda: Span(date(today.year, 1, 1), today)),
    ]
    for phrase, span in fixed:
        if phrase in joined and not (phrase.endswith("year") and any(word in MONTHS for word in words)):
            return span()
    if found := re.search(r"\b(\w+)(?: of)? (day|week|month)s? (?:ago|back)\b", joined):
        count = int(found[1]) if found[1].isdigit() else ENGLISH_COUNTS.get(found[1])
        return _ago(today, count, found[2]) if count is not None and count < 1000 else None
    weekday = next((WEEKDAYS[word] for word in words if word in WEEKDAYS), None)
    for phrase, back in (("last week", 1), ("this week", 0)):
        if phrase in joined:
            week = _week(today, back)
            return week if weekday is None else _one(week.first + weekday * DAY)
    if weekday is not None and not any(word in MONTHS for word in words):
        return _one(_latest_weekday(today, weekday, before_today="last" in words))
    return _english_date(words, today)


def _english_date(words: list[str], today: date) -> Span | None:
    month = next((MONTHS[word] for word in words if word in MONTHS), None)
    year = next((int(word) for word in words if word.isdigit() and len(word) == 4), None)
    if year is None and "last" in words and "year" in words:
        year = today.year - 1
    day = next((int(word) for word in words if word.isdigit() and len(word) <= 2), None)
    day = day if day is not None else next((ORDINALS[word] for word in words if word in ORDINALS), None)
    if month is None:
        return _day_of_month(today, day) if day is not None and "the" in words else None
    thirds = (("early", "beginning"), ("mid", "middle"), ("late", "end"))
    third = next((i for i, names in enumerate(thirds) if any(name in words for name in names)), None)
    return _date(today, month, day, year, third if day is None else None)


def _year_month(day: date) -> tuple[int, int]:
    return day.year, day.month
