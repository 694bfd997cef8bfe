"""Settings of a clinic with a version of their own: change them one at a time, and only the version that was seen."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import InstrumentedAttribute

from app.audit import audit_log
from app.audit.models import Act
from app.core.optimistic_locking import SeenVersions, require_version
from app.core.type_aliases import ColumnDict, ColumnValues
from app.identity.clinics import bump_rules_version
from app.identity.models import Clinic


class _Version(NamedTuple):
    version: int


def lock_settings(
    session: Session, clinic_id: UUID, version: InstrumentedAttribute[int], seen: SeenVersions
) -> ColumnDict:
    """Lock the clinic's row for a change of the settings with this version column, and return its next value.

    Processes load the clinic anew after the commit. Raises ChangedMeanwhile.
    """
    bump_rules_version(session, clinic_id)  # locks the row
    current = session.scalars(select(version).where(Clinic.id == clinic_id)).one()
    require_version(_Version(current), seen)
    return {version.key: current + 1}


def save_settings(session: Session, clinic_id: UUID, values: ColumnValues, *, changes: ColumnValues) -> None:
    """Set columns of the clinic. `changes` is noted in the audit log."""
    session.execute(update(Clinic).where(Clinic.id == clinic_id).values(**values))
    audit_log.note_change(session, "clinic", [clinic_id], act=Act.UPDATE, after=changes)
