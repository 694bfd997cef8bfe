"""Opening hours, closed dates and quiet hours of a clinic."""

from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.calendar.hours import BusinessHours
from app.core.optimistic_locking import SeenVersions
from app.core.type_aliases import ColumnDict, JsonDict, JsonObject
from app.identity.actor import Actor
from app.identity.models import Clinic
from app.messaging.clinic_settings import lock_settings, save_settings

_COLUMNS: Final = (Clinic.timezone, Clinic.business_hours, Clinic.closed_dates, Clinic.quiet_hours)


def get_hours(session: Session, actor: Actor) -> JsonDict:
    """Return the hours of the clinic with their `version`, as HoursOut."""
    stored = select(*_COLUMNS, Clinic.hours_version.label("version")).where(Clinic.id == actor.clinic.id)
    return dict(session.execute(stored).mappings().one())


def set_hours(session: Session, actor: Actor, data: JsonObject, *, seen: SeenVersions = None) -> JsonDict:
    """Replace `business_hours`, `closed_dates` and `quiet_hours` (None: there are none).

    Returns the hours like `get_hours`. Steps that are planned from now on follow them. Raises ChangedMeanwhile.
    """
    version = lock_settings(session, actor.clinic.id, Clinic.hours_version, seen)
    values: ColumnDict = {
        "business_hours": BusinessHours.from_json(data["business_hours"]).to_json(),
        "closed_dates": sorted(set(data["closed_dates"])),
        "quiet_hours": data["quiet_hours"],
    }
    stored = get_hours(session, actor)
    changes = {name: value for name, value in values.items() if stored[name] != value}
    save_settings(session, actor.clinic.id, values | version, changes=changes)
    return get_hours(session, actor)
