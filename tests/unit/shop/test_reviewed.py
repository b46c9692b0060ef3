"""The sentences of a brain are asked about before they are given on."""

from __future__ import annotations

from collections.abc import AsyncIterator

from moksori.agent.brain import BrainEvent, Finished, Said, Thought
from moksori.conversation.clauses import Chunker
from moksori.engine.review import review_of, reviewed
from moksori.protocol.session_object import FunctionTool
from moksori.shop.unfounded import unfounded

SORRY = "I'm sorry, I can neither look up nor change an order here."


def thought(instructions: str = "", *tools: FunctionTool) -> Thought:
    return Thought("c", "r", (), instructions, tools, "auto", None, "en", False)


async def said(*pieces: str, given: Thought | None = None, slow_from: int = 99) -> list[str]:
    async def brain() -> AsyncIterator[BrainEvent]:
        for number, piece in enumerate(pieces):
            yield Said(piece, slow=number >= slow_from)
        yield Finished()

    out = []
    review = review_of(given or thought(), None, unfounded, "Be brief.")
    async for event in reviewed(brain(), review):
        if isinstance(event, Said):
            out.append(event.text)
        last = event
    assert isinstance(last, Finished)
    return out


async def test_a_claim_is_replaced_and_nothing_follows_it() -> None:
    assert await said("Yes, your ", "refund is ", "complete. ", "It went ", "to your card.") == [
        "Yes, ",
        SORRY,
    ]


async def test_clauses_that_claim_nothing_come_at_once() -> None:
    """Given a model that writes word by word, the first clause does not wait for the sentence."""
    assert await said("Of ", "course, ", "what ", "is it? ", "Tell me.") == [
        "Of course, ",
        "what is it? ",
        "Tell me.",
    ]


async def test_what_shows_that_a_sentence_has_ended_does_not_wait_for_the_next_one() -> None:
    words = (
        "I'm ",
        "sorry ",
        "to hear that",
        ".",
        " Please",
        " try",
        " to reset",
        " it",
        ".",
        " Is",
        " there",
        " more?",
    )
    out = await said(*words)
    assert out == ["I'm sorry to hear that.", " ", "Please try to reset it.", " ", "Is there more?"]
    chunker = Chunker()
    assert [*chunker.push(out[0]), *chunker.push(out[1])] == ["I'm sorry to hear that."]


async def test_the_first_sentence_of_a_slow_model_comes_by_words_and_no_other() -> None:
    words = ("Our ", "return ", "policy ", "is ", "30 ", "days ", "from ", "the ", "date ", "of purchase. ")
    assert await said(*words, "Is there ", "more ", "that you want me to say?", slow_from=3) == [
        "Our return policy is 30 days from ",
        "the ",
        "date ",
        "of purchase. ",
        "Is there more that you want me to say?",
    ]


async def test_a_claim_of_a_slow_model_is_replaced_as_soon_as_it_is_one() -> None:
    words = (
        "All ",
        "that ",
        "you paid ",
        "for the ",
        "blue shoes ",
        "on Monday ",
        "has been ",
        "refunded ",
        "today.",
    )
    out = await said(*words, slow_from=2)
    assert out[-1] == SORRY and "refunded" not in "".join(out)
    assert out[0] == "All that you paid for the blue shoes "


async def test_a_claim_shows_in_a_later_clause() -> None:
    assert await said("Your refund, ", "as you asked, ", "has been issued.") == [
        "Your refund, ",
        "as you asked, ",
        SORRY,
    ]


async def test_a_text_without_an_end_is_asked_about_too() -> None:
    assert await said("Your refund is complete") == [SORRY]


async def test_tools_or_instructions_of_its_own_lift_it() -> None:
    tool = FunctionTool(name="cancel")
    for given in (thought("Be brief.", tool), thought("You are the shop's clerk.")):
        assert await said("Your refund is complete.", given=given) == ["Your refund is complete."]
    assert await said("Your refund is complete.", given=thought("Be brief.")) == [SORRY]
