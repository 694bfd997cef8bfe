"""Reasons for cancelling a task: the settings of the clinic, and the check of a reason."""

from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.optimistic_locking import SeenVersions
from app.core.type_aliases import JsonDict, JsonObject
from app.errors import Invalid
from app.identity.actor import Actor
from app.identity.models import Clinic
from app.identity.task_cancellation import TaskCancellation
from app.messaging.clinic_settings import lock_settings, save_settings

_DEFAULTS: Final = TaskCancellation().to_json()


def get_cancellation(session: Session, actor: Actor) -> JsonDict:
    """Return the settings and their `version`."""
    columns = select(Clinic.task_cancellation, Clinic.task_cancellation_version).where(Clinic.id == actor.clinic.id)
    stored, version = session.execute(columns).one()
    return {**_DEFAULTS, **stored, "version": version}


def set_cancellation(session: Session, actor: Actor, data: JsonObject, *, seen: SeenVersions = None) -> JsonDict:
    """Replace the settings. Raises ChangedMeanwhile."""
    version = lock_settings(session, actor.clinic.id, Clinic.task_cancellation_version, seen)
    changes = {"task_cancellation": {name: data[name] for name in _DEFAULTS}}
    save_settings(session, actor.clinic.id, changes | version, changes=changes)
    return get_cancellation(session, actor)


def check_cancellation(_: Session, actor: Actor, data: JsonObject, /, **__: object) -> None:
    """Check the reason in `data` by the settings of the clinic. Raises Invalid."""
    reason: str | None = data.get("reason")
    if mistake := actor.clinic.task_cancellation.mistake(reason):
        raise Invalid.at("/reason", mistake)
