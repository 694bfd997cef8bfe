"""Sender settings of a clinic: the name and the postal address in its e-mails to leads."""

from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.optimistic_locking import SeenVersions
from app.core.type_aliases import JsonDict, JsonObject
from app.identity.actor import Actor
from app.identity.models import Clinic
from app.messaging.clinic_settings import lock_settings, save_settings

_COLUMNS: Final = (Clinic.sender_name, Clinic.postal_address, Clinic.sender_version.label("version"))


def get_sender(session: Session, actor: Actor) -> JsonDict:
    """Return sender_name, postal_address (each str or None) and version."""
    return dict(session.execute(select(*_COLUMNS).where(Clinic.id == actor.clinic.id)).mappings().one())


def set_sender(session: Session, actor: Actor, data: JsonObject, *, seen: SeenVersions = None) -> JsonDict:
    """Replace sender_name and postal_address. Messages from now on have them. Raises ChangedMeanwhile."""
    version = lock_settings(session, actor.clinic.id, Clinic.sender_version, seen)
    stored = get_sender(session, actor)
    changes = {name: data[name] for name in ("sender_name", "postal_address") if data[name] != stored[name]}
    save_settings(session, actor.clinic.id, changes | version, changes=changes)
    return get_sender(session, actor)
