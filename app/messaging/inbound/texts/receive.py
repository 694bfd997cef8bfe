"""Receive a text message: store it once, find its lead, and apply its effects. The caller opens the transaction."""

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import insert_many, new_id
from app.core.type_aliases import ColumnDict
from app.errors import Conflict, Invalid
from app.identity.actor import Actor
from app.identity.inbound_email import UnknownSenders
from app.leads.fields import LONGEST_NOTE
from app.leads.search.lookup import lock_lead
from app.leads.timeline.vocabulary import ContactChannel
from app.messaging.channels.registry import CHANNELS
from app.messaging.contact_policy.keywords import Keyword, keyword_of
from app.messaging.contact_policy.suppression_list import OPTED_OUT, suppress_addresses
from app.messaging.inbound.effects import Asked, ask_for_opt_out, notify_coordinator
from app.messaging.inbound.texts.effects import MessageReport, Reply, log_reply, obey_keyword
from app.messaging.inbound.texts.items import ReceivedText
from app.messaging.inbound.texts.match import MatchedText, match_number
from app.messaging.inbound.texts.models import InboundText
from app.messaging.inbound.unknown_senders import create_lead_with_phone
from app.messaging.models import AddressKind
from app.security.encrypted_fields import encrypt_row

REPLY_NOTICE: Final = "text-reply"  # template of the coordinator's notice
_MEDIA_ONLY: Final = "(media)"  # stands for a message without words on the timeline

_ONE_AT_A_TIME: Final = text("SELECT pg_advisory_xact_lock(hashtextextended(CAST(:name AS text), 0))")


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a message that arrived, and when."""

    channel: str
    text: str
    at: datetime


def receive_text(session: Session, actor: Actor, account_id: UUID, given: ReceivedText) -> bool:
    """Store a message and apply its effects on the lead. Returns False if it was received before: nothing changes."""
    session.execute(_ONE_AT_A_TIME, {"name": f"text {account_id} {given.provider_id}"})
    known = select(InboundText.id).where(
        InboundText.account_id == account_id, InboundText.provider_id == given.provider_id
    )
    if session.scalar(known) is not None:
        return False
    at = min(given.sent_at or now(), now())
    matched = match_number(session, actor.clinic.id, given.sender)
    if matched is None and keyword_of(given.text, AddressKind.PHONE) is Keyword.STOP:
        suppress_addresses(session, actor.clinic.id, [(AddressKind.PHONE, given.sender)], reason=OPTED_OUT)
    else:
        matched = matched or _unknown_number(session, actor, given)
    words = Words(given.channel, given.text or (_MEDIA_ONLY if given.media else ""), at)
    activity_id = apply_reply(session, actor, matched.lead_id, words) if matched else None
    asked = None
    if matched and activity_id:
        asked = ask_for_opt_out(session, actor, matched.lead_id, words.text, kind=AddressKind.PHONE, at=at)
    row = {
        "lead_id": matched and matched.lead_id,
        "account_id": account_id,
        "provider_id": given.provider_id,
        "channel": given.channel,
        "notification_id": matched and matched.notification_id,
        "activity_id": activity_id,
        "sender": given.sender,
        "sender_name": given.sender_name or None,
        "body": given.text or None,
        "media": [one.to_json() for one in given.media],
        "received_at": at,
    }
    _store(session, actor, row, asked)
    return True


def ask_about_reply(session: Session, report: MessageReport, reply: Reply, activity_id: UUID) -> None:
    """Store a reply that a gateway reported, with its question, if it may ask for no more messages."""
    notification, words = report.notification, "" if reply.is_auto_reply else reply.text or ""
    asked = ask_for_opt_out(session, report.actor, report.lead.id, words, kind=AddressKind.PHONE, at=reply.at)
    if asked is None:
        return
    row = {
        "lead_id": report.lead.id,
        "account_id": notification.gateway_id,
        "provider_id": str(activity_id),  # a gateway has no id of a reply
        "channel": reply.channel,
        "notification_id": notification.id,
        "activity_id": activity_id,
        "sender": json.loads(notification.address or "{}").get("phone"),
        "sender_name": None,
        "body": words,
        "media": [],
        "received_at": reply.at,
    }
    _store(session, report.actor, row, asked)


def apply_reply(session: Session, actor: Actor, lead_id: UUID, words: Words) -> UUID | None:
    """Apply the message to its lead: everything pending stops, and the coordinator gets a notice, unless it is STOP.

    Returns the id of the entry on the timeline, if there is one.
    """
    lead = lock_lead(session, actor.clinic.id, lead_id)
    if lead is None:
        return None
    reply = Reply(ContactChannel(words.channel), words.at, words.text[:LONGEST_NOTE] or None)
    is_keyword = obey_keyword(session, actor, lead, reply)
    if not is_keyword:
        label = CHANNELS[words.channel].label
        notify_coordinator(session, actor, lead, words.at, label=label, template=REPLY_NOTICE)
    return log_reply(session, actor, lead, reply, is_keyword=is_keyword)


def _store(session: Session, actor: Actor, row: ColumnDict, asked: Asked | None) -> None:
    session.flush()  # the timeline entry comes first
    written = {
        "id": new_id(),
        "clinic_id": actor.clinic.id,
        "created_at": now(),
        "question": asked and asked.question,
        "decide_by": asked and asked.decide_by,
    }
    insert_many(session, InboundText, [encrypt_row(InboundText, {**row, **written})])


def _unknown_number(session: Session, actor: Actor, given: ReceivedText) -> MatchedText | None:
    """Return a new lead for an unknown number, if the clinic wants one; else the message waits for a user."""
    if actor.clinic.inbound_email.unknown_senders is UnknownSenders.LEAD:
        with suppress(Conflict, Invalid):  # no stage for new leads, or a short code: a user decides
            return MatchedText(create_lead_with_phone(session, actor, given.sender, given.sender_name), None)
    return None
