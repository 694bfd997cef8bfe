"""Settings of a clinic for follow-ups.

When a lead is stale, how many tasks a user gets in an hour, and how long the history of closed leads is kept.
"""

from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.optimistic_locking import SeenVersions
from app.core.type_aliases import JsonDict, JsonObject
from app.identity.actor import Actor
from app.identity.models import Clinic
from app.messaging.clinic_settings import lock_settings, save_settings
from app.tasks.old_history import OldHistory, count_old_history, kept_since

_EDITABLE: Final = (Clinic.stale_after_days, Clinic.spread_tasks_per_hour, Clinic.keep_history_days)


def get_follow_up_settings(session: Session, actor: Actor) -> JsonDict:
    """Return stale_after_days, spread_tasks_per_hour, keep_history_days and version, as FollowUpSettingsOut."""
    stored = select(*_EDITABLE, Clinic.follow_ups_version.label("version")).where(Clinic.id == actor.clinic.id)
    return dict(session.execute(stored).mappings().one())


def set_follow_up_settings(session: Session, actor: Actor, data: JsonObject, *, seen: SeenVersions = None) -> JsonDict:
    """Replace the settings. Returns them like `get_follow_up_settings`. Raises ChangedMeanwhile.

    Sweeps and workers use them from the commit on. A sweep dates the rotting leads again, another one deletes old
    tasks and activities.
    """
    version = lock_settings(session, actor.clinic.id, Clinic.follow_ups_version, seen)
    stored = get_follow_up_settings(session, actor)
    names = [column.key for column in _EDITABLE]
    changes = {name: data[name] for name in names if data[name] != stored[name]}
    save_settings(session, actor.clinic.id, changes | version, changes=changes)
    return get_follow_up_settings(session, actor)


def preview_retention(session: Session, actor: Actor, keep_history_days: int | None) -> JsonDict:
    """Count the tasks and activities that a sweep would delete today, as RetentionPreviewOut.

    Without a number of days, by the stored setting.
    """
    days = keep_history_days or get_follow_up_settings(session, actor)["keep_history_days"]
    counts = OldHistory() if days is None else count_old_history(session, actor.clinic.id, kept_since=kept_since(days))
    return {"keep_history_days": days, "tasks": counts.tasks, "activities": counts.activities}
