"""A caller says when; the shop knows which days are meant. Today is Wednesday, 18 November 2026, in Seoul."""

from __future__ import annotations

from datetime import date

import pytest

from moksori.shop.dates import Span, understand

TODAY = date(2026, 11, 18)


def day(month: int, number: int, year: int = 2026) -> Span:
    return Span(date(year, month, number), date(year, month, number))


def days(first: tuple[int, int], last: tuple[int, int], year: int = 2026) -> Span:
    return Span(date(year, *first), date(year, *last))


@pytest.mark.parametrize(
    ("words", "span"),
    [
        ("오늘", day(11, 18)),
        ("어제", day(11, 17)),
        ("어제 주문한 거요", day(11, 17)),
        ("그저께", day(11, 16)),
        ("그제요", day(11, 16)),
        ("엊그제", days((11, 15), (11, 17))),
        ("사흘 전", day(11, 15)),
        ("열흘전에", day(11, 8)),
        ("3일 전", day(11, 15)),
        ("십이일 전", day(11, 6)),
        ("며칠 전에", days((11, 11), (11, 16))),
        ("일주일 전", days((11, 8), (11, 14))),
        ("2주 전", days((11, 1), (11, 7))),
        ("한 달 전", days((10, 11), (10, 25))),
        ("지난주", days((11, 9), (11, 15))),
        ("지난주 화요일", day(11, 10)),
        ("저번 주 일요일에", day(11, 15)),
        ("이번 주 월요일", day(11, 16)),
        ("지지난주 금요일", day(11, 6)),
        ("지난 주말", days((11, 14), (11, 15))),
        ("화요일", day(11, 17)),
        ("수요일", day(11, 18)),
        ("지난 수요일", day(11, 11)),
        ("목요일", day(11, 12)),
        ("지난달", days((10, 1), (10, 31))),
        ("지난달 20일", day(10, 20)),
        ("이번 달 초", days((11, 1), (11, 10))),
        ("지난달 말", days((10, 21), (10, 31))),
        ("11월 3일", day(11, 3)),
        ("십일월 삼일", day(11, 3)),
        ("시월 이십구일", day(10, 29)),
        ("12월 25일", day(12, 25, 2025)),
        ("10월", days((10, 1), (10, 31))),
        ("10월 중순쯤", days((10, 11), (10, 20))),
        ("3일에", day(11, 3)),
        ("20일", day(10, 20)),
        ("작년 11월 20일", day(11, 20, 2025)),
        ("2026년 9월 1일", day(9, 1)),
        ("작년", days((1, 1), (12, 31), 2025)),
        ("today", day(11, 18)),
        ("yesterday", day(11, 17)),
        ("the day before yesterday", day(11, 16)),
        ("3 days ago", day(11, 15)),
        ("a couple of days ago", day(11, 16)),
        ("a few days ago", days((11, 11), (11, 16))),
        ("a week ago", days((11, 8), (11, 14))),
        ("two weeks ago", days((11, 1), (11, 7))),
        ("last week", days((11, 9), (11, 15))),
        ("Tuesday last week", day(11, 10)),
        ("last Tuesday", day(11, 17)),
        ("last Wednesday", day(11, 11)),
        ("on Friday", day(11, 13)),
        ("last month", days((10, 1), (10, 31))),
        ("November 3", day(11, 3)),
        ("the 3rd of November", day(11, 3)),
        ("Nov. 3rd, 2025", day(11, 3, 2025)),
        ("December 25", day(12, 25, 2025)),
        ("late October", days((10, 21), (10, 31))),
        ("on the third", day(11, 3)),
        ("October 21st last year", day(10, 21, 2025)),
        ("2026-11-03", day(11, 3)),
        ("2026.11.3", day(11, 3)),
        ("11/3", day(11, 3)),
    ],
)
def test_words_mean_days(words: str, span: Span) -> None:
    assert understand(words, TODAY) == span


@pytest.mark.parametrize(
    "words",
    [
        "",
        "blue",
        "그 파란 거",
        "13월 40일",
        "February 30",
        "삼",
        "the one",
        "9999999999 days ago",
        "0000-01-01",
        "0000년",
    ],
)
def test_what_is_no_date_is_not_guessed(words: str) -> None:
    assert understand(words, TODAY) is None


def test_a_leap_day_is_the_last_one_there_was() -> None:
    assert understand("2월 29일", date(2025, 3, 1)) == day(2, 29, 2024)
    assert understand("2월 29일", date(2027, 3, 1)) == day(2, 29, 2024)
