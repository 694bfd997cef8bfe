"""Find the message, and so the lead, that a mail belongs to."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.db import AnySelect, is_among
from app.leads.enums import OPEN_STATUSES
from app.leads.models import Lead
from app.leads.search.lookup import survivors
from app.messaging.channels import email
from app.messaging.inbound.addresses import ids_in_addresses, ids_in_headers
from app.messaging.inbound.models import InboundEmail, Match
from app.messaging.inbound.parsing.parse import ParsedEmail
from app.messaging.inbound.reports import reported_ids
from app.messaging.models import Notification, NotificationState
from app.security.encrypted_fields import blind_indexes, decrypt_fields

_OWN_ID: Final = re.compile(r"<([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})@[^<>\s]+>", re.IGNORECASE)
WAS_SENT: Final = (NotificationState.SENT, NotificationState.UNKNOWN, NotificationState.FAILED)
_MOST_COMPARED: Final = 20  # messages whose address is compared with the sender


class Matched(NamedTuple):
    """The lead that a mail belongs to, and the message that it answers or reports, if that is known."""

    lead_id: UUID
    notification_id: UUID | None
    by: Match


class _Candidate(NamedTuple):
    notification_id: UUID
    message_id: str | None  # the id must belong to a message with this Message-ID; None: the id is signed
    by: Match


def match_reply(session: Session, clinic_id: UUID, mail: ParsedEmail, *, since: datetime) -> Matched | None:
    """Return what a mail belongs to: by a signed address, by thread, then by its sender.

    The sender counts for messages to that address after `since`, or if exactly one open lead has the address. The
    address of a merged duplicate counts as one of the lead that remains; without a message to it, only if no other open
    lead has it.
    `Reply-To` never counts.
    """
    signed = [_Candidate(found, None, Match.ADDRESS) for found in ids_in_addresses(mail.recipients)]
    replied = _of_message_ids(mail.in_reply_to, Match.IN_REPLY_TO)
    referenced = _of_message_ids(mail.references[::-1], Match.REFERENCES)
    return (
        _first_known(session, clinic_id, [*signed, *replied, *referenced])
        or _earlier_mail(session, clinic_id, mail)
        or last_message_to(session, clinic_id, mail.sender, since)
        or _only_open_lead(session, clinic_id, mail.sender)
        or _lead_of_merged(session, clinic_id, mail.sender)
    )


def match_report(session: Session, clinic_id: UUID, mail: ParsedEmail) -> Matched | None:
    """Return the message that a bounce or complaint reports. Only ids count: addresses in reports may be anyone's."""
    ids = reported_ids(mail)
    signed = [_Candidate(found, None, Match.ADDRESS) for found in ids_in_addresses(mail.recipients)]
    headers = [_Candidate(found, None, Match.REPORT) for found in ids_in_headers(ids.relance_ids)]
    threads = _of_message_ids([*ids.message_ids, *mail.in_reply_to, *mail.references[::-1]], Match.REPORT)
    return _first_known(session, clinic_id, [*signed, *headers, *threads])


def match_message_id(session: Session, clinic_id: UUID, message_id: str) -> Matched | None:
    """Return the message with this Message-ID, from an event of a provider."""
    return _first_known(session, clinic_id, list(_of_message_ids([message_id], Match.PROVIDER)))


def match_signed_id(session: Session, clinic_id: UUID, notification_id: UUID, by: Match) -> Matched | None:
    """Return the message with this id, which was signed."""
    return _first_known(session, clinic_id, [_Candidate(notification_id, None, by)])


def lead_with_address(session: Session, clinic_id: UUID, address: str) -> UUID | None:
    """Return the newest lead with this e-mail address; None if there is none."""
    newest = _with_address(Lead.id, clinic_id, address).order_by(Lead.id.desc().nulls_last()).limit(1)
    found: UUID | None = session.scalar(newest)
    return found or next(iter(_survivors(session, clinic_id, address)), None)


def sent_at(session: Session, matched: Matched) -> datetime | None:
    """Return when the matched message was handed over to the mail server; None if that is not known."""
    return session.scalar(select(Notification.handed_over_at).where(Notification.id == matched.notification_id))


def _only_open_lead(session: Session, clinic_id: UUID, sender: str | None) -> Matched | None:
    if sender is None:
        return None
    is_open = Lead.status.in_(OPEN_STATUSES)
    found = session.scalars(_with_address(Lead.id, clinic_id, sender).where(is_open).limit(2)).all()
    return Matched(found[0], None, Match.SENDER) if len(found) == 1 else None


def _lead_of_merged(session: Session, clinic_id: UUID, sender: str | None) -> Matched | None:
    """Return the lead that remains of the merged duplicate with this address, if it is the only one."""
    leads = _survivors(session, clinic_id, sender) if sender else []
    return Matched(leads[0], None, Match.SENDER) if len(leads) == 1 else None


def is_own_message(session: Session, clinic_id: UUID, message_id: str) -> bool:
    """Return whether the mail is a message of the clinic itself."""
    wanted = [candidate.notification_id for candidate in _of_message_ids([message_id], Match.ADDRESS)]
    found = select(Notification.id).where(Notification.id.in_(wanted), Notification.clinic_id == clinic_id)
    return bool(wanted) and session.scalar(found.where(Notification.message_id == message_id)) is not None


def _of_message_ids(message_ids: Sequence[str], by: Match) -> Iterator[_Candidate]:
    for message_id in message_ids:
        if found := _OWN_ID.fullmatch(message_id):
            yield _Candidate(UUID(found[1]), message_id.lower(), by)


def _first_known(session: Session, clinic_id: UUID, candidates: Sequence[_Candidate]) -> Matched | None:
    if not candidates:
        return None
    wanted = select(Notification.id, Notification.lead_id, Notification.message_id).where(
        Notification.id.in_({candidate.notification_id for candidate in candidates}), *_to_leads(clinic_id)
    )
    known = {row.id: row for row in session.execute(wanted.join(Lead).where(Lead.deleted_at.is_(None)))}
    for candidate in candidates:
        row = known.get(candidate.notification_id)
        if row and candidate.message_id in (None, str(row.message_id).lower()):
            return Matched(row.lead_id, row.id, candidate.by)
    return None


def _earlier_mail(session: Session, clinic_id: UUID, mail: ParsedEmail) -> Matched | None:
    """Return the lead of an earlier mail of the same thread that arrived here."""
    thread = [*mail.in_reply_to, *mail.references]
    if not thread:
        return None
    wanted = select(InboundEmail.lead_id, InboundEmail.notification_id, InboundEmail.message_id).join(Lead)
    of_thread = (InboundEmail.clinic_id == clinic_id, InboundEmail.message_id.in_(thread), Lead.deleted_at.is_(None))
    newest = session.execute(wanted.where(*of_thread).order_by(InboundEmail.received_at.desc()).limit(1)).one_or_none()
    if newest is None:
        return None
    by = Match.IN_REPLY_TO if newest.message_id in mail.in_reply_to else Match.REFERENCES
    return Matched(newest.lead_id, newest.notification_id, by)


def last_message_to(session: Session, clinic_id: UUID, sender: str | None, since: datetime) -> Matched | None:
    """Return the last message that was sent to this address after `since`, also to a duplicate that was merged."""
    if sender is None:
        return None
    leads = [*session.scalars(_with_address(Lead.id, clinic_id, sender)), *_survivors(session, clinic_id, sender)]
    if not leads:
        return None
    wanted = select(Notification.id, Notification.lead_id, Notification.sealed).where(
        is_among(Notification.lead_id, leads),
        *_to_leads(clinic_id),
        Notification.state.in_(WAS_SENT),
        Notification.created_at > since,
    )
    newest = session.execute(wanted.order_by(Notification.created_at.desc()).limit(_MOST_COMPARED))
    return next((Matched(row.lead_id, row.id, Match.SENDER) for row in newest if _is_for(row, sender)), None)


def _is_for(row: Any, address: str) -> bool:
    written_to = decrypt_fields(Notification, row.id, row.sealed)["address"]
    return isinstance(written_to, str) and written_to.strip().lower() == address


def _to_leads(clinic_id: UUID) -> tuple[Any, ...]:
    is_email = Notification.channel == email.CHANNEL.name
    return Notification.clinic_id == clinic_id, Notification.user_id.is_(None), is_email


def _with_address(column: Any, clinic_id: UUID, address: str) -> AnySelect:
    has_address = is_among(Lead.email_blind, blind_indexes(clinic_id, "email", address))
    return select(column).where(Lead.clinic_id == clinic_id, has_address, Lead.deleted_at.is_(None))


def _survivors(session: Session, clinic_id: UUID, address: str) -> list[UUID]:
    return survivors(session, clinic_id, is_among(Lead.email_blind, blind_indexes(clinic_id, "email", address)))
