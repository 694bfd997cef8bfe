"""Read and change one's own notice preferences."""

from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.optimistic_locking import SeenVersions, require_version
from app.core.type_aliases import JsonDict, JsonObject
from app.identity.actor import Actor
from app.identity.clinics import bump_rules_version
from app.messaging.channels.registry import CHANNELS
from app.messaging.user_preferences.destinations import require_user
from app.messaging.user_preferences.kinds import DESCRIPTIONS, MANDATORY, Delivery, NoticeKind
from app.messaging.user_preferences.load import settings_from
from app.messaging.user_preferences.models import NoticePreferences
from app.messaging.user_preferences.routes import NoticeSettings, allowed_channels, default_delivery

OWN, DEFAULT, FIXED = "own", "default", "mandatory"
FIRST_VERSION: Final = 1  # of the defaults


def read_preferences(session: Session, actor: Actor) -> JsonDict:
    """Return the caller's preferences with the defaults, in the shape of NoticePreferencesOut."""
    row = _find(session, require_user(actor))
    settings = settings_from(row)
    return {
        "digest_at": f"{settings.digest_at:%H:%M}",
        "timezone": settings.timezone or actor.clinic.calendar.zone.key,
        "sources": {
            "digest_at": _source(row is not None and row.digest_at is not None),
            "timezone": _source(settings.timezone is not None),
        },
        "is_guide_closed": row is not None and row.is_guide_closed,
        "notices": [_described(kind, settings) for kind in NoticeKind],
        "version": row.version if row is not None else FIRST_VERSION,
    }


def change_preferences(session: Session, actor: Actor, data: JsonObject, *, seen: SeenVersions = None) -> JsonDict:
    """Set the given values; None restores a default. `data` as loaded by NoticePreferencesChange.

    Raises ChangedMeanwhile.
    """
    user_id = require_user(actor)
    bump_rules_version(session, actor.clinic.id)  # also locks the clinic's row, so that changes run one after another
    row = _find(session, user_id)
    if row is None:
        row = NoticePreferences(
            id=user_id, clinic_id=actor.clinic.id, choices={}, is_guide_closed=False, version=FIRST_VERSION
        )
    require_version(row, seen)
    for name in data.keys() & {"digest_at", "timezone", "is_guide_closed"}:
        setattr(row, name, data[name])
    row.choices = _merged(row.choices, data.get("notices", {}))
    row.updated_at = now()
    row.version += 1
    session.add(row)
    session.flush()
    return read_preferences(session, actor)


def _find(session: Session, user_id: UUID) -> NoticePreferences | None:
    return session.scalars(select(NoticePreferences).where(NoticePreferences.id == user_id)).one_or_none()


def _merged(choices: JsonObject, changes: JsonObject) -> JsonDict:
    merged: dict[str, JsonDict] = {kind: dict(channels) for kind, channels in choices.items()}
    for kind, channels in changes.items():
        known = {**merged.get(kind, {}), **(channels or {})} if channels is not None else {}
        merged[kind] = {name: str(value) for name, value in known.items() if value is not None}
    return {kind: channels for kind, channels in merged.items() if channels}


def _described(kind: NoticeKind, settings: NoticeSettings) -> JsonDict:
    return {
        "kind": kind,
        "description": DESCRIPTIONS[kind],
        "is_mandatory": kind in MANDATORY,
        "channels": [_channel(kind, name, settings) for name in allowed_channels(kind)],
    }


def _channel(kind: NoticeKind, name: str, settings: NoticeSettings) -> JsonDict:
    if kind in MANDATORY:
        return {"channel": name, "value": Delivery.PLANNED, "source": FIXED}
    is_own = name in settings.choices.get(kind, {})
    value = settings.chosen(kind, CHANNELS[name]) if is_own else default_delivery(CHANNELS[name])
    return {"channel": name, "value": value, "source": _source(is_own)}


def _source(is_own: bool) -> str:
    return OWN if is_own else DEFAULT
