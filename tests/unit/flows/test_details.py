"""Addresses as callers say them, in either language and in any order."""

from __future__ import annotations

import pytest

from moksori.shop.flows.details import address_in


@pytest.mark.parametrize(
    ("said", "line1", "line2", "city", "region"),
    [
        ("Teheran-ro 152, unit 1204, Gangnam-gu, Seoul. The postcode is 06236.", "Teheran-ro 152", "unit 1204", "Gangnam-gu", "Seoul"),
        ("Seoul, Gangnam-gu, Teheran-ro 152, flat 3, 06236", "Teheran-ro 152", "flat 3", "Gangnam-gu", "Seoul"),
        ("It's Pangyoyeok-ro 235, Bundang-gu, Seongnam-si, 13494", "Pangyoyeok-ro 235", None, "Bundang-gu, Seongnam-si", "Gyeonggi-do"),
        ("24 Gangnam-daero, apartment 1203, Gangnam-gu, Seoul, 06241", "24 Gangnam-daero", "apartment 1203", "Gangnam-gu", "Seoul"),
        ("45 yuan per row, Napo Goo, Soil, postcode 04036.", "45 yuan per row", None, "Napo Goo", "Seoul"),  # as heard
        ("12 Main Street, Springfield, Illinois 62704", "12 Main Street", None, "Springfield", "Illinois"),
        ("마포구 월드컵로 45 302호 우편번호 04001", "월드컵로 45", "302호", "마포구", "서울특별시"),
        ("수원시 영통구 광교로 12, 16229", "광교로 12", None, "수원시 영통구", "경기도"),
        ("부산 해운대구 센텀중앙로 48, 48059", "센텀중앙로 48", None, "해운대구", "부산광역시"),
    ],
)  # fmt: skip
def test_an_address(said: str, line1: str, line2: str | None, city: str, region: str) -> None:
    found = address_in(said)
    assert found is not None
    assert (found["line1"], found.get("line2"), found["city"], found["region"]) == (
        line1,
        line2,
        city,
        region,
    )


@pytest.mark.parametrize("said", ["Teheran-ro 152", "Gangnam-gu, 06236", "06236이에요", "회사로 보내 주세요"])
def test_less_than_an_address_is_asked_for_again(said: str) -> None:
    assert address_in(said) is None
