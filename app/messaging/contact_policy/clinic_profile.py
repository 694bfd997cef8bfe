"""Profile of a clinic: its name and its time zone."""

from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.optimistic_locking import SeenVersions
from app.core.type_aliases import ColumnDict, JsonDict, JsonObject
from app.identity.actor import Actor
from app.identity.models import Clinic
from app.messaging.clinic_settings import lock_settings, save_settings

_COLUMNS: Final = (Clinic.name, Clinic.timezone, Clinic.region, Clinic.language)
_EDITABLE: Final = ("name", "timezone")


def get_profile(session: Session, actor: Actor) -> JsonDict:
    """Return name, timezone, region, language and version of the clinic, as ClinicProfileOut."""
    stored = select(*_COLUMNS, Clinic.profile_version.label("version")).where(Clinic.id == actor.clinic.id)
    return dict(session.execute(stored).mappings().one())


def set_profile(session: Session, actor: Actor, data: JsonObject, *, seen: SeenVersions = None) -> JsonDict:
    """Replace `name` and `timezone` (IANA name). Returns the profile like `get_profile`. Raises ChangedMeanwhile.

    Planned steps and tasks keep their due times. All later computations of local times use the new zone.
    """
    version = lock_settings(session, actor.clinic.id, Clinic.profile_version, seen)
    stored = get_profile(session, actor)
    changes: ColumnDict = {name: data[name] for name in _EDITABLE if data[name] != stored[name]}
    save_settings(session, actor.clinic.id, changes | version | _hours_version(changes), changes=changes)
    return get_profile(session, actor)


def _hours_version(changes: ColumnDict) -> ColumnDict:
    """Return the next version of the hours if the zone changes: their local times mean other instants then."""
    return {"hours_version": Clinic.hours_version + 1} if "timezone" in changes else {}
