"""Report every mistake at once: run all checks, also on a body of which some fields are invalid."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from app.errors import FieldError, Invalid, RelanceError


class ReadsInvalidField(Exception):
    """A check reads a field that has an error of its own, so its result would say nothing."""


class ValidFields(Mapping[str, Any]):
    """The valid fields of a body. Reading the value of an invalid field, or all fields, raises ReadsInvalidField.

    `invalid` are the names of fields with errors, `given` those that the body has. Whether a field is given is known
    although its value is invalid.
    """

    def __init__(self, values: Mapping[str, Any], *, invalid: Iterable[str], given: Collection[str]) -> None:
        self._invalid = frozenset(invalid)
        self._given = self._invalid.intersection(given)
        self._values = {name: value for name, value in values.items() if name not in self._invalid}

    def __getitem__(self, name: str) -> Any:
        if name in self._invalid:
            raise ReadsInvalidField
        return self._values[name]

    def __contains__(self, name: object) -> bool:
        return name in self._values or name in self._given

    def __iter__(self) -> Iterator[str]:
        self._require_all_valid()
        return iter(self._values)

    def __len__(self) -> int:
        self._require_all_valid()
        return len(self._values)

    def _require_all_valid(self) -> None:
        if self._invalid:
            raise ReadsInvalidField


class InvalidFields(Invalid):
    """The input is not valid."""

    def __init__(self, *errors: FieldError, valid: ValidFields) -> None:
        super().__init__(*errors)
        self.valid = valid

    @classmethod
    def code(cls) -> str:
        """Return the code of `Invalid`, because clients need not know which check found an error."""
        return Invalid.code()


def valid_part(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the valid fields of a body: all fields, unless it is a `ValidFields`."""
    return dict(data._values) if isinstance(data, ValidFields) else dict(data)  # noqa: SLF001  (its own module)


def check_all(*checks: Callable[[], object]) -> None:
    """Run every check. Raises Invalid with the errors of all; a check that reads an invalid field has none."""
    errors = [error for check in checks for error in errors_of(check)]
    if errors:
        raise Invalid(*errors)


def errors_of(check: Callable[[], object]) -> Sequence[FieldError]:
    """Run a check and return its errors; none if it reads an invalid field."""
    try:
        check()
    except Invalid as mistake:
        if not mistake.errors:
            raise
        return mistake.errors
    except ReadsInvalidField:
        pass
    return ()


def with_errors_of(check: Callable[[], object], found: Invalid) -> Invalid:
    """Return the errors found, and those of another check. Other domain errors of the check are ignored."""
    more: list[FieldError] = []
    with suppress(RelanceError):
        more = [error for error in errors_of(check) if error not in found.errors]
    return Invalid(*found.errors, *more, detail=str(found))
