"""What is wrong with the settings, as sentences: which file or variable, which key, what is expected."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

PREFIX = "MOKSORI__"
DELIMITER = "__"
DOTENV_FILE = ".env"


class SettingsError(Exception):
    """The settings cannot be used. Each argument is one sentence about one problem."""

    @property
    def problems(self) -> tuple[str, ...]:
        return tuple(str(problem) for problem in self.args)

    def __str__(self) -> str:
        return "\n".join(self.problems)


@dataclass(frozen=True, slots=True)
class Layers:
    """Where values came from, so that a sentence can say so."""

    file: str
    dotenv: Mapping[str, str]
    environ: Mapping[str, str]

    def name(self, key: tuple[str, ...]) -> str:
        """`moksori.toml: server.port`, or the variable that overrides the file there."""
        dotted = ".".join(key)
        for layer, where in ((self.environ, "the environment"), (self.dotenv, DOTENV_FILE)):
            upper = {variable.upper(): variable for variable in layer}
            for length in range(len(key), 0, -1):
                variable = upper.get((PREFIX + DELIMITER.join(key[:length])).upper())
                if variable is not None:
                    return f"{variable} in {where} ({dotted})"
        return f"{self.file}: {dotted}"

    def unknown_variables(self, model: type[BaseModel]) -> list[str]:
        """Variables with our prefix whose first part is no section; pydantic-settings passes over them."""
        found = []
        for layer, where in ((self.environ, "the environment"), (self.dotenv, DOTENV_FILE)):
            for variable in layer:
                if variable.upper().startswith(PREFIX):
                    section = variable[len(PREFIX) :].split(DELIMITER)[0].lower()
                    if section not in model.model_fields:
                        found.append(
                            f"{variable} in {where} names no section moksori knows{_hint(section, model)}"
                        )
        return found

    def unreadable_variable(self, error: Exception) -> str:
        """The sentence for a variable that should hold JSON (a list or a table) and does not."""
        for variable in (*self.environ, *self.dotenv):
            field = variable.upper().removeprefix(PREFIX).split(DELIMITER)[0].lower()
            if variable.upper().startswith(PREFIX) and f'"{field}"' in str(error):
                return f'{variable} must hold JSON here, such as ["a", "b"] or {{"name": "value"}}.'
        return f"A {PREFIX} variable in the environment must hold JSON: {error}."


def _hint(key: str, model: type[BaseModel] | None) -> str:
    """The end of a sentence about an unknown key: the nearest known one, or all of them."""
    if model is None:
        return "."
    known = list(model.model_fields)
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    return f'; did you mean "{near[0]}"?' if near else f" (known here: {', '.join(known)})."


def sentences(error: ValidationError, model: type[BaseModel], layers: Layers) -> list[str]:
    """One sentence a problem, without the value that was given: it may be a secret."""
    return [
        _sentence(problem, model, layers) for problem in error.errors(include_input=False, include_url=False)
    ]


def _sentence(problem: ErrorDetails, model: type[BaseModel], layers: Layers) -> str:
    key = tuple(str(step) for step in problem["loc"])
    if problem["type"] == "extra_forbidden":
        hint = _hint(key[-1], _model_at(model, problem["loc"][:-1]))
        return f"{layers.name(key)} is not a key moksori knows{hint}"
    return f"{layers.name(key) if key else layers.file} {_expected(problem)}."


def _expected(problem: ErrorDetails) -> str:
    context: dict[str, Any] = problem.get("ctx", {})
    match problem["type"]:
        case "missing":
            return "is missing"
        case "literal_error":
            return "must be " + str(context["expected"]).replace("'", '"')
        case "value_error":
            return str(context["error"])
        case "int_parsing" | "int_type" | "int_from_float":
            return "must be a whole number"
        case "float_parsing" | "float_type":
            return "must be a number"
        case "bool_parsing" | "bool_type":
            return "must be true or false"
        case "string_type":
            return "must be a string"
        case "tuple_type" | "list_type":
            return 'must be a list such as ["a", "b"]'
        case "dict_type" | "model_type" | "model_attributes_type":
            return "must be a table"
        case "greater_than_equal":
            return f"must be {context['ge']} or more"
        case "greater_than":
            return f"must be more than {context['gt']}"
        case "less_than_equal":
            return f"must be {context['le']} or less"
        case "string_pattern_mismatch" if "{64}" in context["pattern"]:
            return "must be the SHA-256 of the key as 64 hexadecimal digits"
        case "string_pattern_mismatch":
            return 'must be an address such as "http://127.0.0.1:9000/v1"'
        case "string_too_short":
            return "must not be empty"
        case _:
            return f"is not right: {problem['msg'][0].lower()}{problem['msg'][1:]}"


def _model_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> type[BaseModel] | None:
    """The model that describes the table at `loc`, through nested models, dicts and tuples of models."""
    here: Any = model
    for step in loc:
        if isinstance(here, type) and issubclass(here, BaseModel):
            field = here.model_fields.get(str(step))
            here = field.annotation if field is not None else None
        else:
            here = next((part for part in get_args(here) if _is_model(part)), None)
        here = (
            next((part for part in get_args(here) if _is_model(part)), here) if _is_optional(here) else here
        )
    return here if _is_model(here) else None


def _is_model(part: Any) -> bool:
    return isinstance(part, type) and issubclass(part, BaseModel)


def _is_optional(part: Any) -> bool:
    return type(None) in get_args(part)
