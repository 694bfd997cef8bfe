"""Find the lead that a text message belongs to, by the number of its sender."""

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import or_, select, union
from sqlalchemy.orm import Session

from app.core.db import is_among
from app.leads.models import Lead
from app.leads.search.lookup import survivors
from app.messaging.channels.registry import CHANNELS
from app.messaging.inbound.match import WAS_SENT
from app.messaging.models import AddressKind, Notification
from app.security.encrypted_fields import blind_indexes, decrypt_fields

_COLUMNS: Final = (Lead.phone_blind, Lead.phone_alt_blind)
_MOST_LEADS: Final = 50  # with one number
_MOST_COMPARED: Final = 20  # messages whose address is compared with the sender
# Mobile numbers of Mexico, Brazil and Argentina: WhatsApp writes them with or without a digit that others leave out.
_TWO_FORMS: Final = (
    (re.compile(r"(\+52)1?(\d{10})"), "1"),
    (re.compile(r"(\+55\d{2})9?(\d{8})"), "9"),
    (re.compile(r"(\+54)9?(\d{10})"), "9"),
)


class MatchedText(NamedTuple):
    """The lead that a text message belongs to, and the last message to its number."""

    lead_id: UUID
    notification_id: UUID | None


def match_number(session: Session, clinic_id: UUID, number: str) -> MatchedText | None:
    """Return the lead with this number. Of several leads, the one with the last message to the number, else the newest.

    A number of a merged duplicate is one of the lead that remains; without a message to it, other leads with the number
    come first. None: no lead has the number.
    """
    numbers = spellings(number)
    indexes = [index for spelling in numbers for index in blind_indexes(clinic_id, "phone", spelling)]
    live = _leads_with(session, clinic_id, indexes)
    merged = survivors(session, clinic_id, or_(*(is_among(column, indexes) for column in _COLUMNS)))
    if not live and not merged:
        return None
    return _last_message(session, [*live, *merged], numbers) or MatchedText(max(live or merged), None)


def spellings(number: str) -> list[str]:
    """Return the number, and the other form of it if it has two."""
    for pattern, digit in _TWO_FORMS:
        if found := pattern.fullmatch(number):
            return list(dict.fromkeys([number, f"{found[1]}{found[2]}", f"{found[1]}{digit}{found[2]}"]))
    return [number]


def _leads_with(session: Session, clinic_id: UUID, indexes: Sequence[bytes]) -> list[UUID]:
    mine = select(Lead.id).where(Lead.clinic_id == clinic_id, Lead.deleted_at.is_(None))
    newest = [
        mine.where(column == index).order_by(Lead.id.desc().nulls_last()).limit(_MOST_LEADS)
        for column in _COLUMNS
        for index in indexes
    ]
    return list(session.scalars(union(*(select(part.subquery()) for part in newest))))


def _last_message(session: Session, leads: list[UUID], numbers: Sequence[str]) -> MatchedText | None:
    wanted = select(Notification.id, Notification.lead_id, Notification.sealed).where(
        Notification.lead_id.in_(leads),
        Notification.user_id.is_(None),
        Notification.channel.in_(CHANNELS.names_using(AddressKind.PHONE)),
        Notification.state.in_(WAS_SENT),
    )
    newest = session.execute(wanted.order_by(Notification.created_at.desc()).limit(_MOST_COMPARED))
    return next((MatchedText(row.lead_id, row.id) for row in newest if _is_for(row, numbers)), None)


def _is_for(row: Any, numbers: Sequence[str]) -> bool:
    """Return whether the message was sent to the number. Messages through gateways have their addresses as JSON."""
    address = decrypt_fields(Notification, row.id, row.sealed)["address"] or ""
    return any(address == number or f'"{number}"' in address for number in numbers)
