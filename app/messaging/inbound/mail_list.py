"""Mail that arrived: list, read, download attachments, and assign or ignore unmatched mail."""

from base64 import b64decode
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.clock import now
from app.core.pagination import Key, Page, page
from app.core.type_aliases import JsonObject
from app.core.validation.check_all import check_all
from app.errors import Conflict, Invalid, NotFound, RelanceError
from app.identity.actor import Actor
from app.identity.permissions import Permission, Scope
from app.leads.attribution import sources
from app.leads.capture.capture import capture_lead
from app.leads.enums import CaptureChannel
from app.leads.models import Lead
from app.leads.search.lookup import get_lead, visible_to
from app.messaging.inbound.effects import apply_effect, ask, effect_of, question_of
from app.messaging.inbound.models import Classification, InboundEmail, InboundRawEmail, Match
from app.messaging.inbound.parsing.parse import Unreadable, attachment_parts, parse_email
from app.messaging.inbound.parsing.reply_text import html_to_text

MAX_ATTACHMENT: Final = 10_000_000  # bytes of an attachment that can be downloaded
# File name endings of programs, and of documents that run code when they are opened.
_PROGRAMS: Final = "bat chm cmd com cpl dll exe hta img iso jar js jse lnk msi msp pif ps1 reg scr vbe vbs wsf wsh"
_ACTIVE: Final = "docm htm html pptm svg xhtml xlsm"
_NEWEST_FIRST: Final[list[Key]] = [(InboundEmail.received_at, "desc"), (InboundEmail.id, "desc")]
_HANDLED: Final = (Classification.UNMATCHED, Classification.UNREADABLE, Classification.AUTO_REPLY)


class EmailIsMatched(Conflict):
    """The mail belongs to a lead already, or it is one that belongs to none."""


class RawEmailDeleted(RelanceError):
    """The raw mail was deleted after its retention, and its attachments with it."""

    status = 410


class AttachmentBlocked(Conflict):
    """Attachments of this type or size cannot be downloaded."""


class AttachmentFile(NamedTuple):
    """A decoded attachment."""

    name: str
    content: bytes


def list_emails(session: Session, actor: Actor, query: JsonObject) -> Page:
    """List the mails that the actor may see, newest first; `query` as loaded by InboundEmailQuery."""
    found = select(InboundEmail.__table__).where(*_visible_to(actor))
    for name in query.keys() & {"lead_id", "via"}:
        found = found.where(getattr(InboundEmail, name) == query[name])
    if kinds := query.get("classification"):
        found = found.where(InboundEmail.classification.in_(kinds))
    if "is_open_question" in query:
        found = found.where(
            InboundEmail.decide_by.is_not(None) if query["is_open_question"] else InboundEmail.decide_by.is_(None)
        )
    if since := query.get("since"):
        found = found.where(InboundEmail.received_at >= since)
    if "is_ignored" in query:
        is_open = InboundEmail.ignored_at.is_(None)
        found = found.where(~is_open if query["is_ignored"] else is_open)
    return page(session, found, _NEWEST_FIRST, query)


def get_email(session: Session, actor: Actor, email_id: UUID) -> Any:
    """Return one mail, with `full_text` while its raw text is kept, else None. Raises NotFound."""
    found = _find(session, actor, email_id)
    raw = _raw(session, email_id)
    audit_log.note_read(session, "inbound_email", [found.id])
    if found.lead_id:
        audit_log.note_read(session, "lead", [found.lead_id])
    found.full_text = None if raw is None else _full_text(raw)
    return found


def read_attachment(session: Session, actor: Actor, email_id: UUID, content_hash: str) -> AttachmentFile:
    """Return an attachment of a mail by the SHA-256 of its content.

    Raises NotFound, RawEmailDeleted, AttachmentBlocked.
    """
    found = _find(session, actor, email_id)
    known = next((one for one in found.attachments or () if one["sha256"] == content_hash), None)
    if known is None:
        raise NotFound
    if is_blocked(known):
        raise AttachmentBlocked
    raw = _raw(session, email_id)
    if raw is None:
        raise RawEmailDeleted
    audit_log.note_read(session, "inbound_email", [found.id])
    return AttachmentFile(known["name"], _content(raw, content_hash))


def is_blocked(attachment: JsonObject) -> bool:
    """Return whether the attachment cannot be downloaded, because of its type or size."""
    suffix = str(attachment["name"]).lower().rpartition(".")[2]
    return suffix in f"{_PROGRAMS} {_ACTIVE}".split() or attachment["size"] > MAX_ATTACHMENT


def assign(session: Session, actor: Actor, email_id: UUID, data: JsonObject) -> Any:
    """Assign an unmatched mail to a lead, or to a new lead, and apply its effects; `data` as loaded by AssignmentIn.

    Raises NotFound, LeadWasMerged, Forbidden, Invalid, Conflict, EmailIsMatched.
    """
    mail = _lock_unmatched(session, actor, email_id)
    lead_id = _target(session, actor, mail, data)
    is_automatic = mail.classification == Classification.AUTO_REPLY
    kind = Classification.AUTO_REPLY if is_automatic else Classification.REPLY
    system, effect = Actor.system(actor.clinic), effect_of(mail, kind, lead_id)
    mail.activity_id = apply_effect(session, system, effect)
    if mail.activity_id:
        ask(mail, question_of(session, system, effect))
    mail.lead_id, mail.classification, mail.matched_by = lead_id, kind, Match.USER
    mail.handled_by, mail.ignored_at = actor.user_id, None
    return mail


def check_assignment(session: Session, actor: Actor, data: JsonObject, /, **_: object) -> None:
    """Check that the lead or the source exists. Raises Invalid."""
    check_all(lambda: require_lead(session, actor, data), lambda: require_source(session, actor, data))


def ignore(session: Session, actor: Actor, email_id: UUID) -> Any:
    """Take a mail off the list of unmatched mails. Repeating it changes nothing. Raises NotFound, EmailIsMatched."""
    mail = _lock_unmatched(session, actor, email_id)
    mail.ignored_at = mail.ignored_at or now()
    mail.handled_by = mail.handled_by or actor.user_id
    return mail


def _visible_to(actor: Actor) -> Sequence[ColumnElement[bool]]:
    """Return the SQL conditions for the mails of leads that the actor sees. Unmatched mail needs the scope `all`."""
    of_clinic = InboundEmail.clinic_id == actor.clinic.id
    if actor.scope is Scope.ALL:
        return (of_clinic,)
    return of_clinic, InboundEmail.lead_id.in_(select(Lead.id).where(*visible_to(actor)))


def _find(session: Session, actor: Actor, email_id: UUID, *, lock: bool = False) -> Any:
    wanted = select(InboundEmail).where(InboundEmail.id == email_id, *_visible_to(actor))
    found = session.scalars(wanted.with_for_update() if lock else wanted).one_or_none()
    if found is None:
        raise NotFound
    return found


def lock_email(session: Session, actor: Actor, email_id: UUID) -> Any:
    """Lock a mail that the actor may see. Raises NotFound."""
    return _find(session, actor, email_id, lock=True)


def _lock_unmatched(session: Session, actor: Actor, email_id: UUID) -> Any:
    mail = lock_email(session, actor, email_id)
    if mail.lead_id is not None or mail.classification not in _HANDLED:
        raise EmailIsMatched
    return mail


def _target(session: Session, actor: Actor, mail: Any, data: JsonObject) -> UUID:
    if "lead_id" in data:
        require_lead(session, actor, data)
        return get_lead(session, actor, data["lead_id"]).id
    actor.require(Permission.LEAD_CREATE)
    require_source(session, actor, data)
    values = {"email": mail.sender, "capture_channel": CaptureChannel.EMAIL, **data["create_lead"]}
    lead_id: UUID = capture_lead(session, actor, values, in_full=False).id
    return lead_id


def require_lead(session: Session, actor: Actor, data: JsonObject) -> None:
    """Check that `lead_id`, if it is given, is a lead that the actor sees. Raises Invalid."""
    wanted = data.get("lead_id")
    if wanted and not session.scalar(select(Lead.id).where(Lead.id == wanted, *visible_to(actor))):
        raise Invalid.at("/lead_id", "Not a lead of your clinic.")


def require_source(session: Session, actor: Actor, data: JsonObject) -> None:
    """Check that the source of `create_lead`, if it is given, exists. Raises Invalid."""
    if source_id := data.get("create_lead", {}).get("source_id"):
        try:
            sources.require_source(session, actor.clinic.id, source_id)
        except Invalid as mistake:
            raise Invalid.at("/create_lead/source_id", mistake.errors[0].message) from None


def _raw(session: Session, email_id: UUID) -> bytes | None:
    kept = session.scalars(select(InboundRawEmail).where(InboundRawEmail.id == email_id)).one_or_none()
    return None if kept is None else b64decode(kept.content or "")


def _full_text(raw: bytes) -> str | None:
    try:
        mail = parse_email(raw)
    except Unreadable:
        return None
    return mail.plain or html_to_text(mail.html)


def _content(raw: bytes, content_hash: str) -> bytes:
    for part in attachment_parts(parse_email(raw).parts):
        content = part.get_payload(decode=True)
        if isinstance(content, bytes) and sha256(content).hexdigest() == content_hash:
            return content
    raise NotFound
