"""Record hits, with one statement each. Their class is settled later (see `settle`): no answer waits for it."""

from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.core.db import new_id
from app.core.type_aliases import JsonDict
from app.messaging.tracking.links import is_web_address
from app.messaging.tracking.models import HitClass, HitReason, TrackedLink
from app.messaging.tracking.networks import network_hash
from app.messaging.tracking.signals import HitRequest, signals_of
from app.security.encrypted_fields import decrypt_or_none

MOST_HITS: Final = 1000  # stored for one message; further ones are not recorded

_HIT: Final = (
    "INSERT INTO tracking_hits (id, clinic_id, notification_id, link_id, kind, verdict, reason, signals, network,"
    " occurred_at, settle_at) SELECT :id, m.clinic_id, m.id, CAST(:link AS uuid), :kind, :verdict, :reason,"
    " CAST(:signals AS text[]), :network, :now, :now"
)
_HAS_CAPACITY: Final = (
    "(SELECT count(*) FROM (SELECT 1 FROM tracking_hits WHERE notification_id = m.id LIMIT :most) AS h) < :most"
)
_RECORD_OPEN: Final = text(f"{_HIT} FROM tracked_messages m WHERE m.id = :message AND m.opens AND {_HAS_CAPACITY}")
_RECORD_CLICK: Final = text(
    "WITH link AS (SELECT id, notification_id, sealed FROM tracked_links WHERE id = :link),"  # noqa: S608  (constants)
    f" hit AS ({_HIT} FROM link l JOIN tracked_messages m ON m.id = l.notification_id WHERE {_HAS_CAPACITY})"
    " SELECT id, sealed FROM link"
)
_FIND_LINK: Final = text("SELECT id, sealed FROM tracked_links WHERE id = :link")


def record_open(session: Session, notification_id: UUID, request: HitRequest) -> None:
    """Record a request for a message's image. An unknown message is ignored."""
    session.execute(_RECORD_OPEN, {**_columns(request), "message": notification_id, "link": None})


def record_click(session: Session, link_id: UUID, request: HitRequest) -> str | None:
    """Record a request for a link, and return its target; None: there is no such link."""
    return _target(session.execute(_RECORD_CLICK, {**_columns(request), "link": link_id}).one_or_none())


def find_target(session: Session, link_id: UUID) -> str | None:
    """Return the target of a link, and record nothing; None: there is no such link."""
    return _target(session.execute(_FIND_LINK, {"link": link_id}).one_or_none())


def _columns(request: HitRequest) -> JsonDict:
    signals = signals_of(request)
    is_private = HitReason.PRIVACY_SIGNAL in signals  # nothing is stored that could group such requests
    return {
        "id": new_id(),
        "kind": request.kind,
        "verdict": HitClass.UNSURE,
        "reason": HitReason.PENDING,
        "signals": sorted(signals),
        "network": None if is_private else network_hash(request.address),
        "now": clock.now(),
        "most": MOST_HITS,
    }


def _target(row: object) -> str | None:
    if row is None:
        return None
    target: str | None = decrypt_or_none(TrackedLink, row.id, row.sealed)["target"]  # type: ignore[attr-defined]
    return target if target and is_web_address(target) else None
