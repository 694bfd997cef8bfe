"""Versions of what people edit: nobody overwrites what they have not seen."""

from collections.abc import Collection
from typing import Protocol, TypeAlias

from app.errors import RelanceError

Seen: TypeAlias = Collection[int] | None  # the versions that an edit is meant for; None: whichever it is by now


class Versioned(Protocol):
    """A row that counts its changes."""

    @property
    def version(self) -> int: ...


class ChangedMeanwhile(RelanceError):
    """Somebody changed it meanwhile: read it again, then decide."""

    status = 412


def require_seen(row: Versioned, seen: Seen) -> None:
    """Call it with the row locked. Raises ChangedMeanwhile."""
    if seen is not None and row.version not in seen:
        raise ChangedMeanwhile
