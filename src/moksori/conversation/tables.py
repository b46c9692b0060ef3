"""The specification of the conversation's machines, written by hand: state × event → what may follow.

The code is checked against these tables in both directions: every step it takes stands here, and everything that
stands here happens. A cell lists each outcome as the next state and the names of the outputs, in order.
"""

from __future__ import annotations

from typing import Final

Outcome = tuple[str, tuple[str, ...]]
Table = dict[tuple[str, str], frozenset[Outcome]]


def _cell(*outcomes: Outcome) -> frozenset[Outcome]:
    return frozenset(outcomes)


TURN: Final[Table] = {
    # `voiced`: probability at or above the threshold; `silent`: below it by the release; `unclear`: between them.
    ("Quiet", "voiced"): _cell(("Quiet", ()), ("Talking", ("Started",))),
    ("Quiet", "unclear"): _cell(("Quiet", ())),
    ("Quiet", "silent"): _cell(("Quiet", ())),
    # Half a frame later, by its loudness alone: `faded`, or `sounding` still.
    ("Quiet", "faded"): _cell(("Quiet", ())),
    ("Quiet", "sounding"): _cell(("Quiet", ())),
    ("Quiet", "judged"): _cell(("Quiet", ())),
    ("Quiet", "understood"): _cell(("Quiet", ())),
    ("Quiet", "reset"): _cell(("Quiet", ())),
    ("Talking", "voiced"): _cell(("Talking", ()), ("Quiet", ("Paused", "Ended"))),  # the second: too long
    ("Talking", "unclear"): _cell(("Talking", ()), ("Quiet", ("Paused", "Ended"))),
    ("Talking", "silent"): _cell(("Pausing", ()), ("Pausing", ("Paused",)), ("Quiet", ("Paused", "Ended"))),
    ("Talking", "faded"): _cell(("Talking", ()), ("Pausing", ("Paused",)), ("Quiet", ("Paused", "Ended"))),
    ("Talking", "sounding"): _cell(("Talking", ()), ("Quiet", ("Paused", "Ended"))),
    ("Talking", "judged"): _cell(("Talking", ())),
    ("Talking", "understood"): _cell(("Talking", ())),
    ("Talking", "reset"): _cell(("Quiet", ("Dropped",))),
    ("Pausing", "voiced"): _cell(("Pausing", ()), ("Talking", ("Resumed",))),
    ("Pausing", "unclear"): _cell(
        ("Pausing", ()),
        ("Pausing", ("Paused",)),
        ("Pausing", ("AskEnd",)),
        ("Pausing", ("Paused", "AskEnd")),
        ("Quiet", ("Ended",)),
        ("Quiet", ("Paused", "Ended")),
    ),
    ("Pausing", "silent"): _cell(
        ("Pausing", ()),
        ("Pausing", ("Paused",)),
        ("Pausing", ("AskEnd",)),
        ("Pausing", ("Paused", "AskEnd")),
        ("Quiet", ("Ended",)),
        ("Quiet", ("Paused", "Ended")),
    ),
    ("Pausing", "faded"): _cell(("Pausing", ())),
    ("Pausing", "sounding"): _cell(("Pausing", ())),
    ("Pausing", "judged"): _cell(("Pausing", ()), ("Quiet", ("Ended",))),
    ("Pausing", "understood"): _cell(("Pausing", ()), ("Quiet", ("Ended",))),
    ("Pausing", "reset"): _cell(("Quiet", ("Dropped",))),
}
"""`turn.Turns`. An open turn ends by silence, by length or by a reset, and in no other way."""

ANSWER: Final[dict[tuple[str, str], frozenset[str]]] = {
    ("held", "publish"): frozenset({"live", "done"}),
    ("held", "discard"): frozenset({"done"}),
    ("held", "cancel"): frozenset({"done"}),
    ("held", "fail"): frozenset({"done"}),
    ("held", "said"): frozenset({"held"}),
    ("held", "called"): frozenset({"held"}),
    ("held", "finished"): frozenset({"held"}),
    ("held", "sounded"): frozenset({"held"}),
    ("held", "clause_spoken"): frozenset({"held"}),
    ("live", "publish"): frozenset({"live"}),
    ("live", "discard"): frozenset({"done"}),
    ("live", "cancel"): frozenset({"done"}),
    ("live", "fail"): frozenset({"done"}),
    ("live", "said"): frozenset({"live"}),
    ("live", "called"): frozenset({"live"}),
    ("live", "finished"): frozenset({"live", "done"}),
    ("live", "sounded"): frozenset({"live"}),
    ("live", "clause_spoken"): frozenset({"live", "done"}),
    ("done", "publish"): frozenset({"done"}),
    ("done", "discard"): frozenset({"done"}),
    ("done", "cancel"): frozenset({"done"}),
    ("done", "fail"): frozenset({"done"}),
    ("done", "said"): frozenset({"done"}),
    ("done", "called"): frozenset({"done"}),
    ("done", "finished"): frozenset({"done"}),
    ("done", "sounded"): frozenset({"done"}),
    ("done", "clause_spoken"): frozenset({"done"}),
}
"""`answer.Answer`. Held says nothing; done is for ever; from live every way ends in done, once."""

OVERLAP: Final[dict[tuple[str, str], frozenset[tuple[str, str | None]]]] = {
    # `words`: something that is no acknowledgement, by what was said or by how it sounds; `over`: the turn has ended.
    ("none", "began"): frozenset({("unheard", None)}),
    ("none", "goes_on"): frozenset({("none", None)}),
    ("none", "pauses"): frozenset({("none", None)}),
    ("none", "words"): frozenset({("none", None)}),
    ("none", "acknowledgement"): frozenset({("none", None)}),
    ("none", "over"): frozenset({("none", None)}),
    ("none", "withdrawn"): frozenset({("none", None)}),
    ("unheard", "began"): frozenset({("unheard", None)}),
    ("unheard", "goes_on"): frozenset({("unheard", None), ("unheard", "glance"), ("none", "interrupt")}),
    ("unheard", "pauses"): frozenset({("unheard", None), ("unheard", "glance")}),
    # One look may leave it open: what follows is looked at again.
    ("unheard", "words"): frozenset({("none", "interrupt"), ("unheard", None)}),
    ("unheard", "acknowledgement"): frozenset({("acknowledging", None)}),
    ("unheard", "over"): frozenset({("none", "interrupt"), ("none", "pass")}),
    ("unheard", "withdrawn"): frozenset({("none", None)}),
    ("acknowledging", "began"): frozenset({("unheard", None)}),
    ("acknowledging", "goes_on"): frozenset(
        {("acknowledging", None), ("acknowledging", "glance"), ("none", "interrupt")}
    ),
    ("acknowledging", "pauses"): frozenset({("acknowledging", None), ("acknowledging", "glance")}),
    # Few words that take the turn are not believed where all of the speech clearly sounded like an acknowledgement.
    ("acknowledging", "words"): frozenset({("none", "interrupt"), ("acknowledging", None)}),
    ("acknowledging", "acknowledgement"): frozenset({("acknowledging", None)}),
    ("acknowledging", "over"): frozenset({("none", "interrupt"), ("none", "pass")}),
    ("acknowledging", "withdrawn"): frozenset({("none", None)}),
}
"""`overlap.step`: phase × event → next phase and output. Undecided speech interrupts or leaves no trace."""

OVERLAP_HELD: Final[dict[tuple[str, str], frozenset[tuple[str, str | None]]]] = {
    # Where the client can hold its loudspeaker, as above except for these; nothing interrupts by its sound alone.
    ("unheard", "goes_on"): frozenset({("unheard", None), ("unheard", "glance"), ("held", "hold")}),
    ("unheard", "words"): frozenset({("none", "interrupt"), ("held", "hold"), ("unheard", None)}),
    # A word that may be the beginning of another is none yet.
    ("unheard", "acknowledgement"): frozenset({("acknowledging", None), ("unheard", None)}),
    ("acknowledging", "words"): frozenset({("none", "interrupt"), ("held", "hold"), ("acknowledging", None)}),
    ("held", "began"): frozenset({("unheard", None)}),
    ("held", "goes_on"): frozenset({("held", None), ("held", "glance"), ("none", "interrupt")}),
    ("held", "pauses"): frozenset({("held", None), ("held", "glance")}),
    ("held", "words"): frozenset({("none", "interrupt"), ("held", None)}),
    ("held", "acknowledgement"): frozenset({("acknowledging", "release"), ("held", None)}),
    ("held", "over"): frozenset({("none", "interrupt"), ("none", "pass")}),
    ("held", "withdrawn"): frozenset({("none", "release")}),
}
"""What a hold changes in `OVERLAP`: silence comes before the decision, and a hold always ends."""
