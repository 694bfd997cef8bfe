"""Warnings about commercial e-mails of a clinic that has no postal address."""

from collections.abc import Iterator
from typing import Final
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.core.type_aliases import JsonDict
from app.core.validation.json_pointer import pointer
from app.engine.models import Kind
from app.identity.models import Clinic
from app.messaging.channels.registry import CHANNELS

MISSING: Final = (
    "The clinic has no postal address, which the law of many countries requires in commercial e-mails. Enter it in the"
    " settings of the clinic."
)

_COMMERCIAL: Final = """'$.**.send_message ? (@.channel == "email" && !(@.transactional == true))'"""
_WITHOUT_ADDRESS: Final = text(
    "SELECT c.slug FROM clinics c WHERE coalesce(c.postal_address, '') = '' AND EXISTS ("  # noqa: S608  (constants)
    f"SELECT FROM rules r WHERE r.clinic_id = c.id AND r.active AND jsonb_path_exists(r.definition, {_COMMERCIAL})"
    " UNION ALL SELECT FROM sequences s WHERE s.clinic_id = c.id AND s.active"
    f" AND jsonb_path_exists(s.definition, {_COMMERCIAL})) ORDER BY c.slug LIMIT :most"
)


def has_postal_address(session: Session, clinic_id: UUID) -> bool:
    """Return whether the clinic has a postal address for its commercial e-mails."""
    return bool(session.scalar(select(Clinic.postal_address).where(Clinic.id == clinic_id)))


def sender_warnings(definition: object, *, has_address: bool) -> list[JsonDict]:
    """Return `pointer` and `message` for each commercial e-mail, if the clinic has no postal address."""
    return [] if has_address else [{"pointer": at, "message": MISSING} for at in _commercial_emails(definition)]


def clinics_without_address(session: Session, *, most: int) -> list[str]:
    """Return the slugs of clinics with active rules or sequences that send commercial e-mail without an address."""
    return list(session.scalars(_WITHOUT_ADDRESS, {"most": most}))


def _commercial_emails(part: object, place: str = "") -> Iterator[str]:
    if isinstance(part, list):
        for index, item in enumerate(part):
            yield from _commercial_emails(item, place + pointer(index))
    elif isinstance(part, dict):
        for key, value in part.items():
            if key == Kind.SEND_MESSAGE and isinstance(value, dict):
                yield from [place + pointer(key)] if _is_commercial_email(value) else []
            else:
                yield from _commercial_emails(value, place + pointer(key))


def _is_commercial_email(settings: JsonDict) -> bool:
    channel = settings.get("channel")
    is_known = isinstance(channel, str) and channel in CHANNELS
    return is_known and CHANNELS[str(channel)].unsubscribes_by_link and not settings.get("transactional")
