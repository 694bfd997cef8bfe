"""Sender settings of a clinic: the name and the postal address in its e-mails to leads."""

from typing import Final, NamedTuple

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.audit.models import Act
from app.core.optimistic_locking import SeenVersions, require_version
from app.core.type_aliases import JsonDict, JsonObject
from app.identity.actor import Actor
from app.identity.clinics import bump_rules_version
from app.identity.models import Clinic

_COLUMNS: Final = (Clinic.sender_name, Clinic.postal_address, Clinic.sender_version.label("version"))


class _Version(NamedTuple):
    version: int


def get_sender(session: Session, actor: Actor) -> JsonDict:
    """Return sender_name, postal_address (each str or None) and version."""
    return dict(session.execute(select(*_COLUMNS).where(Clinic.id == actor.clinic.id)).mappings().one())


def set_sender(session: Session, actor: Actor, data: JsonObject, *, seen: SeenVersions = None) -> JsonDict:
    """Replace sender_name and postal_address. Messages from now on have them. Raises ChangedMeanwhile."""
    bump_rules_version(session, actor.clinic.id)  # locks the row
    stored = get_sender(session, actor)
    require_version(_Version(stored["version"]), seen)
    changes = {name: data[name] for name in ("sender_name", "postal_address") if data[name] != stored[name]}
    row = update(Clinic).where(Clinic.id == actor.clinic.id)
    session.execute(row.values(**changes, sender_version=stored["version"] + 1))
    audit_log.note_change(session, "clinic", [actor.clinic.id], act=Act.UPDATE, after=changes)
    return get_sender(session, actor)
