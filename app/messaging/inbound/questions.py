"""Questions about messages of leads that a user decides: whether a person wrote it, and whether to send no more.

Without a question, a user may still correct whether a person or a program wrote a message.

While a question is open, messages of rules and sequences to the lead wait. If the question is about the author, the
lead's enrollments are paused too. A clear reply answers that question, and an opt-out answers a request. Unanswered
questions are answered by the clinic's setting, or by the law: a request for no more messages is obeyed after ten
business days (47 CFR 64.1200(a)(10)).
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeAlias
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.clock import now
from app.core.ports import Listeners
from app.core.type_aliases import JsonObject
from app.engine.events.events import Event, EventName
from app.engine.steps.waiting import decided, wake
from app.errors import Conflict, Invalid
from app.identity.actor import Actor
from app.identity.clinic_context import ClinicContext
from app.identity.clinics import load_context
from app.identity.inbound_email import UnsureReplies
from app.leads.activities.replies import discount_reply
from app.leads.activities.service import count_as_reply
from app.leads.models import Lead
from app.leads.search.lookup import lock_lead
from app.leads.timeline.models import Activity, CountsAs
from app.messaging.contact_policy.keywords import asks_to_stop, said
from app.messaging.contact_policy.load_facts import open_questions
from app.messaging.contact_policy.opt_outs import opt_out
from app.messaging.inbound.effects import ask, ask_for_opt_out, effect_of, obey_keyword, question_of
from app.messaging.inbound.mail_list import lock_email
from app.messaging.inbound.models import Classification, InboundEmail, Question
from app.messaging.inbound.texts.models import InboundText
from app.messaging.inbound.texts.text_list import lock_text
from app.messaging.models import AddressKind

Message: TypeAlias = InboundEmail | InboundText

_AT_ONCE: Final = 100  # questions in one batch of the sweep

# Called in the same transaction when no question about the lead is open any more: its enrollments go on.
author_decided: Listeners[[Session, ClinicContext, UUID, datetime]] = Listeners("author_decided")
# Called in the same transaction when no request for no more messages of the lead is open any more.
request_decided: Listeners[[Session, Actor, Lead]] = Listeners("request_decided")


class Answer(StrEnum):
    """The decision of a user."""

    PERSON = "person"
    PROGRAM = "program"
    OPT_OUT = "opt_out"
    KEEP_WRITING = "keep_writing"


ANSWERS: Final = {
    Question.AUTHOR: (Answer.PERSON, Answer.PROGRAM),
    Question.OPT_OUT: (Answer.OPT_OUT, Answer.KEEP_WRITING),
}


class NothingToDecide(Conflict):
    """The message has no open question, and counts as that already."""


def decide_email(session: Session, actor: Actor, email_id: UUID, data: JsonObject) -> InboundEmail:
    """Decide the question of a mail; `data` as loaded by DecisionIn. Raises NotFound, NothingToDecide, Invalid."""
    mail: InboundEmail = lock_email(session, actor, email_id)
    _decide(session, actor, mail, data["answer"])
    return mail


def decide_text(session: Session, actor: Actor, text_id: UUID, data: JsonObject) -> InboundText:
    """Decide the question of a text message. Raises NotFound, NothingToDecide, Invalid."""
    message = lock_text(session, actor, text_id)
    _decide(session, actor, message, data["answer"])
    return message


def decide_late(session: Session) -> int:
    """Decide a batch of questions that no user has decided in time. Returns their number."""
    due = [one for model in (InboundEmail, InboundText) for one in _late(session, model)]
    for message in due:
        actor = Actor.system(load_context(session, message.clinic_id))
        _decide(session, actor, message, _default(actor.clinic, message))
    return len(due)


def _late(session: Session, model: Any) -> Sequence[Message]:
    late = select(model).where(model.decide_by <= now()).order_by(model.decide_by).limit(_AT_ONCE)
    found: Sequence[Message] = session.scalars(late.with_for_update(skip_locked=True)).all()
    return found


def _default(clinic: ClinicContext, message: Message) -> Answer:
    """Return the answer without a user. A mail that asks for no more messages is never taken for one of a program."""
    if message.question == Question.OPT_OUT:
        return Answer.OPT_OUT
    subject = message.subject if isinstance(message, InboundEmail) else None
    is_request = asks_to_stop(said(message.body or "", subject or ""), AddressKind.EMAIL)
    is_person = clinic.inbound_email.unsure_replies is UnsureReplies.STOP or is_request
    return Answer.PERSON if is_person else Answer.PROGRAM


def _decide(session: Session, actor: Actor, message: Message, answer: Answer) -> None:
    if message.decide_by is None or message.question is None:
        _correct(session, actor, message, answer)
        return
    question = Question(message.question)
    if answer not in ANSWERS[question]:
        raise Invalid.at("/answer", f"Must be {' or '.join(ANSWERS[question])}.")
    message.decide_by, message.handled_by = None, actor.user_id
    lead = lock_lead(session, actor.clinic.id, message.lead_id) if message.lead_id else None
    if isinstance(message, InboundEmail) and question is Question.AUTHOR:
        is_reply = answer is Answer.PERSON
        message.classification = Classification.REPLY if is_reply else Classification.AUTO_REPLY
    if lead is not None:
        _apply(session, actor, lead, message=message, answer=answer)


def _correct(session: Session, actor: Actor, message: Message, answer: Answer) -> None:
    """Correct who wrote a message that has no open question: a reply was automatic, or an automatic one is a reply."""
    lead = lock_lead(session, actor.clinic.id, message.lead_id) if message.lead_id and message.activity_id else None
    entry = session.get(Activity, message.activity_id) if lead else None
    is_reply = answer is Answer.PERSON
    if lead is None or entry is None or answer not in ANSWERS[Question.AUTHOR] or entry.counts_as is not None:
        raise NothingToDecide
    if entry.is_auto_reply is not is_reply:
        raise NothingToDecide
    message.question, message.handled_by = Question.AUTHOR, actor.user_id
    if isinstance(message, InboundEmail):
        message.classification = Classification.REPLY if is_reply else Classification.AUTO_REPLY
    if is_reply:
        _count_as_reply(session, Actor.system(actor.clinic), lead, message)
    else:
        discount_reply(session, actor, lead, entry.id)


def _apply(session: Session, actor: Actor, lead: Lead, *, message: Message, answer: Answer) -> None:
    if answer is Answer.PERSON:
        _count_as_reply(session, Actor.system(actor.clinic), lead, message)
    elif answer is Answer.OPT_OUT:
        opt_out(session, Actor.system(actor.clinic), lead.id)
    _go_on(session, actor, lead)


def answer_by_events(session: Session, clinic: ClinicContext, events: Sequence[Event]) -> None:
    """Close the questions that events answer: a clear reply, or an opt-out of all messages."""
    for name, question in ((EventName.LEAD_REPLIED, Question.AUTHOR), (EventName.LEAD_OPTED_OUT, Question.OPT_OUT)):
        if leads := {event.lead_id for event in events if event.name == name}:
            _close(session, clinic, leads, question)


def answer_by_channel(session: Session, lead_id: UUID, _: Sequence[str]) -> None:
    """Close the requests of a lead that opted out of a channel, such as by a stop word."""
    if _has_request(session, lead_id):
        clinic = load_context(session, session.get_one(Lead, lead_id).clinic_id)
        _close(session, clinic, {lead_id}, Question.OPT_OUT)


def obey_requests(session: Session, actor: Actor, lead: Lead) -> None:
    """Opt the lead out if a request of it is open: a user says that it is done."""
    if _has_request(session, lead.id):
        opt_out(session, actor, lead.id)


def _close(session: Session, clinic: ClinicContext, leads: Collection[UUID], question: Question) -> None:
    closed = set()
    for model in (InboundEmail, InboundText):
        is_open = (model.lead_id.in_(leads), model.decide_by.is_not(None), model.question == question)
        closed |= set(session.scalars(update(model).where(*is_open).values(decide_by=None).returning(model.lead_id)))
    for lead_id in filter(None, closed):
        if lead := lock_lead(session, clinic.id, lead_id):
            _go_on(session, Actor.system(clinic), lead)


def _go_on(session: Session, actor: Actor, lead: Lead) -> None:
    """Let what waited for the lead's questions go on, as far as none is open."""
    session.flush()
    if not open_questions(session, [lead.id]):
        author_decided(session, actor.clinic, lead.id, now())
        wake(session, [decided(lead.id)])
    if not _has_request(session, lead.id):
        request_decided(session, actor, lead)


def _has_request(session: Session, lead_id: UUID) -> bool:
    asked = (
        select(model.id).where(
            model.lead_id == lead_id, model.decide_by.is_not(None), model.question == Question.OPT_OUT
        )
        for model in (InboundEmail, InboundText)
    )
    return any(session.scalar(found.limit(1)) is not None for found in asked)


def _count_as_reply(session: Session, actor: Actor, lead: Lead, message: Message) -> None:
    """Give the message the effects of a reply. A keyword is obeyed, and a request for no more messages is a question.

    A text with a keyword was obeyed when it arrived.
    """
    if message.activity_id is None:
        return
    if isinstance(message, InboundText):
        count_as_reply(session, actor, lead, message.activity_id)
        at, kind = message.received_at, AddressKind.PHONE
        ask(message, ask_for_opt_out(session, actor, lead.id, message.body or "", kind=kind, at=at))
        return
    effect = effect_of(message, Classification.REPLY, lead.id)
    counts_as = CountsAs.OPT_OUT if obey_keyword(session, actor, lead, effect) else None
    count_as_reply(session, actor, lead, message.activity_id, counts_as=counts_as)
    ask(message, question_of(session, actor, effect))
