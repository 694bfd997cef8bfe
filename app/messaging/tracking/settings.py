"""Tracking settings of a clinic: read and replace."""

from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.optimistic_locking import SeenVersions
from app.core.type_aliases import JsonDict, JsonObject
from app.identity.actor import Actor
from app.identity.message_tracking import TrackingSettings
from app.identity.models import Clinic
from app.messaging.clinic_settings import lock_settings, save_settings

_DEFAULTS: Final = TrackingSettings().to_json()


def get_tracking(session: Session, actor: Actor) -> JsonDict:
    """Return `opens` and `clicks` (each bool) and `version`."""
    columns = select(Clinic.message_tracking, Clinic.message_tracking_version).where(Clinic.id == actor.clinic.id)
    stored, version = session.execute(columns).one()
    return {**_DEFAULTS, **stored, "version": version}


def set_tracking(session: Session, actor: Actor, data: JsonObject, *, seen: SeenVersions = None) -> JsonDict:
    """Replace the settings. They apply to messages that are sent from now on. Raises ChangedMeanwhile."""
    version = lock_settings(session, actor.clinic.id, Clinic.message_tracking_version, seen)
    changes = {"message_tracking": {name: data[name] for name in _DEFAULTS}}
    save_settings(session, actor.clinic.id, changes | version, changes=changes)
    return get_tracking(session, actor)
