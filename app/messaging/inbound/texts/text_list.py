"""Text messages that arrived: list, read, and assign or ignore those of unknown numbers."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.clock import now
from app.core.pagination import Key, Page, page
from app.core.type_aliases import JsonObject
from app.errors import Conflict, NotFound
from app.identity.actor import Actor
from app.identity.permissions import Permission, Scope
from app.leads.capture.capture import capture_lead
from app.leads.enums import CaptureChannel
from app.leads.models import Lead
from app.leads.search.lookup import get_lead, visible_to
from app.messaging.inbound.effects import ask, ask_for_opt_out
from app.messaging.inbound.mail_list import require_lead, require_source
from app.messaging.inbound.texts.models import InboundText
from app.messaging.inbound.texts.receive import Words, apply_reply
from app.messaging.models import AddressKind

_FLAGS: Final = (
    ("is_matched", InboundText.lead_id),
    ("is_ignored", InboundText.ignored_at),
    ("is_open_question", InboundText.decide_by),
)
_NEWEST_FIRST: Final[list[Key]] = [(InboundText.received_at, "desc"), (InboundText.id, "desc")]


class TextIsMatched(Conflict):
    """The message belongs to a lead already."""


def list_texts(session: Session, actor: Actor, query: JsonObject) -> Page:
    """List the messages that the actor may see, newest first; `query` as loaded by InboundTextQuery."""
    found = select(InboundText.__table__).where(*_visible_to(actor))
    for name in query.keys() & {"lead_id", "channel"}:
        found = found.where(getattr(InboundText, name) == query[name])
    for name, column in _FLAGS:
        if name in query:
            found = found.where(column.is_not(None) if query[name] else column.is_(None))
    return page(session, found, _NEWEST_FIRST, query)


def get_text(session: Session, actor: Actor, text_id: UUID) -> InboundText:
    """Return one message. Raises NotFound."""
    found = _find(session, actor, text_id, lock=False)
    audit_log.note_read(session, "inbound_text", [found.id])
    if found.lead_id:
        audit_log.note_read(session, "lead", [found.lead_id])
    return found


def assign(session: Session, actor: Actor, text_id: UUID, data: JsonObject) -> InboundText:
    """Assign a message to a lead, or to a new lead, and apply its effects; `data` as loaded by TextAssignmentIn.

    Raises NotFound, LeadWasMerged, Forbidden, Invalid, Conflict, TextIsMatched.
    """
    message = _lock_unmatched(session, actor, text_id)
    lead_id = _target(session, actor, message, data)
    words = Words(message.channel, message.body or "", message.received_at)
    system = Actor.system(actor.clinic)
    message.activity_id = apply_reply(session, system, lead_id, words)
    if message.activity_id:
        ask(message, ask_for_opt_out(session, system, lead_id, words.text, kind=AddressKind.PHONE, at=words.at))
    message.lead_id, message.handled_by, message.ignored_at = lead_id, actor.user_id, None
    return message


def ignore(session: Session, actor: Actor, text_id: UUID) -> InboundText:
    """Take a message off the list of unmatched ones. Repeating it changes nothing. Raises NotFound, TextIsMatched."""
    message = _lock_unmatched(session, actor, text_id)
    message.ignored_at = message.ignored_at or now()
    message.handled_by = message.handled_by or actor.user_id
    return message


def _target(session: Session, actor: Actor, message: InboundText, data: JsonObject) -> UUID:
    if "lead_id" in data:
        require_lead(session, actor, data)
        return get_lead(session, actor, data["lead_id"]).id
    actor.require(Permission.LEAD_CREATE)
    require_source(session, actor, data)
    values = {"phone": message.sender, "capture_channel": CaptureChannel.SMS, **data["create_lead"]}
    lead_id: UUID = capture_lead(session, actor, values, in_full=False).id
    return lead_id


def _visible_to(actor: Actor) -> Sequence[ColumnElement[bool]]:
    """Return the SQL conditions for the messages of leads that the actor sees. Unmatched ones need the scope `all`."""
    of_clinic = InboundText.clinic_id == actor.clinic.id
    if actor.scope is Scope.ALL:
        return (of_clinic,)
    return of_clinic, InboundText.lead_id.in_(select(Lead.id).where(*visible_to(actor)))


def _find(session: Session, actor: Actor, text_id: UUID, *, lock: bool) -> InboundText:
    wanted: Any = select(InboundText).where(InboundText.id == text_id, *_visible_to(actor))
    found: InboundText | None = session.scalars(wanted.with_for_update() if lock else wanted).one_or_none()
    if found is None:
        raise NotFound
    return found


def lock_text(session: Session, actor: Actor, text_id: UUID) -> InboundText:
    """Lock a message that the actor may see. Raises NotFound."""
    return _find(session, actor, text_id, lock=True)


def _lock_unmatched(session: Session, actor: Actor, text_id: UUID) -> InboundText:
    message = lock_text(session, actor, text_id)
    if message.lead_id is not None:
        raise TextIsMatched
    return message
