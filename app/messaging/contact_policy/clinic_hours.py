"""Opening hours, closed dates and quiet hours of a clinic."""

from typing import Final, NamedTuple

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.audit.models import Act
from app.core.calendar.hours import BusinessHours
from app.core.optimistic_locking import SeenVersions, require_version
from app.core.type_aliases import ColumnDict, JsonDict, JsonObject
from app.identity.actor import Actor
from app.identity.clinics import bump_rules_version
from app.identity.models import Clinic

_COLUMNS: Final = (Clinic.timezone, Clinic.business_hours, Clinic.closed_dates, Clinic.quiet_hours)


class _Version(NamedTuple):
    version: int


def get_hours(session: Session, actor: Actor) -> JsonDict:
    """Return the hours of the clinic with their `version`, as HoursOut."""
    stored = select(*_COLUMNS, Clinic.hours_version.label("version")).where(Clinic.id == actor.clinic.id)
    return dict(session.execute(stored).mappings().one())


def set_hours(session: Session, actor: Actor, data: JsonObject, *, seen: SeenVersions = None) -> JsonDict:
    """Replace `business_hours`, `closed_dates` and `quiet_hours` (None: there are none).

    Returns the hours like `get_hours`. Steps that are planned from now on follow them. Raises ChangedMeanwhile.
    """
    bump_rules_version(session, actor.clinic.id)  # locks the row
    version = session.scalars(select(Clinic.hours_version).where(Clinic.id == actor.clinic.id)).one()
    require_version(_Version(version), seen)
    values: ColumnDict = {
        "business_hours": BusinessHours.from_json(data["business_hours"]).to_json(),
        "closed_dates": sorted(set(data["closed_dates"])),
        "quiet_hours": data["quiet_hours"],
    }
    stored = get_hours(session, actor)
    changes = {name: value for name, value in values.items() if stored[name] != value}
    row = update(Clinic).where(Clinic.id == actor.clinic.id)
    session.execute(row.values(**values, hours_version=version + 1))
    audit_log.note_change(session, "clinic", [actor.clinic.id], act=Act.UPDATE, after=changes)
    return get_hours(session, actor)
