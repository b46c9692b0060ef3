"""Makes the demo shop's records from a seed and the present hour."""

from __future__ import annotations

import itertools
import tomllib
from datetime import datetime, timedelta
from importlib.resources import files
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from moksori.shop.demo.histories import History
from moksori.shop.formats import records as r
from moksori.shop.model.customers import MethodKind, Tier
from moksori.shop.model.profile import ShopKind
from moksori.shop.policy import load_policy
from moksori.shop.views import AddressView

ZONE = "Asia/Seoul"
CUSTOMERS = 600
ORDERS = 3_200
REGULARS = 12
"""The first customers order far more often, so that a demo always finds somebody with every kind of order."""
REGULAR_SHARE = 0.12
TIER_SHARES = {Tier.BASIC: 60, Tier.SILVER: 22, Tier.GOLD: 13, Tier.VIP: 5}
HAS_ACCOUNT, HAS_POINTS, HAS_GIFT_CARD, HAS_CART = 0.35, 0.45, 0.2, 0.25
SOLD_OUT = 0.1
FIRST_ID = 100_001


def make_demo(seed: int, now: datetime) -> r.ShopRecord:
    """The whole shop. The same seed in the same hour gives the same records."""
    data = tomllib.loads((files(__package__) / "data.toml").read_text(encoding="utf-8"))
    hour = now.astimezone(ZoneInfo(ZONE)).replace(minute=0, second=0, microsecond=0)
    random = Random(seed)
    shop = r.ShopRecord(
        kind=ShopKind.DEMO,
        name_ko=data["shop"]["name_ko"],
        name_en=data["shop"]["name_en"],
        currency="KRW",
        zone=ZONE,
    )
    shop.products = [_product(number, raw, random) for number, raw in enumerate(data["product"], 1)]
    shop.customers = [_customer(number, data, random, hour) for number in range(CUSTOMERS)]
    variants = [each.id for product in shop.products for each in product.variants if each.stock]
    for customer in shop.customers:
        if random.random() < HAS_CART:
            chosen = random.sample(variants, random.randint(1, 3))
            customer.cart = [(variant, random.choice((1, 1, 1, 2))) for variant in chosen]
    history = History(shop, data, random, hour, load_policy())
    buyers = [
        shop.customers[random.randrange(REGULARS if random.random() < REGULAR_SHARE else CUSTOMERS)]
        for _ in range(ORDERS)
    ]
    shop.orders = sorted(history.orders(buyers), key=lambda order: (order.placed_at, order.id))
    return shop


def _product(number: int, raw: dict[str, Any], random: Random) -> r.ProductRecord:
    product = r.ProductRecord(
        id=f"P{1000 + number}",
        name_ko=raw["name"][0],
        name_en=raw["name"][1],
        category=raw["category"],
        description_ko=raw["about"][0],
        description_en=raw["about"][1],
        returnable=raw.get("returnable", True),
    )
    names = list(raw["options"])
    stepping = {"capacity", "size", "model", "count"}
    for place, values in enumerate(itertools.product(*raw["options"].values()), 1):
        rise = sum(
            raw["options"][name].index(value) * raw.get("step", 0)
            for name, value in zip(names, values, strict=True)
            if name in stepping
        )
        product.variants.append(
            r.VariantRecord(
                id=f"{product.id}-{place:02d}",
                options=dict(zip(names, values, strict=True)),
                price=raw["price"] + rise,
                stock=0 if random.random() < SOLD_OUT else random.randint(2, 80),
            )
        )
    return product


def _customer(number: int, data: dict[str, Any], random: Random, hour: datetime) -> r.CustomerRecord:
    surnames = data["people"]["surnames"]
    family, family_latin, _ = random.choices(surnames, [weight for _, _, weight in surnames])[0]
    given, given_latin = random.choice(data["people"]["given"])
    customer_id = f"C{FIRST_ID + number}"
    phone = f"010-0{number // 100:03d}-{random.randint(0, 99):02d}{number % 100:02d}"
    region, city, code, roads = random.choice(data["places"]["towns"])
    address = AddressView(
        recipient=family + given,
        phone=phone,
        line1=f"{random.choice(roads)} {random.randint(3, 420)}",
        line2=f"{random.randint(101, 112)}동 {random.randint(1, 18)}{random.randint(1, 4):02d}호",
        city=city,
        region=region,
        country="KR",
        postcode=f"{code}{random.randint(0, 999):03d}",
    )
    methods = [_card(customer_id, 1, data, random)]
    if random.random() < HAS_ACCOUNT:
        bank = random.choice(data["ways"]["banks"])
        methods.append(
            r.MethodRecord(f"{customer_id}-2", MethodKind.ACCOUNT, bank, f"{random.randint(0, 9999):04d}")
        )
    if random.random() < HAS_POINTS:
        methods.append(
            r.MethodRecord(f"{customer_id}-3", MethodKind.POINTS, balance=random.randint(1, 300) * 100)
        )
    if random.random() < HAS_GIFT_CARD:
        methods.append(
            r.MethodRecord(f"{customer_id}-4", MethodKind.GIFT_CARD, balance=random.randint(1, 20) * 10_000)
        )
    return r.CustomerRecord(
        id=customer_id,
        family_name=family,
        given_name=given,
        email=f"{given_latin}.{family_latin}{number + 1}@example.com",
        joined_at=hour - timedelta(days=random.randint(130, 1800)),
        phone=phone,
        tier=random.choices(list(TIER_SHARES), list(TIER_SHARES.values()))[0],
        address=address,
        methods=methods,
    )


def _card(customer_id: str, place: int, data: dict[str, Any], random: Random) -> r.MethodRecord:
    return r.MethodRecord(
        f"{customer_id}-{place}",
        MethodKind.CARD,
        random.choice(data["ways"]["cards"]),
        f"{random.randint(0, 9999):04d}",
    )
