"""What a caller says is not wished, or takes back: "not a return, an exchange", "don't cancel it". Pure."""

from __future__ import annotations

import re

_NOT_THAT = re.compile(
    r"\b(?:rather than|instead of) (?:an? |to )?(?:swap|exchang|return|cancel|refund)\w*(?: (?:it|them))?"
    r"|(?:교환|반품|취소|환불)(?:은|는)? ?(?:말고|아니고|아니라|됐고)"
    r"|\b(?:no need|don[’']?t|needn[’']?t|not asking|without)\b[^.?!,]{0,20}"
    r"\b(?:put|connect|transfer|pass|speak|talk)\w*\b[^.?!,]*"
    r"|(?:연결|통화|상담)(?:은|까지는|까진|까지|할 (?:건|필요는?))? ?"
    r"(?:안 ?(?:하|해)|필요 ?없|하지 ?(?:마|말|않)|아니|없어도|됐)\S*(?: ?(?:돼|되|괜찮)\S*)?"
    r"|(?<!\bif i )(?<!\bif we )\b(?:don[’']?t|do not|no need to|(?:rather|would) not) (?:want to |actually )*"
    r"(?:cancel|return|exchange|swap)\w*(?: (?:it|that|this|them|the order|my order))?"
    r"(?=\W*(?:$|[.,;!]|but|and|just|yet|after all|please|any more))"
    r"|(?:교환|반품|취소|환불)(?:은|는|을|를)? ?(?:하지|시키지) ?(?:는 ?)?(?:말|마시|않)\S*"
    r"(?: ?(?:주세|주시|주십|주면|줘)\S*)?",
    re.IGNORECASE,
)
"""A wish that the caller says it is not ("교환 말고 반품"), or takes back ("don't cancel it")."""
_DONT = re.compile(
    r"^\W*(?:(?:oh|no|actually|wait|sorry|hang on),? )+(?:please )?don[’']?t\W*$"
    r"|^\W*(?:아니다?|아 ?아니)[,. ]*(?:하지 ?마\S*|안 할\S*)\W*$",
    re.IGNORECASE,
)
"""What was wished just before is taken back without a word of what."""
_NAMED = {
    "cancel": re.compile("cancel|취소", re.IGNORECASE),
    "return": re.compile("return|refund|반품|환불", re.IGNORECASE),
    "exchange": re.compile("exchang|swap|교환", re.IGNORECASE),
}
"""The wishes that can be taken back by their name."""


def without_refused(text: str) -> str:
    """The sentence without the wishes it says it is not."""
    return _NOT_THAT.sub(" ", text)


def refused_in(clause: str, before: str | None = None) -> set[str]:
    """The wishes that a clause says it is not; `before` is what was wished last, which a bare "don't" takes back."""
    not_that = " ".join(match.group() for match in _NOT_THAT.finditer(clause))
    found = {flow for flow, name in _NAMED.items() if name.search(not_that)}
    return found | {before} if before is not None and _DONT.search(clause) else found
