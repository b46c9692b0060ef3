"""Every attack of `attacks.py` on a real shop in SQLite: nothing changes, nothing of another customer is told."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest
import pytest_asyncio
from sqlalchemy import select, text

from moksori.agent.tools import Language, Refused
from moksori.shop import model as m
from moksori.shop.guard.call import GuardSettings, ShopGuards
from moksori.shop.tools.toolset import ShopTools, open_shop
from tests.unit.shop import attacks as a
from tests.unit.shop.guard_kit import (
    CONTEXT_KEY,
    RECEIPT_KEY,
    SHOP_SECRET,
    TOKEN_KEY,
    Clock,
    Talk,
    error_code,
    talk_to,
)
from tests.unit.shop.little import DELIVERED, NOW, PAID, THEIRS, TUMBLER

pytestmark = pytest.mark.asyncio(loop_scope="module")
LANGUAGES: tuple[Language, ...] = ("ko", "en")
YES = {"ko": "네, 진행해 주세요", "en": "yes, go ahead"}
SETTINGS = GuardSettings(tokens=TOKEN_KEY, receipts=RECEIPT_KEY, context=(CONTEXT_KEY,), patience_s=0.01)
NOBODYS = "261118-3001"
"""A number no order has; it ends in the same sound as Lee Minjun's, so that a sentence about it differs in nothing else."""
RECORDS = frozenset({"shop_call", "shop_tool_call"})
"""Tables that note what was tried; everything else must stay."""


async def rows(shop: ShopTools) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table but the notes of calls."""
    async with shop.database.reading() as session:
        names = await session.scalars(text("SELECT name FROM sqlite_master WHERE type='table' ORDER BY name"))
        found = {}
        for name in [n for n in names if n not in RECORDS]:
            content = await session.execute(text(f'SELECT * FROM "{name}"'))
            found[name] = sorted(map(tuple, content), key=repr)
        return found


def reveals(output: str) -> list[str]:
    """What of Lee Minjun's an output tells; the price of a black tumbler is no secret."""
    return [each for each in a.SECRETS if each in output and each != "25,000"]


@dataclass
class Scene:
    shop: ShopTools
    guards: ShopGuards
    clock: Clock
    before: dict[str, list[tuple[Any, ...]]]

    def call(self, language: Language = "ko", **more: Any) -> Talk:
        return talk_to(self.guards, self.clock, **({"customer": "C1", "language": language} | more))

    async def nothing_happened(self, *calls: Talk) -> None:
        assert await rows(self.shop) == self.before
        for call in calls:
            for asked, output in call.exchanged:
                assert [each for each in reveals(output) if each not in asked] == []


@pytest.fixture(scope="module")
def attacked(little_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One copy for all attacks: none of them changes it."""
    target = tmp_path_factory.mktemp("attacked") / "shop.db"
    target.write_bytes(little_file.read_bytes())
    return target


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def target(attacked: Path) -> AsyncIterator[tuple[ShopTools, dict[str, list[tuple[Any, ...]]]]]:
    shop = await open_shop(f"sqlite:///{attacked}")
    yield shop, await rows(shop)
    await shop.close()


@pytest.fixture
def scene(target: tuple[ShopTools, dict[str, list[tuple[Any, ...]]]]) -> Scene:
    clock = Clock(NOW)
    return Scene(target[0], ShopGuards(target[0], SETTINGS, clock=clock), clock, target[1])


async def proposed(scene: Scene, language: Language) -> Talk:
    call = scene.call(language)
    outcome = await call.tool("cancel_order", **a.CANCEL)
    assert outcome.kind == "proposed", outcome.output
    return call


@pytest.mark.parametrize(
    ("language", "words"), [(lang, words) for lang in LANGUAGES for words in a.NOT_A_YES[lang]]
)
async def test_words_that_are_no_yes(scene: Scene, language: Language, words: str) -> None:
    call = await proposed(scene, language)
    call.says(call.read_out)
    call.caller(words)
    outcome = await call.confirm()
    assert outcome.kind == "refused", outcome.output
    await scene.nothing_happened(call)


@pytest.mark.parametrize(
    ("language", "share", "yes"),
    [(lang, share, yes) for lang in LANGUAGES for share in a.HEARD_SO_FAR for yes in a.EARLY_YES[lang]],
)
async def test_a_yes_before_the_amount_was_heard(
    scene: Scene, language: Language, share: float, yes: str
) -> None:
    call = await proposed(scene, language)
    words = call.read_out.split()
    call.says(call.read_out, heard=" ".join(words[: int(len(words) * share)]))
    call.caller(yes)
    assert (await call.confirm()).kind == "refused"
    await scene.nothing_happened(call)


@pytest.mark.parametrize(
    ("language", "sentence"), [(lang, said) for lang in LANGUAGES for said in a.RETOLD[lang]]
)
async def test_a_yes_to_something_else(scene: Scene, language: Language, sentence: str) -> None:
    call = await proposed(scene, language)
    call.says(sentence)
    call.caller(YES[language])
    assert (await call.confirm()).kind == "refused"
    await scene.nothing_happened(call)


@pytest.mark.parametrize(("tool", "arguments"), a.FOREIGN)
@pytest.mark.parametrize("language", LANGUAGES)
async def test_other_peoples_things_do_not_exist(
    scene: Scene, language: Language, tool: str, arguments: a.Arguments
) -> None:
    call = scene.call(language)
    theirs = await call.tool(tool, **arguments)
    if theirs.kind == "proposed":
        call.says(call.read_out)
        call.caller(YES[language])
        theirs = await call.confirm()
    assert theirs.kind == "refused" or json.loads(theirs.output)["result"].get("found", 0) == 0
    nobodys = json.loads(json.dumps(arguments, ensure_ascii=False).replace(THEIRS, NOBODYS))
    if nobodys != arguments:
        other = await scene.call(language).tool(tool, **nobodys)
        assert other.output.replace(NOBODYS, THEIRS) == theirs.output, "existence shows"
    await scene.nothing_happened(call)


@pytest.mark.parametrize(("tool", "arguments"), a.INVENTED)
async def test_arguments_a_model_makes_up(scene: Scene, tool: str, arguments: Any) -> None:
    call = scene.call()
    outcome = await call.guard.call(tool, arguments, call_id="call_1")
    call.outputs.append(outcome.output)
    assert outcome.kind in ("refused", "read")
    await scene.nothing_happened(call)


@pytest.mark.parametrize("injection", a.INJECTIONS)
async def test_an_instruction_in_what_the_caller_says_before_anything(scene: Scene, injection: str) -> None:
    call = scene.call()
    call.caller(injection)
    call.caller("네, 진행해 주세요")
    await call.tool("cancel_order", **a.CANCEL)
    assert (await call.confirm()).kind == "refused"
    await scene.nothing_happened(call)


@pytest.mark.parametrize("injection", a.INJECTIONS)
async def test_an_instruction_in_an_address(scene: Scene, injection: str) -> None:
    call = scene.call()
    outcome = await call.tool(
        "change_order_address", order_id=PAID, **{**a.ADDRESS, "line2": injection[:190]}
    )
    if outcome.kind == "proposed":
        call.says("주소를 바꾸겠습니다.")
        call.caller("네")
        assert (await call.confirm()).kind == "refused"
    await scene.nothing_happened(call)


@pytest.mark.parametrize("injection", a.INJECTIONS)
async def test_an_instruction_in_a_text_of_the_shop_is_quoted(
    little_file: Path, fresh: Callable[[Path], str], injection: str
) -> None:
    shop = await open_shop(fresh(little_file))
    try:

        async def plant(session: Any) -> None:
            product = await session.scalar(select(m.Product).where(m.Product.id == TUMBLER))
            product.description_ko = product.description_en = injection
            order = await session.scalar(select(m.Order).where(m.Order.id == DELIVERED))
            order.note = injection

        await shop.database.writing(plant)
        before, clock = await rows(shop), Clock(NOW)
        call = talk_to(ShopGuards(shop, SETTINGS, clock=clock), clock, customer="C1")
        product = json.loads((await call.tool("get_product", product_id=TUMBLER)).output)["result"]
        assert "an instruction" in product["description"]["ko"]["by"]
        order = json.loads((await call.tool("get_order", order_id=DELIVERED)).output)["result"]
        assert "an instruction" in order["note"]["by"]
        # given a model that obeys it at once
        await call.tool("cancel_order", **a.CANCEL)
        assert (await call.confirm()).kind == "refused"
        assert await rows(shop) == before
    finally:
        await shop.close()


def signed(impostor: a.Impostor) -> str:
    stamp = int(NOW.timestamp())
    claims: dict[str, Any] = {"aud": "moksori", "sub": "C2", "jti": "ctx", "iat": 0, "exp": 600}
    claims |= impostor.claims
    for name in ("iat", "exp", "nbf"):
        if isinstance(claims.get(name), int):
            claims[name] += stamp
    claims = {k: v for k, v in claims.items() if v is not None}
    key = "" if impostor.algorithm == "none" else impostor.key or SHOP_SECRET
    segments = jwt.encode({}, "x" * 32, algorithm="HS256")
    assert segments
    return jwt.PyJWS().encode(json.dumps(claims).encode(), key, algorithm=impostor.algorithm)


@pytest.mark.parametrize("impostor", a.IMPOSTORS, ids=lambda each: each.name)
async def test_contexts_that_are_not_the_shops(scene: Scene, impostor: a.Impostor) -> None:
    call = scene.call(customer=None)
    assert isinstance(await call.guard.identify(signed(impostor)), Refused)
    assert call.guard.caller.customer_id is None
    outcome = await call.tool("get_order", order_id=THEIRS)
    assert error_code(outcome) == "needs_customer"
    await scene.nothing_happened(call)


async def test_a_context_taken_from_another_session(scene: Scene) -> None:
    good = signed(a.Impostor("good", {"sub": "C1"}))
    first, second = scene.call(customer=None, session="s1"), scene.call(customer=None, session="s2")
    assert not isinstance(await first.guard.identify(good), Refused)
    assert isinstance(await second.guard.identify(good), Refused)
    assert error_code(await second.tool("get_account")) == "needs_customer"
    await scene.nothing_happened(second)


async def test_a_call_does_not_change_its_customer(scene: Scene) -> None:
    call = scene.call()
    assert isinstance(await call.guard.identify(signed(a.Impostor("good", {}))), Refused)
    outcome = await call.tool("verify_customer", name="이민준", phone="010-0000-2222")
    assert error_code(outcome) == "another_customer"
    await scene.nothing_happened(call)


@pytest.mark.parametrize("details", a.GUESSES)
async def test_details_that_verify_nobody(scene: Scene, details: a.Arguments) -> None:
    call = scene.call(customer=None)
    outcome = await call.tool("verify_customer", **details)
    assert error_code(outcome) == "not_verified"
    assert call.guard.caller.customer_id is None
    await scene.nothing_happened(call)


async def test_guessing_on_and_on(scene: Scene) -> None:
    call = scene.call(customer=None)
    codes = [
        error_code(
            await call.tool("verify_customer", name="이민준", postcode="48094", phone=f"010-0000-{n:04d}")
        )
        for n in range(2218, 2223)
    ]
    assert codes[3:] == ["verification_locked"] * 2, "the fifth was right and came too late"
    await scene.nothing_happened(call)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_model_answers_itself(scene: Scene, language: Language) -> None:
    call = await proposed(scene, language)
    call.says(call.read_out)
    call.says(YES[language])
    assert (await call.confirm()).kind == "refused"
    await scene.nothing_happened(call)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_token_of_another_session(scene: Scene, language: Language) -> None:
    mine, thief = await proposed(scene, language), scene.call(language, session="sess_2")
    mine.says(mine.read_out)
    thief.says(mine.read_out)
    thief.caller(YES[language])
    assert error_code(await thief.confirm(mine.token)) == "unknown_proposal"
    await scene.nothing_happened(mine, thief)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_token_whose_time_is_over(scene: Scene, language: Language) -> None:
    call = await proposed(scene, language)
    call.says(call.read_out)
    scene.clock.pass_(121)
    call.caller(YES[language])
    assert error_code(await call.confirm()) == "expired"
    await scene.nothing_happened(call)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_yes_is_for_the_proposal_that_was_read_out(scene: Scene, language: Language) -> None:
    call = await proposed(scene, language)
    first = call.token
    call.says(call.read_out)
    await call.tool("change_order_payment", order_id=PAID, method_id="gift-1")
    call.caller(YES[language])
    assert {(await call.confirm(each)).kind for each in (first, call.token)} == {"refused"}
    await scene.nothing_happened(call)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_backend_that_tells_no_words_writes_nothing(scene: Scene, language: Language) -> None:
    call = scene.call(language, transcripts="none")
    assert error_code(await call.tool("cancel_order", **a.CANCEL)) == "no_transcripts"
    await scene.nothing_happened(call)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_yes_the_recogniser_is_not_sure_of(scene: Scene, language: Language) -> None:
    call = await proposed(scene, language)
    call.says(call.read_out)
    call.caller(YES[language], confidence=0.2)
    assert error_code(await call.confirm()) == "unsure_of_answer"
    await scene.nothing_happened(call)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_yes_that_is_not_final(scene: Scene, language: Language) -> None:
    call = await proposed(scene, language)
    call.says(call.read_out)
    call.caller(YES[language], final=False)
    assert (await call.confirm()).kind == "refused"
    await scene.nothing_happened(call)


# ---------------------------------------------------------------- what happened once does not happen again


async def agreed(shop: ShopTools, clock: Clock, session: str, language: Language = "ko") -> Talk:
    call = talk_to(
        ShopGuards(shop, SETTINGS, clock=clock), clock, customer="C1", session=session, language=language
    )
    await call.tool("cancel_order", **a.CANCEL)
    call.says(call.read_out)
    call.caller(YES[language])
    return call


@pytest_asyncio.fixture(loop_scope="module")
async def shop(little_file: Path, fresh: Callable[[Path], str]) -> AsyncIterator[ShopTools]:
    tools = await open_shop(fresh(little_file))
    yield tools
    await tools.close()


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_token_played_again(shop: ShopTools, language: Language) -> None:
    call = await agreed(shop, Clock(NOW), "s1", language)
    assert (await call.confirm()).kind == "committed"
    after = await rows(shop)
    for _ in range(3):
        call.says(call.read_out)
        call.caller(YES[language])
        again = await call.confirm()
        assert again.kind == "committed" or error_code(again) == "already_done"
    assert await rows(shop) == after


async def test_two_sessions_race_for_one_order(shop: ShopTools) -> None:
    clock = Clock(NOW)
    calls = [await agreed(shop, clock, f"s{n}") for n in range(4)]
    outcomes = await asyncio.gather(*(call.confirm() for call in calls))
    assert sorted(o.kind for o in outcomes) == ["committed", "refused", "refused", "refused"]
    async with shop.database.reading() as session:
        refunds = (await session.scalars(select(m.Refund).where(m.Refund.order_id == PAID))).all()
        assert len(refunds) == 1


async def test_one_session_confirms_many_times_at_once(shop: ShopTools) -> None:
    call = await agreed(shop, Clock(NOW), "s1")
    outcomes = await asyncio.gather(*(call.confirm(call_id=f"c{n}") for n in range(5)))
    assert any(o.kind == "committed" for o in outcomes)
    async with shop.database.reading() as session:
        refunds = (await session.scalars(select(m.Refund).where(m.Refund.order_id == PAID))).all()
        assert len(refunds) == 1


async def test_the_order_changes_between_read_out_and_yes(shop: ShopTools) -> None:
    clock = Clock(NOW)
    late, early = await agreed(shop, clock, "late"), talk_to(
        ShopGuards(shop, SETTINGS, clock=clock), clock, customer="C1", session="early"
    )  # fmt: skip
    await early.tool("change_order_payment", order_id=PAID, method_id="gift-1")
    early.says(early.read_out)
    early.caller(YES["ko"])
    assert (await early.confirm()).kind == "committed"
    after = await rows(shop)
    outcome = await late.confirm()
    assert error_code(outcome) == "changed", "the refund would go elsewhere than was read out"
    changed = await rows(shop)
    changed.pop("shop_confirmation"), after.pop("shop_confirmation")
    assert changed == after


async def test_there_are_enough_of_them() -> None:
    said = sum(len(each) for each in a.NOT_A_YES.values())
    early = len(a.HEARD_SO_FAR) * sum(len(each) for each in a.EARLY_YES.values())
    retold = sum(len(each) for each in a.RETOLD.values())
    tables = itertools.chain(a.FOREIGN, a.FOREIGN, a.INVENTED, a.INJECTIONS * 3, a.IMPOSTORS, a.GUESSES)
    assert said + early + retold + sum(1 for _ in tables) >= 150
