"""Per-process cache of a clinic's settings, keyed by the clinic's `rules_version`."""

from collections.abc import Callable
from functools import wraps
from typing import Final, TypeVar
from uuid import UUID

from sqlalchemy.orm import Session

from app.identity.clinic_context import ClinicContext

MAX_CLINICS: Final = 1000

T = TypeVar("T")


def cache_per_version(load: Callable[[Session, ClinicContext], T]) -> Callable[[Session, ClinicContext], T]:
    """Cache the result of `load` until the clinic's `rules_version` changes.

    Code that changes cached settings must increment `rules_version`. That invalidates the caches of all processes.
    """
    cache: dict[UUID, tuple[int, T]] = {}

    @wraps(load)
    def of(session: Session, clinic: ClinicContext) -> T:
        cached = cache.get(clinic.id)
        if cached is not None and cached[0] == clinic.rules_version:
            return cached[1]
        read = load(session, clinic)
        if len(cache) >= MAX_CLINICS:
            cache.clear()
        cache[clinic.id] = clinic.rules_version, read
        return read

    return of
