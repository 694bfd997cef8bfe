"""What a clinic has set up, read once for each version of it."""

from collections.abc import Callable
from functools import wraps
from typing import Final, TypeVar
from uuid import UUID

from sqlalchemy.orm import Session

from app.identity.clinic_context import ClinicContext

MOST_CLINICS: Final = 1000

T = TypeVar("T")


def once_for_each_version(load: Callable[[Session, ClinicContext], T]) -> Callable[[Session, ClinicContext], T]:
    """Keeps what `load` read, as of the version that the clinic's row names.

    Whoever changes what is kept so counts `rules_version` up: no other process can leave the change behind.
    """
    known: dict[UUID, tuple[int, T]] = {}

    @wraps(load)
    def of(session: Session, clinic: ClinicContext) -> T:
        held = known.get(clinic.id)
        if held is not None and held[0] == clinic.rules_version:
            return held[1]
        read = load(session, clinic)
        if len(known) >= MOST_CLINICS:
            known.clear()
        known[clinic.id] = clinic.rules_version, read
        return read

    return of
