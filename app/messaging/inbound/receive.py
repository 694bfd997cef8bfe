"""Receive a mail: store it once, find its lead, and apply its effects. The caller opens a transaction per mail."""

from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import parseaddr
from functools import partial
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.clock import now
from app.config import get_settings
from app.core.db import insert_many, new_id
from app.core.type_aliases import ColumnDict
from app.errors import Conflict
from app.identity.actor import Actor
from app.identity.clinics import load_context
from app.identity.inbound_email import UnknownSenders
from app.identity.models import User
from app.messaging.contact_policy.keywords import Keyword, asks_to_stop, keyword_of, said
from app.messaging.inbound.addresses import ids_in_headers
from app.messaging.inbound.authentication import (
    NO_AUTHENTICATION,
    Authentication,
    AuthenticationPolicy,
    OnFailedAuthentication,
    read_authentication,
)
from app.messaging.inbound.effects import (
    Asked,
    Effect,
    apply_effect,
    notify_of_forgery,
    question_of,
    suppress_sender,
)
from app.messaging.inbound.match import Matched, is_own_message, lead_with_address, match_reply, match_report, sent_at
from app.messaging.inbound.models import Classification, InboundEmail, InboundRawEmail, Match
from app.messaging.inbound.parsing.auto_replies import Author, origin_of
from app.messaging.inbound.parsing.parse import (
    LONGEST_MESSAGE_ID,
    MAX_BYTES,
    NO_ENVELOPE,
    Envelope,
    ParsedEmail,
    Unreadable,
    content_id,
    parse_email,
)
from app.messaging.inbound.parsing.reply_text import new_text
from app.messaging.inbound.reports import RELANCE_ID_HEADER, MailEvent, Report, read_report
from app.messaging.inbound.unknown_senders import create_lead
from app.messaging.models import AddressKind
from app.security.encrypted_fields import encrypt_row

log = structlog.get_logger()

FORGED: Final = "dmarc"  # the reason of an answer that waits for a user, because its sender may be forged
STOP_WORD: Final = "stop word"  # the reason of a mail without a lead whose sender gets no more messages
_MOST_THREAD_IDS: Final = 20
_ONE_AT_A_TIME: Final = text("SELECT pg_advisory_xact_lock(hashtextextended(CAST(:name AS text), 0))")


@dataclass(frozen=True, slots=True)
class Received:
    """The result for one mail."""

    id: UUID  # of the row in `inbound_emails`
    classification: Classification
    lead_id: UUID | None
    is_repeat: bool  # the mail was received before, and nothing has changed


@dataclass(frozen=True, slots=True)
class _Result:
    kind: Classification
    reason: str | None = None
    matched: Matched | None = None
    activity_id: UUID | None = None
    asked: Asked | None = None


@dataclass(frozen=True, slots=True)
class _Read:
    """A mail that could be parsed: its headers and parts, the report that it is, and its new text."""

    mail: ParsedEmail
    report: Report | None
    text: str
    authentication: Authentication | None
    needs_review: bool  # the mail server says that the sender is forged, and a user is to decide


def receive_email(
    session: Session,
    clinic_id: UUID,
    raw: bytes,
    *,
    received_at: datetime,
    via: str,
    envelope: Envelope = NO_ENVELOPE,
    policy: AuthenticationPolicy = NO_AUTHENTICATION,
) -> Received:
    """Store a mail of the clinic and apply its effects. `via` is `imap` or the name of a provider.

    `policy`: the server or provider that reports SPF, DKIM and DMARC, and the handling of forged answers.

    A mail that was received before changes nothing. A mail that cannot be parsed is stored as `unreadable`. Raises
    NotFound for an unknown clinic, and nothing for a bad mail.
    """
    read = _read(raw, envelope, policy)
    message_id = content_id(raw) if isinstance(read, Unreadable) else read.mail.message_id
    session.execute(_ONE_AT_A_TIME, {"name": f"inbound {clinic_id} {message_id}"})
    if known := _known(session, clinic_id, message_id):
        return known
    actor, at = Actor.system(load_context(session, clinic_id)), min(received_at, now())
    if isinstance(read, Unreadable):
        result, columns = _Result(Classification.UNREADABLE, str(read)), ColumnDict()
    else:
        result, columns = _process(session, actor, read, at), _columns(read)
    row = {"message_id": message_id, "via": via, "received_at": at, **columns, **_result_columns(result)}
    email_id = _store(session, clinic_id, row, raw)
    return Received(email_id, result.kind, result.matched and result.matched.lead_id, is_repeat=False)


def receive_event(session: Session, actor: Actor, event: MailEvent, matched: Matched | None, *, via: str) -> Received:
    """Store an event of a provider as a row without a mail, and apply its effects. A repeated event changes nothing."""
    clinic_id, message_id = actor.clinic.id, f"event:{via}:{event.id}"[:LONGEST_MESSAGE_ID]
    session.execute(_ONE_AT_A_TIME, {"name": f"inbound {clinic_id} {message_id}"})
    if known := _known(session, clinic_id, message_id):
        return known
    at = now()
    if matched is not None:
        apply_effect(
            session, actor, Effect(event.kind, matched.lead_id, matched.notification_id, at, reason=event.reason)
        )
    result = _Result(event.kind, event.reason, matched)
    row = {"message_id": message_id, "via": via, "received_at": at, **_result_columns(result)}
    return Received(_store(session, clinic_id, row), event.kind, matched and matched.lead_id, is_repeat=False)


def store_unreadable(session: Session, clinic_id: UUID, raw: bytes, *, received_at: datetime, via: str) -> None:
    """Store a mail without reading it, after all attempts to receive it failed. A repeated call changes nothing."""
    message_id = content_id(raw)
    session.execute(_ONE_AT_A_TIME, {"name": f"inbound {clinic_id} {message_id}"})
    if _known(session, clinic_id, message_id) is None:
        row = {"message_id": message_id, "via": via, "received_at": received_at}
        _store(session, clinic_id, {**row, "classification": Classification.UNREADABLE}, raw)


def _read(raw: bytes, envelope: Envelope, policy: AuthenticationPolicy) -> _Read | Unreadable:
    """Parse the mail. No database is used here, so every error is one of the mail itself."""
    try:
        mail = parse_email(raw, envelope)
        report = read_report(mail)
        found = read_authentication(mail, policy)
        needs_review = found is not None and found.is_forged and policy.on_failure is OnFailedAuthentication.REVIEW
        return _Read(mail, report, "" if report else new_text(mail), found, needs_review)
    except Unreadable as refusal:
        return refusal
    except Exception as error:  # noqa: BLE001  (the mail was written by a stranger)
        log.warning("inbound.unreadable", error=type(error).__name__, bytes=len(raw))
        return Unreadable(type(error).__name__)


def _process(session: Session, actor: Actor, read: _Read, at: datetime) -> _Result:
    result = _classify(session, actor, read, at)
    if result.matched is None or result.kind is Classification.OWN:
        return result
    is_report = read.report is not None
    if is_report and result.kind is Classification.AUTO_REPLY:
        return result  # a receipt, not an answer
    lead_id, notification_id, _ = result.matched
    mail = read.mail
    effect = Effect(
        result.kind,
        lead_id,
        notification_id,
        at,
        text=read.text,
        subject=mail.subject,
        sender=mail.sender,
        reason=result.reason,
    )
    activity_id = apply_effect(session, actor, effect)
    asked = question_of(session, actor, effect) if activity_id else None
    return replace(result, activity_id=activity_id, asked=asked)


def _classify(session: Session, actor: Actor, read: _Read, at: datetime) -> _Result:
    clinic_id, mail = actor.clinic.id, read.mail
    if read.report is not None:
        return _Result(*read.report, match_report(session, clinic_id, mail))
    if sign := _own_sign(session, clinic_id, mail, actor.clinic.inbound_email.address):
        return _Result(Classification.OWN, sign)
    since = at - timedelta(days=actor.clinic.inbound_email.match_days)
    matched = match_reply(session, clinic_id, mail, since=since)
    answered_at = matched and sent_at(session, matched)
    origin = origin_of(
        mail,
        read.text,
        is_answer=matched is not None and matched.by is not Match.SENDER,
        after=at - answered_at if answered_at else None,
        asks_to_stop=partial(asks_to_stop, said(read.text, mail.subject), AddressKind.EMAIL),
    )
    signs = ", ".join(origin.signs) or None
    is_stop = _is_stop(read)  # obeyed whoever wrote it
    if origin.author is Author.PROGRAM and not is_stop:
        return _Result(Classification.AUTO_REPLY, signs, matched)
    result = _of_person(session, actor, read, matched, at=at)
    is_unsure = origin.author is Author.UNSURE and not is_stop and result.kind is Classification.REPLY
    return replace(result, kind=Classification.UNSURE, reason=signs) if is_unsure else result


def _of_person(session: Session, actor: Actor, read: _Read, matched: Matched | None, *, at: datetime) -> _Result:
    """Return the result for a mail that a person wrote, or may have written."""
    clinic_id, mail = actor.clinic.id, read.mail
    if matched is None and _is_user(session, clinic_id, mail.sender):
        return _Result(Classification.OWN, "user")
    if read.needs_review:
        if matched is not None:
            notify_of_forgery(session, actor, matched.lead_id, at)
        return _Result(Classification.UNMATCHED, FORGED)
    if matched is None and _is_stop(read):
        suppress_sender(session, clinic_id, mail.sender)
        return _Result(Classification.UNMATCHED, STOP_WORD)
    matched = matched or _unknown_sender(session, actor, mail)
    return _Result(Classification.REPLY if matched else Classification.UNMATCHED, None, matched)


def _is_stop(read: _Read) -> bool:
    return keyword_of(said(read.text, read.mail.subject), AddressKind.EMAIL) is Keyword.STOP


def _own_sign(session: Session, clinic_id: UUID, mail: ParsedEmail, inbound_address: str | None) -> str | None:
    """Return what shows that the clinic sent the mail itself; None if nothing does."""
    if ids_in_headers([mail.headers.get(RELANCE_ID_HEADER.lower(), "")]):
        return RELANCE_ID_HEADER
    own = {parseaddr(get_settings().mail_from)[1].lower(), (inbound_address or "").lower()}
    if mail.sender in own - {""}:
        return "from"
    return "message-id" if is_own_message(session, clinic_id, mail.message_id) else None


def _is_user(session: Session, clinic_id: UUID, sender: str | None) -> bool:
    users = select(User.id).where(User.clinic_id == clinic_id, func.lower(User.email) == sender)
    return sender is not None and session.scalar(users) is not None


def _unknown_sender(session: Session, actor: Actor, mail: ParsedEmail) -> Matched | None:
    """Return the lead for a new sender, if the clinic wants one: an existing lead with the address, or a new one."""
    if actor.clinic.inbound_email.unknown_senders is not UnknownSenders.LEAD or mail.sender is None:
        return None
    lead_id = lead_with_address(session, actor.clinic.id, mail.sender)
    if lead_id is None:
        with suppress(Conflict):  # the clinic has no stage for new leads: a user decides
            lead_id = create_lead(session, actor, mail.sender, mail.sender_name)
    return Matched(lead_id, None, Match.SENDER) if lead_id else None


def _columns(read: _Read) -> ColumnDict:
    mail = read.mail
    thread = dict.fromkeys([*mail.references, *mail.in_reply_to])
    return {
        "sender": mail.sender,
        "sender_name": mail.sender_name or None,
        "recipients": list(mail.recipients),
        "subject": mail.subject,
        "body": read.text or None,
        "attachments": list(mail.attachments),
        "authentication": read.authentication and read.authentication.to_json(),
        "thread_ids": " ".join(list(thread)[-_MOST_THREAD_IDS:]) or None,
    }


def _result_columns(result: _Result) -> ColumnDict:
    matched = result.matched
    return {
        "classification": result.kind,
        "reason": result.reason and result.reason[:200],
        "lead_id": matched and matched.lead_id,
        "notification_id": matched and matched.notification_id,
        "matched_by": matched and matched.by,
        "activity_id": result.activity_id,
        "question": result.asked and result.asked.question,
        "decide_by": result.asked and result.asked.decide_by,
    }


def _store(session: Session, clinic_id: UUID, row: ColumnDict, raw: bytes | None = None) -> UUID:
    email_id = new_id()
    session.flush()  # the timeline entry comes first
    columns = {"id": email_id, "clinic_id": clinic_id, "created_at": now(), **row}
    insert_many(session, InboundEmail, [encrypt_row(InboundEmail, columns)])
    if raw is not None:
        content = b64encode(raw[:MAX_BYTES]).decode()
        kept = {"id": email_id, "clinic_id": clinic_id, "received_at": row["received_at"], "content": content}
        insert_many(session, InboundRawEmail, [encrypt_row(InboundRawEmail, kept)])
    return email_id


def _known(session: Session, clinic_id: UUID, message_id: str) -> Received | None:
    known = select(InboundEmail.id, InboundEmail.classification, InboundEmail.lead_id)
    of_mail = (InboundEmail.clinic_id == clinic_id, InboundEmail.message_id == message_id)
    row = session.execute(known.where(*of_mail)).one_or_none()
    return Received(row.id, Classification(row.classification), row.lead_id, is_repeat=True) if row else None
