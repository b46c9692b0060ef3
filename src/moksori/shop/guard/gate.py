"""What every way to a tool passes: the tool exists, the arguments fit, the caller may; then the shop is asked."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

import jsonschema  # type: ignore[import-untyped]

from moksori.agent.principal import Caller
from moksori.agent.tools import JSON, Done, Language, Plan, Refused, ToolSet, ToolSpec
from moksori.shop.guard.quoting import quoted
from moksori.shop.guard.readout import unfit
from moksori.shop.guard.texts import refusal

log = logging.getLogger(__name__)
_IDENTITIES = ("customer_id", "user_id", "member_id", "account_id")
"""Arguments that would name a customer: only the caller's own may stand there."""
DEEPEST = 32
"""Levels of nesting of arguments that are looked at; a tool needs a handful."""
LONGEST = 32_768
"""Characters of arguments that are looked at."""
LONGEST_REASON = 200
"""Characters of what is said to be wrong with them."""


@dataclass(frozen=True, slots=True)
class Readable:
    """A plan and the sentence that asks for it ("" where nothing is asked)."""

    plan: Plan
    sentence: str


@dataclass(slots=True)
class Gate:
    tools: ToolSet
    specs: dict[str, ToolSpec] = field(init=False)
    _validators: dict[str, jsonschema.Draft202012Validator] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.specs = {spec.name: spec for spec in self.tools.specs()}
        self._validators = {name: _validator(spec) for name, spec in self.specs.items()}

    def admit(self, name: str, raw: str | Mapping[str, JSON]) -> tuple[ToolSpec, dict[str, JSON]] | Refused:
        """The tool and its arguments, or why not."""
        spec = self.specs.get(name)
        if spec is None:
            return refusal("unknown_tool", tool=name[:64])
        arguments = parsed(raw)
        if isinstance(arguments, Refused):
            return arguments
        problem = _misfit(arguments, self._validators[name])
        if problem is not None:
            return refusal("bad_arguments", field=problem)
        return spec, arguments

    async def read(
        self, spec: ToolSpec, arguments: Mapping[str, JSON], caller: Caller, now: datetime
    ) -> Done | Refused:
        stop = _not_theirs(spec, arguments, caller)
        if stop is not None:
            return stop
        try:
            return await self.tools.read(spec.name, arguments, caller, now)
        except Exception as why:  # a shop's tool may fail in any way; the call goes on
            log.error("Tool %s failed while reading: %s", spec.name, type(why).__name__)
            return refusal("shop_failed")

    async def plan(
        self,
        spec: ToolSpec,
        arguments: Mapping[str, JSON],
        caller: Caller,
        *,
        language: Language,
        now: datetime,
    ) -> Readable | Refused:
        stop = _not_theirs(spec, arguments, caller)
        if stop is not None:
            return stop
        try:
            plan = await self.tools.plan(spec.name, arguments, caller, now)
            if isinstance(plan, Refused):
                return plan
            sentence = self.tools.read_out(plan, language) if spec.confirm else ""
        except Exception as why:  # as above
            log.error("Tool %s failed while planning: %s", spec.name, type(why).__name__)
            return refusal("shop_failed")
        if plan.tool != spec.name or (spec.needs_customer and plan.customer_id != caller.customer_id):
            log.error("Tool %s planned something for somebody else.", spec.name)
            return refusal("not_found")
        problem = unfit(sentence, plan) if spec.confirm else None
        if problem is not None:
            log.error("The read-out sentence of tool %s %s.", spec.name, problem)
            return refusal("unreadable")
        return Readable(plan, sentence)

    def output(self, done: Done, spec: ToolSpec) -> str:
        return dumped({"ok": True, "result": quoted(done.value, spec.quotes)})


def refused_output(refused: Refused, language: Language) -> str:
    message = refused.message.get(language) or next(iter(refused.message.values()), refused.code)
    error: dict[str, JSON] = {"code": refused.code, "message": message}
    if refused.possible:
        error["possible"] = list(refused.possible)
    return dumped({"ok": False, "error": error})


def dumped(value: JSON) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def parsed(raw: str | Mapping[str, JSON]) -> dict[str, JSON] | Refused:
    """Arguments as an object; a model may send none at all, or something that is not JSON."""
    if isinstance(raw, str):
        if len(raw) > LONGEST:
            return refusal("bad_arguments", field=f"longer than {LONGEST} characters")
        try:
            value = json.loads(raw or "{}")
        except (ValueError, RecursionError):
            return refusal("bad_arguments", field="not JSON")
    else:
        value = dict(raw)
    if not isinstance(value, dict):
        return refusal("bad_arguments", field="not an object")
    if _depth(value) > DEEPEST:
        return refusal("bad_arguments", field="nested too deeply")
    return cast("dict[str, JSON]", value)


def _depth(value: JSON) -> int:
    level, depth = [value], 0
    while level and depth <= DEEPEST:
        depth += 1
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return depth


def _validator(spec: ToolSpec) -> jsonschema.Draft202012Validator:
    """A field the tool does not have is wrong too."""
    schema: dict[str, Any] = {"additionalProperties": False, **spec.parameters}
    made = jsonschema.Draft202012Validator(schema)
    next(made.iter_errors({}), None)  # what it prepares, it prepares now
    return made


def _misfit(arguments: dict[str, JSON], validator: jsonschema.Draft202012Validator) -> str | None:
    """The first thing wrong with the arguments."""
    first = next(validator.iter_errors(arguments), None)
    if first is None:
        return None
    where = ".".join(str(p) for p in first.absolute_path)
    return f"{where}: {first.message}"[:LONGEST_REASON] if where else first.message[:LONGEST_REASON]


def _not_theirs(spec: ToolSpec, arguments: Mapping[str, JSON], caller: Caller) -> Refused | None:
    if spec.needs_customer and caller.customer_id is None:
        return refusal("needs_customer")
    for name in _IDENTITIES:
        if not spec.verifies and name in arguments and arguments[name] != caller.customer_id:
            return refusal("not_found")
    return None
