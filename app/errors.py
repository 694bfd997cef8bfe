"""Errors a caller can act on. The API turns each into problem+json with its own status and title."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One mistake in the input: a JSON pointer (RFC 6901) to the field and what is wrong with it."""

    pointer: str
    message: str


class RelanceError(Exception):
    """The request could not be carried out."""

    status: ClassVar[int] = 500
    retry_after: int | None = None  # seconds after which it is worth another try

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail or self.title())

    @classmethod
    def title(cls) -> str:
        """The error's own words: the first line of its docstring."""
        return (cls.__doc__ or cls.__name__).strip().splitlines()[0]

    @classmethod
    def code(cls) -> str:
        """A stable name for programs: `LeadIsLocked` reads `lead-is-locked`."""
        return "".join(f"-{c.lower()}" if c.isupper() else c for c in cls.__name__).lstrip("-")

    def members(self) -> Mapping[str, Any]:
        """What the problem says beyond that, as JSON values."""
        return {}


class Unauthenticated(RelanceError):
    """Valid credentials are needed."""

    status = 401


class Forbidden(RelanceError):
    """Your role does not allow this."""

    status = 403


class NotFound(RelanceError):
    """There is nothing here."""

    status = 404


class Conflict(RelanceError):
    """The present state does not allow this."""

    status = 409


class Invalid(RelanceError):
    """The input has mistakes."""

    status = 422

    def __init__(self, *errors: FieldError, detail: str | None = None) -> None:
        super().__init__(detail)
        self.errors: Sequence[FieldError] = errors

    def members(self) -> Mapping[str, Any]:
        """Every mistake."""
        return {"errors": [asdict(mistake) for mistake in self.errors]}

    @classmethod
    def at(cls, pointer: str, message: str) -> "Invalid":
        """One mistake, at one place."""
        return cls(FieldError(pointer, message))


class TooManyRequests(RelanceError):
    """Too many attempts; wait before the next."""

    status = 429

    def __init__(self, retry_after: int, detail: str | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
