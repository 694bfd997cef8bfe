"""Validators for one of several values."""

from collections.abc import Callable, Sequence

from marshmallow import validate

from app.core.validation.validation_errors import closest, listed


class OneOf(validate.OneOf):
    """As marshmallow's, with a shorter message: the value that was probably meant, and all values."""

    def _format_error(self, value: object) -> str:
        names = [str(choice) for choice in self.choices]
        close = closest(value, names)
        hint = f"Did you mean {close!r}? " if close is not None else ""
        return f"{hint}Must be one of: {listed(names)}."


class OneOfRegistered(validate.Validator):
    """As `validate.OneOf`. The OpenAPI document reads `choices`."""

    def __init__(self, names: Callable[[], Sequence[str]]) -> None:
        self._names = names

    @property
    def choices(self) -> Sequence[str]:
        return self._names()

    def __call__(self, value: str) -> str:
        return str(OneOf(self.choices)(value))
