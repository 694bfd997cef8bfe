"""Collect what a transaction changes, and publish it after the commit. A rollback discards it.

Services of all layers call `note`, `note_former_owner` and `close_streams`. Changes through models are noted
automatically. Only ids are noted, never personal data.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy import event, inspect
from sqlalchemy.orm import Session

from app.core.live_events.entries import MOST_IDS, About, Changes, FormerOwners, LiveKind
from app.core.live_events.publisher import Batch, is_enabled, publisher

NOTED: Final = "live_events"  # key in `Session.info`
# Tables whose rows are noted when they change through a model. Statements are noted by their services.
_TABLES: Final[Mapping[str, LiveKind]] = {
    "leads": LiveKind.LEAD_CHANGED,
    "lead_activities": LiveKind.LEAD_CHANGED,
    "lead_tasks": LiveKind.TASK_CHANGED,
    "notifications": LiveKind.MESSAGE_CHANGED,
    "jobs": LiveKind.JOB_CHANGED,
}


@dataclass(slots=True)
class Noted:
    """The changes of one transaction, by clinic, and its closing orders."""

    changes: dict[UUID, Changes] = field(default_factory=dict)
    former: dict[UUID, FormerOwners] = field(default_factory=dict)
    closing: list[dict[str, str]] = field(default_factory=list)


def note(session: Session, clinic_id: UUID, kind: LiveKind, objects: Iterable[tuple[UUID, About]]) -> None:
    """Note that these objects changed. Of one kind, at most `MOST_IDS` + 1 are kept."""
    known = _noted(session).changes.setdefault(clinic_id, {}).setdefault(kind, {})
    for object_id, about in objects:
        if len(known) > MOST_IDS:
            return
        known[object_id] = about


def note_leads(session: Session, clinic_id: UUID, kind: LiveKind, lead_ids: Iterable[UUID | None]) -> None:
    """Note a change of leads, or of their steps."""
    note(session, clinic_id, kind, ((lead_id, About(lead_id)) for lead_id in lead_ids if lead_id))


def note_former_owner(session: Session, clinic_id: UUID, object_id: UUID, user_id: UUID) -> None:
    """Note that the user loses the lead or the task, so that their client learns of it too."""
    _noted(session).former.setdefault(clinic_id, {}).setdefault(object_id, set()).add(user_id)


def close_streams(session: Session, **callers: UUID | str) -> None:
    """After the commit, close the streams of callers with all these values.

    Names: `clinic_id`, `user_id`, `sign_in_id`, `api_key_id`, `stands_for`, `role`.
    """
    _noted(session).closing.append({name: str(value) for name, value in callers.items()})


def _noted(session: Session) -> Noted:
    noted: Noted | None = session.info.get(NOTED)
    if noted is None:
        noted = session.info[NOTED] = Noted()
    return noted


@event.listens_for(Session, "before_flush")
def _note_models(session: Session, *_: object) -> None:
    for one in _changed_models(session):
        table = one.__tablename__
        if (kind := _TABLES.get(table)) is not None:
            _note_model(session, table, kind, one)


def _changed_models(session: Session) -> Iterator[Any]:
    yield from session.new
    yield from (one for one in session.dirty if session.is_modified(one))
    yield from session.deleted


def _note_model(session: Session, table: str, kind: LiveKind, one: Any) -> None:
    if table in {"leads", "lead_tasks"}:
        for user_id in filter(None, inspect(one).attrs.assigned_to_id.history.deleted):
            note_former_owner(session, one.clinic_id, one.id, user_id)
    if table in {"leads", "lead_activities"}:
        note_leads(session, one.clinic_id, kind, [one.id if table == "leads" else one.lead_id])
    elif table == "jobs":
        note(session, one.clinic_id, kind, [(one.id, About(None, one.created_by))])
    elif table == "lead_tasks" or one.user_id is None:  # `insert_notifications` notes the messages to users
        note(session, one.clinic_id, kind, [(one.id, About(one.lead_id))])


@event.listens_for(Session, "after_commit")
def _hand_over(session: Session) -> None:
    if NOTED not in session.info or session.in_nested_transaction():
        return  # only a savepoint was released; the commit is still to come
    noted: Noted = session.info.pop(NOTED)
    if is_enabled():
        publisher().hand_over(Batch(noted.changes, noted.former, noted.closing))


@event.listens_for(Session, "after_rollback")
def _forget(session: Session) -> None:
    if not session.in_nested_transaction():  # an event for a change that a savepoint undid is harmless
        session.info.pop(NOTED, None)
