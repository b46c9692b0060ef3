"""Works out sums like "(12.5 + 3) * 2" exactly, by parsing them: nothing is ever evaluated as code."""

from __future__ import annotations

import re
from decimal import Decimal, DivisionByZero, InvalidOperation, localcontext

TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d*)?|\.\d+)|([-+*/()]))")
DEEPEST = 50
DIGITS = 40
CENT = Decimal("0.01")


class NotASum(Exception):
    """The text is not an arithmetic expression."""


def work_out(expression: str) -> str:
    """The value rounded to cents, as tau2 writes it ("31.0", "8276.23"). Raises `NotASum`."""
    with localcontext() as context:
        context.prec = DIGITS
        try:
            value = _Parser(_tokens(expression)).whole()
            return str(float(value.quantize(CENT)))
        except (InvalidOperation, DivisionByZero, ArithmeticError) as error:
            raise NotASum("The expression divides by zero or is out of range.") from error


def _tokens(expression: str) -> list[str]:
    tokens: list[str] = []
    position = 0
    text = expression.rstrip()
    while position < len(text):
        found = TOKEN.match(text, position)
        if found is None:
            raise NotASum(
                f"The expression may hold numbers, + - * / and parentheses, not {text[position]!r}."
            )
        tokens.append(found[1] or found[2])
        position = found.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.position = 0
        self.depth = 0

    def whole(self) -> Decimal:
        value = self._sum()
        if self.position != len(self.tokens):
            raise NotASum("The expression goes on after its end.")
        return value

    def _next(self) -> str:
        return self.tokens[self.position] if self.position < len(self.tokens) else ""

    def _take(self) -> str:
        token = self._next()
        self.position += 1
        return token

    def _sum(self) -> Decimal:
        value = self._product()
        while self._next() in ("+", "-"):
            value = value + self._product() if self._take() == "+" else value - self._product()
        return value

    def _product(self) -> Decimal:
        value = self._factor()
        while self._next() in ("*", "/"):
            value = value * self._factor() if self._take() == "*" else value / self._factor()
        return value

    def _factor(self) -> Decimal:
        self.depth += 1
        if self.depth > DEEPEST:
            raise NotASum("The expression is nested too deeply.")
        token = self._take()
        if token in ("-", "+"):
            value = self._factor() if token == "+" else -self._factor()
        elif token == "(":
            value = self._sum()
            if self._take() != ")":
                raise NotASum("A parenthesis is not closed.")
        elif token and token not in "*/)":
            value = Decimal(token)
        else:
            raise NotASum("The expression ends where a number should stand.")
        self.depth -= 1
        return value
