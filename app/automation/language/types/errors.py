"""Pydantic's errors as sentences of this language, each with the path of its value."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

Loc = tuple[int | str, ...]
Handler = Callable[[object], object]  # the rest of the validation, for a validator that wraps it

PROBLEM = "problem"  # pydantic's type of every error whose sentence is written here
_SENTENCES: Final = {"missing": "is missing", "recursion_loop": "contains itself"}


class Line(NamedTuple):
    """One mistake: the keys and indexes that lead to it, and the sentence."""

    loc: Loc
    problem: str


def problem(sentence: str) -> PydanticCustomError:
    """Return the error to raise in a validator."""
    return PydanticCustomError(PROBLEM, "{sentence}", {"sentence": sentence})


def lines_of(error: ValidationError) -> Iterator[Line]:
    """Yield the mistakes of an error, in pydantic's order."""
    for detail in _details(error):
        yield Line(detail["loc"], sentence_of(detail))


def paths_of(error: ValidationError, type_: str) -> dict[Loc, None]:
    """Return the paths of mistakes of one of pydantic's types, in order."""
    return {detail["loc"]: None for detail in _details(error) if detail["type"] == type_}


def sentence_of(detail: ErrorDetails) -> str:
    """Return the sentence of one of pydantic's errors."""
    if detail["type"] == PROBLEM:
        return str(detail["ctx"]["sentence"])
    return _SENTENCES.get(detail["type"], detail["msg"])


def as_error(title: str, lines: Iterable[Line]) -> ValidationError:
    """Return an error with these mistakes."""
    details = [InitErrorDetails(type=problem(line.problem), loc=line.loc, input=None) for line in lines]
    return ValidationError.from_exception_data(title, details)


@contextmanager
def relocated(title: str, move: Callable[[Loc], Loc]) -> Iterator[None]:
    """Change the paths of the mistakes that are raised inside the context."""
    try:
        yield
    except ValidationError as error:
        lines = [Line(move(line.loc), line.problem) for line in lines_of(error)]
        raise as_error(title, lines) from None


def _details(error: ValidationError) -> list[ErrorDetails]:
    return error.errors(include_url=False, include_input=False)


def is_about_itself(error: ValidationError) -> bool:
    """Return whether a mistake is about the value itself, not about a part of it."""
    return any(not detail["loc"] for detail in _details(error))
