"""One search over leads, timeline entries, messages, tasks and users, in the caller's scope."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.core.db import is_among
from app.core.type_aliases import JsonDict, JsonObject
from app.identity.actor import Actor
from app.identity.models import User
from app.identity.permissions import Permission
from app.identity.users.users import may_see_staff
from app.leads.search.by_text.find import FoundLead, find_leads, find_notes, visible_names
from app.leads.search.by_text.query import Match, TextQuery, Why, excerpt, match_fields, segments
from app.leads.search.similar_names import similar_names
from app.leads.timeline.models import Direction
from app.messaging.inbound.conversation.find_by_subject import find_messages
from app.tasks.models import OPEN_TASKS, Task
from app.tasks.queue.queue import has_status, newest_with_words, tasks_of

MOST_HITS: Final = 50  # of one kind


class HitKind(StrEnum):
    LEAD = "lead"
    NOTE = "note"  # a timeline entry
    MESSAGE = "message"  # to or from a lead, by its subject
    TASK = "task"
    USER = "user"


class Hit(NamedTuple):
    """A row that matches."""

    kind: HitKind
    id: UUID
    title: str
    match: Match
    lead_id: UUID | None = None
    lead_name: str | None = None
    about: JsonObject | None = None
    at: datetime | None = None  # None: the time in the id

    @property
    def rank(self) -> tuple[int, float, int]:
        """The best first: the whole phone number or address, then names, then texts; the newest of each first."""
        place = 0 if self.match.is_exact else _RANKS.get(self.match.why, len(_RANKS))
        written = self.at.timestamp() * 1000 if self.at else self.id.int >> _BITS_AFTER_THE_TIME
        return place, -written, -self.id.int

    def to_json(self) -> JsonDict:
        """Return the hit as the API shows it."""
        shown = excerpt(self.match)
        return {
            **dict.fromkeys(("type", "at", "direction", "status", "due_at", "is_active")),
            "kind": self.kind,
            "id": self.id,
            "title": self.title,
            "why": shown.why,
            "is_exact": shown.is_exact,
            "matched": segments(shown),
            "lead_id": self.lead_id,
            "lead_name": self.lead_name,
            **(self.about or {}),
        }


_BITS_AFTER_THE_TIME: Final = 80  # of an id, which begins with milliseconds
# Names before other short fields, and these before texts.
_RANKS: Final = {Why.NAME: 1, Why.PATIENT_NAME: 1, Why.PHONE: 2, Why.EMAIL: 2, Why.EXTERNAL_ID: 2, Why.SIMILAR_NAME: 3}


def search(session: Session, actor: Actor, data: JsonObject) -> JsonDict:
    """Return the best hits of each kind, at most `data["limit"]` of each (fields of SearchIn)."""
    query = TextQuery(data["q"], actor.clinic.region)
    kinds = [kind for kind in data.get("kinds", HitKind) if _may_find(actor, kind)]
    leads = find_leads(session, actor, query) if {HitKind.LEAD, HitKind.TASK} & {*kinds} else []
    hits: list[Hit] = []
    has_more = False
    for kind in kinds:
        found = sorted(_FINDERS[kind](session, actor, query, leads), key=lambda hit: hit.rank)
        has_more = has_more or len(found) > data["limit"]
        hits += found[: data["limit"]]
    _note_reads(session, hits)
    hits.sort(key=lambda hit: hit.rank)
    return {"hits": [hit.to_json() for hit in hits], "searched": kinds, "has_more": has_more}


def _may_find(actor: Actor, kind: HitKind) -> bool:
    if kind is HitKind.NOTE:
        return actor.allows(Permission.LEAD_PRIVATE)
    return kind is not HitKind.USER or may_see_staff(actor)


def _leads(session: Session, actor: Actor, query: TextQuery, leads: Sequence[FoundLead]) -> Iterable[Hit]:
    for lead in leads or similar_names(session, actor, query):
        yield Hit(HitKind.LEAD, lead.id, lead.name, lead.match, lead.id, lead.name)


def _notes(session: Session, actor: Actor, query: TextQuery, _: object) -> Iterable[Hit]:
    notes = find_notes(session, actor, query)
    names = visible_names(session, actor, [note.lead_id for note in notes])
    for note in notes:
        about = {"type": note.type, "at": note.occurred_at}
        yield Hit(HitKind.NOTE, note.id, names[note.lead_id], note.match, note.lead_id, names[note.lead_id], about)


def _messages(session: Session, actor: Actor, query: TextQuery, _: object) -> Iterable[Hit]:
    messages = find_messages(session, actor, query)
    names = visible_names(session, actor, [message.lead_id for message in messages])
    for message in messages:
        name, about = names[message.lead_id], {"at": message.at, "direction": message.direction}
        yield Hit(HitKind.MESSAGE, message.id, name, message.match, message.lead_id, name, about, message.at)


def _tasks(session: Session, actor: Actor, query: TextQuery, leads: Sequence[FoundLead]) -> Iterable[Hit]:
    """Find tasks by their texts, and open tasks by their leads."""
    texts = newest_with_words(session, actor, query, most=MOST_HITS + 1)
    found = {lead.id: lead for lead in leads}
    of_leads = tasks_of(actor, {}).where(is_among(Task.lead_id, [*found]), has_status(OPEN_TASKS))
    by_lead = session.execute(of_leads.order_by(Task.id.desc()).limit(MOST_HITS + 1)) if found else ()
    tasks = {task.id: task for task in (*texts, *by_lead)}
    names = visible_names(session, actor, [task.lead_id for task in tasks.values()])
    for task in tasks.values():
        match = match_fields(query, [(Why.TITLE, task.title), (Why.DESCRIPTION, task.description)], inside=True)
        if match is None and (lead := found.get(task.lead_id)):
            match = lead.match._replace(why=Why.LEAD, is_exact=False)
        if match:
            about = {"status": task.status, "due_at": task.due_at}
            yield Hit(HitKind.TASK, task.id, task.title, match, task.lead_id, names.get(task.lead_id), about)


def _users(session: Session, actor: Actor, query: TextQuery, _: object) -> Iterable[Hit]:
    users = session.execute(
        select(User.id, User.name, User.email, User.is_active).where(User.clinic_id == actor.clinic.id)
    )
    for user in users:
        is_address = user.email.casefold() == query.text.casefold()
        fields = ((Why.NAME, user.name), (Why.EMAIL, user.email))
        if match := Match.whole(Why.EMAIL, user.email) if is_address else match_fields(query, fields, inside=True):
            yield Hit(HitKind.USER, user.id, user.name, match, about={"is_active": user.is_active})


def _note_reads(session: Session, hits: Iterable[Hit]) -> None:
    """Note the rows in the audit log, and the leads of which they show the name."""
    shown: dict[str, dict[UUID, None]] = {subject: {} for subject in ("lead", *_SUBJECTS.values())}
    for hit in hits:
        if subject := _SUBJECTS.get((hit.kind, (hit.about or {}).get("direction"))):
            shown[subject][hit.id] = None
        if hit.lead_id and hit.lead_name:
            shown["lead"][hit.lead_id] = None
    for subject, ids in shown.items():
        audit_log.note_read(session, subject, ids)


_SUBJECTS: Final = {
    (HitKind.LEAD, None): "lead",
    (HitKind.NOTE, None): "activity",
    (HitKind.TASK, None): "task",
    (HitKind.MESSAGE, Direction.OUTBOUND): "notification",
    (HitKind.MESSAGE, Direction.INBOUND): "inbound_email",
}
_FINDERS: Final[Mapping[HitKind, Callable[[Session, Actor, TextQuery, Sequence[FoundLead]], Iterable[Hit]]]] = {
    HitKind.LEAD: _leads,
    HitKind.NOTE: _notes,
    HitKind.MESSAGE: _messages,
    HitKind.TASK: _tasks,
    HitKind.USER: _users,
}
