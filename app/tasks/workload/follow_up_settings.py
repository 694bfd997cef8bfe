"""Settings of a clinic for follow-ups: when a lead is stale, and how many tasks a user gets in an hour."""

from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.optimistic_locking import SeenVersions
from app.core.type_aliases import JsonDict, JsonObject
from app.identity.actor import Actor
from app.identity.models import Clinic
from app.messaging.clinic_settings import lock_settings, save_settings

_EDITABLE: Final = (Clinic.stale_after_days, Clinic.spread_tasks_per_hour)


def get_follow_up_settings(session: Session, actor: Actor) -> JsonDict:
    """Return stale_after_days, spread_tasks_per_hour and version, as FollowUpSettingsOut."""
    stored = select(*_EDITABLE, Clinic.follow_ups_version.label("version")).where(Clinic.id == actor.clinic.id)
    return dict(session.execute(stored).mappings().one())


def set_follow_up_settings(session: Session, actor: Actor, data: JsonObject, *, seen: SeenVersions = None) -> JsonDict:
    """Replace the settings. Returns them like `get_follow_up_settings`. Raises ChangedMeanwhile.

    Sweeps and workers use them from the commit on. A sweep dates the rotting leads again.
    """
    version = lock_settings(session, actor.clinic.id, Clinic.follow_ups_version, seen)
    stored = get_follow_up_settings(session, actor)
    names = [column.key for column in _EDITABLE]
    changes = {name: data[name] for name in names if data[name] != stored[name]}
    save_settings(session, actor.clinic.id, changes | version, changes=changes)
    return get_follow_up_settings(session, actor)
