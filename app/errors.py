"""Domain errors. The API turns each into `application/problem+json` with its own status, code and title."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One error in the input: a JSON pointer (RFC 6901) to the field, and a message."""

    pointer: str
    message: str


class RelanceError(Exception):
    """The request failed."""

    status: ClassVar[int] = 500
    retry_after: int | None = None  # seconds after which the caller may retry

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail or self.title())

    @classmethod
    def title(cls) -> str:
        """Return the title: the first line of the class docstring."""
        return (cls.__doc__ or cls.__name__).strip().splitlines()[0]

    @classmethod
    def code(cls) -> str:
        """Return the stable error code: the class name in kebab case (`LeadIsLocked` → `lead-is-locked`)."""
        return "".join(f"-{c.lower()}" if c.isupper() else c for c in cls.__name__).lstrip("-")

    def members(self) -> Mapping[str, Any]:
        """Return additional members of the problem document, as JSON values."""
        return {}


class Unauthenticated(RelanceError):
    """Valid credentials are required."""

    status = 401


class Forbidden(RelanceError):
    """Your permissions do not allow this."""

    status = 403


class NotFound(RelanceError):
    """Not found."""

    status = 404


class Conflict(RelanceError):
    """The current state does not allow this."""

    status = 409


class Invalid(RelanceError):
    """The input is not valid."""

    status = 422

    def __init__(self, *errors: FieldError, detail: str | None = None) -> None:
        super().__init__(detail)
        self.errors: Sequence[FieldError] = errors

    def members(self) -> Mapping[str, Any]:
        """Return `errors`: a list of `{"pointer": str, "message": str}`."""
        return {"errors": [asdict(error) for error in self.errors]}

    @classmethod
    def at(cls, pointer: str, message: str) -> "Invalid":
        """Return an `Invalid` with one field error at `pointer` (RFC 6901)."""
        return cls(FieldError(pointer, message))


class TooManyRequests(RelanceError):
    """Too many requests. Wait before the next one."""

    status = 429

    def __init__(self, retry_after: int, detail: str | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
