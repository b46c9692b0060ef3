"""What the normaliser calls the same, and what it must not."""

import pytest

from moksori.bench.normalise import ErrorRate, compare, words

SAME_EN = [
    ("I'd like forty-two of them.", "i would like 42 of them"),
    ("My order is W one two three four five six seven", "My order is W1234567."),
    ("It costs five dollars and ninety nine cents", "It costs $5 and 99 cents."),
    ("It costs $5.99", "It costs five dollars ninety nine cents"),
    ("two hundred and five", "205"),
    ("twelve hundred", "1,200"),
    ("three thousand four hundred and six", "3406"),
    ("the twenty-first of May", "the 21st of May"),
    ("the third one", "the 3rd one"),
    ("nineteen eighty four", "1984"),
    ("five five five oh one two three", "555-0123"),
    ("zero zero seven", "007"),
    ("won't can't isn't they're we've she'll", "will not cannot is not they are we have she will"),
    ("Um, the customer's e-mail, okay?", "the customers email OK"),
    ("It is 9 a.m.", "it is nine am"),
    ("fifty percent [beep]", "50%"),
    ("one hundred twenty three", "123"),
    ("twenty twenty", "2020"),
    ("oh, one more thing", "1 more thing"),
]
DIFFERENT_EN = [
    ("forty two", "forty three"),
    ("fifteen", "fifty"),
    ("order 12", "order 21"),
    ("do", "do not"),
    ("two hundred", "two"),
]
SAME_KO = [
    ("주문 번호는 1234567이에요", "주문번호는 일이삼사오육칠이에요."),
    ("티셔츠 3개 주세요", "티셔츠 세 개 주세요"),
    ("1,200원입니다", "천이백 원입니다"),
    ("20살", "스무 살"),
    ("21개", "스물한 개"),
    ("환불은 5일 걸려요!", "환불은 오 일 걸려요"),
    ("50%", "오십 퍼센트"),
    ("010 번", "공일공 번".replace("공", "영")),
    ("12345원", "만이천삼백사십오원"),
]


@pytest.mark.parametrize(("left", "right"), SAME_EN)
def test_english_that_sounds_the_same_is_the_same(left: str, right: str) -> None:
    assert words(left) == words(right)


@pytest.mark.parametrize(("left", "right"), DIFFERENT_EN)
def test_english_that_differs_stays_different(left: str, right: str) -> None:
    assert words(left) != words(right)


@pytest.mark.parametrize(("left", "right"), SAME_KO)
def test_korean_that_sounds_the_same_is_the_same(left: str, right: str) -> None:
    assert words(left, "ko") == words(right, "ko")


def test_korean_is_counted_by_syllable_whatever_the_spacing() -> None:
    assert compare("주문 취소해 주세요", "주문취소해주세요", "ko") == ErrorRate(0, 8)
    assert compare("주문 취소해 주세요", "주문 지소해 주세요", "ko") == ErrorRate(1, 8)


def test_errors_are_substitutions_omissions_and_insertions() -> None:
    assert compare("where is my order", "where is the order") == ErrorRate(1, 4)
    assert compare("where is my order", "where is order") == ErrorRate(1, 4)
    assert compare("where is my order", "so where is my order please") == ErrorRate(2, 4)
    assert compare("where is my order", "") == ErrorRate(4, 4)
    assert (compare("a b", "a") + compare("c d", "c d")).rate == 0.25
    assert compare("", "").rate == 0.0
    assert compare("", "thank you").rate == 1.0
