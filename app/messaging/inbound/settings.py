"""Inbound e-mail settings of a clinic: read and replace."""

from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.optimistic_locking import SeenVersions
from app.core.type_aliases import JsonDict, JsonObject
from app.core.validation.check_all import check_all
from app.errors import Invalid
from app.identity.actor import Actor
from app.identity.inbound_email import InboundEmailSettings
from app.identity.models import Clinic
from app.leads.attribution.sources import require_source
from app.messaging.clinic_settings import lock_settings, save_settings

_DEFAULTS: Final = InboundEmailSettings().to_json()


def get_settings(session: Session, actor: Actor) -> JsonDict:
    """Return the settings with all defaults filled in, and their `version`."""
    columns = select(Clinic.inbound_email, Clinic.inbound_email_version).where(Clinic.id == actor.clinic.id)
    stored, version = session.execute(columns).one()
    return {**_DEFAULTS, **stored, "version": version}


def set_settings(session: Session, actor: Actor, data: JsonObject, *, seen: SeenVersions = None) -> JsonDict:
    """Replace the settings; `data` as loaded by InboundSettingsIn. Raises ChangedMeanwhile, Invalid."""
    version = lock_settings(session, actor.clinic.id, Clinic.inbound_email_version, seen)
    check_settings(session, actor, data)
    stored = {name: str(value) if isinstance(value, UUID) else value for name, value in data.items()}
    changes = {"inbound_email": stored}
    save_settings(session, actor.clinic.id, changes | version, changes=changes)
    return get_settings(session, actor)


def check_settings(session: Session, actor: Actor, data: JsonObject, /, **_: object) -> None:
    """Check that the source exists. Raises Invalid."""
    check_all(lambda: _require_source(session, actor, data))


def _require_source(session: Session, actor: Actor, data: JsonObject) -> None:
    if data.get("source_id"):
        try:
            require_source(session, actor.clinic.id, data["source_id"])
        except Invalid as mistake:
            raise Invalid.at("/source_id", mistake.errors[0].message) from None
