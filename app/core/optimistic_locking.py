"""Optimistic locking: an edit names the version that the client saw, and fails if the row has changed since."""

from collections.abc import Collection
from typing import Protocol, TypeAlias

from app.errors import RelanceError

SeenVersions: TypeAlias = Collection[int] | None  # versions that the client accepts; None: any version


class Versioned(Protocol):
    """A row with a version number that each change increments."""

    @property
    def version(self) -> int: ...


class ChangedMeanwhile(RelanceError):
    """The resource has changed since you read it. Read it again, then repeat the edit."""

    status = 412


def require_version(row: Versioned, seen: SeenVersions) -> None:
    """Check the version of a locked row. Raises ChangedMeanwhile when it is not among `seen`."""
    if seen is not None and row.version not in seen:
        raise ChangedMeanwhile
