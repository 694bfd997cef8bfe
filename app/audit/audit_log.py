"""Taking note of what a call sees and changes, and writing it down with it: in the same transaction, or not at all.

What is changed through a model is noticed here by itself. What is read, or written in other ways, says so: `saw`,
`wrote`. Notes are taken for calls of the API; what the automation does, it explains in its steps.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

import psycopg
from sqlalchemy import event, inspect
from sqlalchemy.orm import Session

from app.audit.models import Act
from app.core.db import to_json
from app.security.encrypted_fields import BLIND, open_fields
from app.security.encryption import seal

NOTES: Final = "trail"  # the key under which a session keeps its notes until they are written

# Which tables are about people or about what they may do, and what their rows are called.
SUBJECTS: Final[Mapping[str, str]] = {
    "leads": "lead",
    "lead_tasks": "task",
    "lead_activities": "activity",
    "lead_sources": "source",
    "pipeline_stages": "stage",
    "users": "user",
    "teams": "team",
    "roles": "role",
    "api_keys": "api_key",
    "assignment_rules": "assignment_rule",
    "absences": "absence",
    "task_templates": "task_template",
    "rules": "rule",
    "sequences": "sequence",
    "enrollments": "enrollment",
    "nurtures": "nurture",
    "message_templates": "message_template",
    "message_template_versions": "message_template_version",
    "web_forms": "web_form",
    "custom_fields": "custom_field",
    "consents": "consent",
    "imports": "import",
    "working_hours": "user",
    "suppressions": "suppression",
    "notifications": "notification",
    "gateways": "gateway",
}
ABOUT_PEOPLE: Final = frozenset({"lead", "task", "activity", "notification"})  # of these, every look counts
_NEVER_KEPT: Final = frozenset({"password_hash", "secret_hash", "secret", "previous_secret"})
_IMPLIED: Final = frozenset({"updated_at", "updated_by", "version", "last_login_at", "last_used_at"})

_INSERT: Final = """
WITH notes AS MATERIALIZED (
  SELECT n.*, sha256(n.sealed) AS digest
  FROM json_to_recordset(%s::json) AS n(act text, subject text, ids uuid[], fields text[], sealed bytea)
), entries AS (
  INSERT INTO audit_entries
    (clinic_id, user_id, api_key_id, address, request_id, operation, act, subject, ids, fields, digest)
  SELECT %s, %s, %s, %s, %s, %s, act, subject, ids, fields, digest FROM notes
  RETURNING number, clinic_id, digest
)
INSERT INTO audit_changes (entry, clinic_id, sealed)
SELECT number, clinic_id, sealed FROM entries JOIN notes USING (digest)
"""
# What was only read need not wait for the disk. In the one statement, for a round trip costs as much as the row.
_INSERT_READS: Final = """
INSERT INTO audit_entries (clinic_id, user_id, api_key_id, address, request_id, operation, act, subject, ids, fields)
SELECT %s, %s, %s, %s, %s, %s, n.act, n.subject, n.ids, '{}'
FROM json_to_recordset(%s::json) AS n(act text, subject text, ids uuid[])
CROSS JOIN (SELECT set_config('synchronous_commit', 'off', true)) AS no_wait
"""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who does it, from where, and by which call."""

    clinic_id: UUID
    user_id: UUID | None
    api_key_id: UUID | None
    address: str | None
    request_id: str | None
    operation: str


@dataclass(frozen=True, slots=True)
class _Note:
    act: Act
    subject: str
    ids: list[UUID]
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    lead_id: UUID | None = None  # whose it is, where it is a lead's


def begin(session: Session) -> None:
    """Take notes of what happens in this session."""
    session.info[NOTES] = []


def end(session: Session) -> None:
    """Take no more notes of what happens in this session."""
    session.info.pop(NOTES, None)


def saw(session: Session, subject: str, ids: Iterable[UUID]) -> None:
    """Somebody is shown these."""
    if (notes := session.info.get(NOTES)) is not None and (seen := list(ids)):
        notes.append(_Note(Act.READ, subject, seen))


def note_page(session: Session, model: Any, rows: Sequence[Any]) -> None:
    """Note that these rows of a list were read; only rows about people count."""
    subject = SUBJECTS.get(model.__tablename__)
    if subject in ABOUT_PEOPLE:
        saw(session, subject, [row.id for row in rows])


def wrote(session: Session, subject: str, ids: Iterable[UUID], *, act: Act, after: Mapping[str, Any]) -> None:
    """These were changed, or made, without a model; `after` are the values they were given."""
    if (notes := session.info.get(NOTES)) is not None and (changed := list(ids)):
        notes.append(_Note(act, subject, changed, after=after))


def noted(session: Session) -> dict[str, list[UUID]]:
    """What the notes are about by now: the ids of each subject, in their order and each once."""
    about: dict[str, dict[UUID, None]] = {}
    for note in session.info.get(NOTES, ()):
        about.setdefault(note.subject, {}).update(dict.fromkeys(note.ids))
        if note.lead_id:
            about.setdefault("lead", {})[note.lead_id] = None
    return {subject: list(ids) for subject, ids in about.items()}


def length(session: Session) -> int:
    """How many notes there are by now: for `forget_after`."""
    return len(session.info.get(NOTES, ()))


def forget_after(session: Session, length: int) -> None:
    """What was done since then was undone, by a savepoint: it is not written down."""
    del session.info.get(NOTES, [])[length:]


def write(session: Session, caller: Caller) -> None:
    """Write the notes down, last of all before the commit."""
    session.flush()
    notes: list[_Note] = session.info[NOTES]
    if not notes:
        return
    session.info[NOTES] = []
    driver: psycopg.Connection = session.connection().connection.driver_connection  # type: ignore[assignment]
    who = (caller.clinic_id, caller.user_id, caller.api_key_id, caller.address, caller.request_id, caller.operation)
    if all(note.act is Act.READ for note in notes):
        driver.execute(
            _INSERT_READS, (*who, to_json([{"act": n.act, "subject": n.subject, "ids": n.ids} for n in notes]))
        )
    else:
        driver.execute(_INSERT, (to_json([_row(note, caller) for note in notes]), *who))


def place_of(clinic_id: UUID, request_id: str | None) -> str:
    """Where a change is sealed for: it opens beside no other entry's request."""
    return f"audit_entries.change.{clinic_id}.{request_id}"


def _row(note: _Note, caller: Caller) -> dict[str, Any]:
    fields = sorted({*(note.before or ()), *(note.after or ())} - _IMPLIED)
    sealed = None
    if fields:
        values = {"before": note.before, "after": note.after}
        sealed = "\\x" + seal(to_json(values).encode(), place=place_of(caller.clinic_id, caller.request_id)).hex()
    return {"act": note.act, "subject": note.subject, "ids": note.ids, "fields": fields, "sealed": sealed}


@event.listens_for(Session, "before_flush")
def _notice(session: Session, *_: Any) -> None:
    if (notes := session.info.get(NOTES)) is not None:
        notes += _noticed(session)


def _noticed(session: Session) -> Iterator[_Note]:
    for one in session.new:
        if subject := SUBJECTS.get(one.__tablename__):
            made = {name: value for name, value in _values(one) if value is not None}
            yield _Note(Act.CREATE, subject, [one.id], after=made, lead_id=getattr(one, "lead_id", None))
    for one in session.dirty:
        if (subject := SUBJECTS.get(one.__tablename__)) and (changes := dict(_changes(one))):
            before = {name: old for name, (old, _) in changes.items()}
            after = {name: new for name, (_, new) in changes.items()}
            whose = getattr(one, "lead_id", None)
            yield _Note(Act.UPDATE, subject, [one.id], before=before, after=after, lead_id=whose)
    for one in session.deleted:
        if subject := SUBJECTS.get(one.__tablename__):
            yield _Note(Act.DELETE, subject, [one.id], before=dict(_values(one)))


def _values(one: Any) -> Iterator[tuple[str, Any]]:
    """What is sealed the record knows field by field."""
    for name in map(attrgetter("name"), one.__table__.columns):
        if name == "sealed":
            opened = open_fields(type(one), one.id, one.sealed)
            yield from ((name, value) for name, value in opened.items() if name not in _NEVER_KEPT)
        elif name not in _NEVER_KEPT and not name.endswith(BLIND):
            yield name, getattr(one, name)


def _changes(one: Any) -> Iterator[tuple[str, tuple[Any, Any]]]:
    for name, (old, new) in _columns_changed(one):
        if name == "sealed":
            yield from _sealed_changes(one, old, new)
        elif name not in _IMPLIED and not name.endswith(BLIND):
            yield name, (None, None) if name in _NEVER_KEPT else (old, new)


def _columns_changed(one: Any) -> Iterator[tuple[str, tuple[Any, Any]]]:
    attributes = inspect(one).attrs
    for name in map(attrgetter("name"), one.__table__.columns):
        history = attributes[name].history
        old, new = history.deleted[0] if history.deleted else None, history.added[0] if history.added else None
        if history.added and old != new:
            yield name, (old, new)


def _sealed_changes(one: Any, old: bytes | None, new: bytes | None) -> Iterator[tuple[str, tuple[Any, Any]]]:
    before, after = (open_fields(type(one), one.id, sealed) for sealed in (old, new))
    for name in before:
        if before[name] != after[name]:
            yield name, (None, None) if name in _NEVER_KEPT else (before[name], after[name])
