"""Answers that users write to leads. They are notifications with a deliver step, as messages of rules are."""

from collections.abc import Mapping
from typing import Final, TypeAlias
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.type_aliases import JsonDict, JsonObject
from app.core.validation.check_all import check_all
from app.engine.models import BegunBy, Reason
from app.engine.service import add_steps
from app.errors import Conflict, Invalid
from app.identity.actor import Actor
from app.leads.activities.service import log_on_locked_lead
from app.leads.fields import LONGEST_NOTE
from app.leads.search.lookup import lock_editable_lead
from app.leads.timeline.models import ActivityType, CountsAs, Direction
from app.messaging.channels import email, sms, whatsapp
from app.messaging.channels.registry import CHANNELS
from app.messaging.channels.text_providers.whatsapp_cloud import LONGEST_CAPTION
from app.messaging.compose import MessageMetadata, Recipient, compose, delivery_step, insert_notifications
from app.messaging.contact_policy.gate import Never, evaluate_gate
from app.messaging.contact_policy.gate_input import ContactAttempt
from app.messaging.contact_policy.load_facts import AttemptContext, address_for, load_contact_facts
from app.messaging.inbound.models import InboundEmail
from app.messaging.inbound.texts.models import InboundText
from app.messaging.rendering.render import Wording
from app.messaging.rendering.safe_text import one_line
from app.messaging.sending_accounts.choice import choose_account, why_none
from app.messaging.sending_accounts.directory import list_accounts_of

TEMPLATE: Final = "answer"  # the slug that stands for messages of users
LONGEST_SUBJECT: Final = 200
_LONGEST_REFERENCES: Final = 900  # characters; a header line has at most 998 (RFC 5322, 2.1.1)
ANSWER_CHANNELS: Final = (email.CHANNEL.name, sms.CHANNEL.name, whatsapp.CHANNEL.name)
_NOT_OF_LEAD: Final = "Not a mail of this lead."
_NOT_ON_CHANNEL: Final = "Not a message of this lead on this channel."

Answered: TypeAlias = InboundEmail | InboundText | None  # the message that is answered

# The refusals of the contact policy that hold for messages of users too.
_REFUSALS: Final[Mapping[Reason, str]] = {
    Reason.NO_ADDRESS: "The lead has no address for this channel.",
    Reason.INVALID_ADDRESS: "The lead's address for this channel is not valid.",
    Reason.OPTED_OUT: "The lead has opted out of all messages.",
    Reason.OPTED_OUT_OF_CHANNEL: "The lead has opted out of this channel.",
    Reason.SUPPRESSED: "The lead's address is on the suppression list.",
    Reason.RESTRICTED: "The use of the lead's data is restricted.",
    Reason.OUTSIDE_SESSION: "The lead has written nothing on WhatsApp in the last 24 hours.",
}


class MessageNotAllowed(Conflict):
    """The lead may not be written to on this channel."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(_REFUSALS.get(reason))
        self._reason = reason

    def members(self) -> JsonObject:
        """Return the reason: `opted_out`, `suppressed`, `no_address` or another of the contact policy."""
        return {"reason": self._reason}


def write_message(session: Session, actor: Actor, lead_id: UUID, data: JsonObject) -> UUID:
    """Write a message to the lead and plan its delivery; `data` as loaded by LeadMessageIn. Returns its id.

    It counts as an answer or an attempt when it is handed over.

    Opt-outs, suppressed addresses and the sessions of WhatsApp hold; quiet hours and caps do not, because a person
    decides. Raises NotFound, LeadWasMerged, LeadIsLocked, Invalid, MessageNotAllowed.
    """
    lead = lock_editable_lead(session, actor, lead_id)
    check_message(session, actor, data, lead_id=lead_id)
    answered = _answered(session, actor, lead_id, data)
    address = answered.sender if answered is not None and answered.sender else address_for(lead, data["channel"])
    _require_allowed(session, AttemptContext(lead, actor.clinic, _attempt(data["channel"], address)))
    activity_id = log_on_locked_lead(session, actor, lead, _entry(data)).id
    row = _row(actor, Recipient(None, address), data, answered) | {"lead_id": lead.id, "activity_id": activity_id}
    insert_notifications(session, [row])
    origin = {"params": {"transactional": True}}
    step = delivery_step(
        row, due_at=row["created_at"], origin=origin, begun_by=BegunBy.USER, dedupe_key=f"deliver:{row['id']}"
    )
    step["cause"] |= {"lead_status": lead.status, "user_id": str(actor.user_id) if actor.user_id else None}
    add_steps(session, [step])
    message_id: UUID = row["id"]
    return message_id


def check_message(session: Session, actor: Actor, data: JsonObject, /, *, lead_id: UUID) -> None:
    """Check that the answered message belongs to the lead, the account, the file and the text. Raises Invalid."""
    check_all(
        lambda: _require_fits(data),
        lambda: _require_file(data),
        lambda: _require_account(session, actor, data),
        lambda: _answered(session, actor, lead_id, data),
    )


def _require_fits(data: JsonObject) -> None:
    """Check the length that the channel allows. Raises Invalid."""
    channel = CHANNELS[data["channel"]] if data.get("channel") in ANSWER_CHANNELS else None
    if channel is None or channel.name == email.CHANNEL.name:
        return
    most, with_file = (LONGEST_CAPTION, " with a file") if data.get("media") else (channel.limits.body, "")
    if len(data.get("body") or "") > most:
        raise Invalid.at("/body", f"At most {most} characters on this channel{with_file}.")


def _require_file(data: JsonObject) -> None:
    """Check that the channel sends files of this type. Raises Invalid."""
    media, channel = data.get("media"), data.get("channel")
    if media and channel in ANSWER_CHANNELS and media.get("type") not in CHANNELS.media_types(channel):
        raise Invalid.at("/media/type", f"{channel} sends no {media.get('type')}.")


def _require_account(session: Session, actor: Actor, data: JsonObject) -> None:
    """Check that the clinic has this active account, and that it serves the channel. Raises Invalid."""
    name, channel = data.get("account"), data.get("channel")
    if name is None or channel not in ANSWER_CHANNELS:
        return
    known = list_accounts_of(session, actor.clinic.id)
    if choose_account(known, channel, name) is None:
        raise Invalid.at("/account", why_none(known, channel, name))


def _answered(session: Session, actor: Actor, lead_id: UUID, data: JsonObject) -> Answered:
    if "in_reply_to" not in data:
        return None
    if data.get("channel", email.CHANNEL.name) != email.CHANNEL.name:
        return _answered_text(session, actor, lead_id, data)
    of_lead = (InboundEmail.clinic_id == actor.clinic.id, InboundEmail.lead_id == lead_id)
    found = session.scalars(select(InboundEmail).where(InboundEmail.id == data["in_reply_to"], *of_lead)).one_or_none()
    if found is None:
        raise Invalid.at("/in_reply_to", _NOT_OF_LEAD)
    return found


def _answered_text(session: Session, actor: Actor, lead_id: UUID, data: JsonObject) -> InboundText:
    of_lead = (InboundText.clinic_id == actor.clinic.id, InboundText.lead_id == lead_id)
    wanted = select(InboundText).where(InboundText.id == data["in_reply_to"], *of_lead)
    found = session.scalars(wanted.where(InboundText.channel == data["channel"])).one_or_none()
    if found is None:
        raise Invalid.at("/in_reply_to", _NOT_ON_CHANNEL)
    return found


def _attempt(channel: str, address: str | None) -> ContactAttempt:
    return ContactAttempt(channel, address, now(), is_transactional=True)


def _require_allowed(session: Session, context: AttemptContext) -> None:
    at = context.attempt.planned_at
    [facts] = load_contact_facts(session, [context], now=at)
    match evaluate_gate(context.attempt, facts, at):
        case Never(reason):
            raise MessageNotAllowed(reason)


def _row(actor: Actor, to: Recipient, data: JsonObject, answered: Answered) -> JsonDict:
    is_email = data["channel"] == email.CHANNEL.name
    mail = answered if isinstance(answered, InboundEmail) else None
    wording = Wording(data.get("subject") or (_subject(mail) if is_email else ""), data["body"])
    media = data.get("media") or {}
    metadata = MessageMetadata(
        actor.clinic.id,
        template=TEMPLATE,
        account_name=data.get("account"),
        message_type=media.get("type"),
        media_url=media.get("url"),
    )
    [row] = compose(wording, to, metadata=metadata, channels=[data["channel"]], at=now())
    return {**row, "headers": _headers(mail) if is_email else None, "written_by": actor.user_id}


def _subject(mail: InboundEmail | None) -> str:
    subject = one_line((mail and mail.subject) or "")
    return (subject if subject.lower().startswith("re:") else f"Re: {subject}")[:LONGEST_SUBJECT].strip()


def _headers(mail: InboundEmail | None) -> dict[str, str]:
    """Return the headers of the thread. A person wrote the message, so it has no Auto-Submitted."""
    headers = {"Auto-Submitted": ""}
    if mail is None or not mail.message_id.startswith("<"):
        return headers
    references = f"{mail.thread_ids or ''} {mail.message_id}".strip()
    while len(references) > _LONGEST_REFERENCES:
        references = references.partition(" ")[2]
    return {**headers, "In-Reply-To": mail.message_id, "References": references}


def _entry(data: JsonObject) -> JsonDict:
    return {
        "type": ActivityType.EMAIL if data["channel"] == email.CHANNEL.name else ActivityType.SMS,
        "channel": data["channel"],
        "direction": Direction.OUTBOUND,
        "counts_as": CountsAs.WAITING,
        "occurred_at": now(),
        "notes": data["body"][:LONGEST_NOTE],
    }
