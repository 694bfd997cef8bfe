"""Audit log: note the reads and changes of a call, and write them in the same transaction.

Changes through a model are noted automatically. Reads and bulk changes call `note_read` and `note_change`. Only API
calls and jobs are noted; automation explains its actions in its steps.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

import psycopg
from sqlalchemy import event, inspect
from sqlalchemy.orm import Session

from app.audit.models import Act
from app.core.db import to_json
from app.core.type_aliases import ColumnDict, JsonObject
from app.security.encrypted_fields import BLIND_INDEX_SUFFIX, decrypt_fields
from app.security.encryption import encrypt

NOTES: Final = "trail"  # key of the notes in `Session.info`

# Audited tables (personal data and permissions), and the subject of their rows.
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
    "webhook_endpoints": "webhook",
    "inbound_emails": "inbound_email",
    "inbound_texts": "inbound_text",
    "mailboxes": "mailbox",
    "inbound_hooks": "inbound_hook",
    "sending_accounts": "sending_account",
    "notice_preferences": "notice_preferences",
    "notice_destinations": "notice_destination",
    "saved_reports": "saved_report",
}
READ_SUBJECTS: Final = frozenset(
    {"lead", "task", "activity", "notification", "inbound_email", "inbound_text"}
)  # personal data: reads are audited too
NEVER_KEPT: Final = frozenset(
    {
        *("password_hash", "secret_hash", "secret", "previous_secret", "client_secret", "password", "credentials"),
        *("p256dh", "auth", "verification_key"),
    }
)
_TABLES_WITH_SECRET_URLS: Final = frozenset({"notice_destinations"})  # whoever knows the URL can write to the user
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
# For one change, which most writing calls have, this costs PostgreSQL a quarter less.
_INSERT_ONE: Final = """
WITH entry AS (
  INSERT INTO audit_entries
    (clinic_id, user_id, api_key_id, address, request_id, operation, act, subject, ids, fields, digest)
  VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s::uuid[], %s::text[], sha256(%s))
  RETURNING number, clinic_id
)
INSERT INTO audit_changes (entry, clinic_id, sealed) SELECT number, clinic_id, %s FROM entry
"""
# Notes of reads do not wait for the disk. The setting is in the same statement to save a round trip.
_INSERT_READS: Final = """
INSERT INTO audit_entries (clinic_id, user_id, api_key_id, address, request_id, operation, act, subject, ids, fields)
SELECT %s, %s, %s, %s, %s, %s, n.act, n.subject, n.ids, '{}'
FROM json_to_recordset(%s::json) AS n(act text, subject text, ids uuid[])
CROSS JOIN (SELECT set_config('synchronous_commit', 'off', true)) AS no_wait
"""


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of an operation: clinic, user or API key, IP address, request and operation."""

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
    before: JsonObject | None = None
    after: JsonObject | None = None
    lead_id: UUID | None = None  # the lead that the row belongs to


def start_notes(session: Session) -> None:
    """Start event_rows reads and changes in this session."""
    session.info[NOTES] = []


def stop_notes(session: Session) -> None:
    """Stop event_rows reads and changes in this session."""
    session.info.pop(NOTES, None)


@contextmanager
def noting(session: Session, caller: Caller) -> Iterator[None]:
    """Note the changes of a block, and write them at its end."""
    start_notes(session)
    yield
    write_entries(session, caller)
    stop_notes(session)


def move_notes(session: Session, to: Session) -> None:
    """Move the notes of a session to another, which writes them."""
    to.info[NOTES] += session.info.pop(NOTES)


def note_read(session: Session, subject: str, ids: Iterable[UUID]) -> None:
    """Note that these objects were shown to the caller."""
    if (notes := session.info.get(NOTES)) is not None and (seen := list(ids)):
        notes.append(_Note(Act.READ, subject, seen))


def note_page_read(session: Session, model: Any, rows: Sequence[Any]) -> None:
    """Note that these rows of a list were read, if reads of their subject are audited."""
    subject = SUBJECTS.get(model.__tablename__)
    if subject in READ_SUBJECTS:
        note_read(session, subject, [row.id for row in rows])


def note_change(session: Session, subject: str, ids: Iterable[UUID], *, act: Act, after: JsonObject) -> None:
    """Note a change without a model, such as a bulk statement. `after` has the new values."""
    if (notes := session.info.get(NOTES)) is not None and (changed := list(ids)):
        notes.append(_Note(act, subject, changed, after=after))


def noted_ids(session: Session) -> dict[str, list[UUID]]:
    """Return the ids in the notes so far, by subject, in order and without duplicates."""
    about: dict[str, dict[UUID, None]] = {}
    for note in session.info.get(NOTES, ()):
        about.setdefault(note.subject, {}).update(dict.fromkeys(note.ids))
        if note.lead_id:
            about.setdefault("lead", {})[note.lead_id] = None
    return {subject: list(ids) for subject, ids in about.items()}


def notes_count(session: Session) -> int:
    """Return the number of notes so far, for `discard_notes_after`."""
    return len(session.info.get(NOTES, ()))


def discard_notes_after(session: Session, count: int) -> None:
    """Discard the notes after the first `count`, because a rollback to a savepoint undid their changes."""
    del session.info.get(NOTES, [])[count:]


def write_entries(session: Session, caller: Caller) -> None:
    """Insert the notes as entries. Call it last before the commit."""
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
        return
    rows = [_row(note, caller) for note in notes]
    if len(rows) == 1 and (sealed := rows[0]["sealed"]):
        [row] = rows
        what = (row["act"], row["subject"], _array(row["ids"]), _array(row["fields"]))
        driver.execute(_INSERT_ONE, (*who, *what, sealed, sealed))
    else:
        driver.execute(_INSERT, (to_json(rows), *who))


def _array(items: Iterable[object]) -> str:
    """Return an array of ids or names of columns. The driver's own conversion of lists is slower."""
    quoted = ",".join(f'"{item}"' for item in items)
    return f"{{{quoted}}}"


def change_context(clinic_id: UUID, request_id: str | None) -> str:
    """Return the encryption context of the values of an entry: they decrypt only with its clinic and request."""
    return f"audit_entries.change.{clinic_id}.{request_id}"


def _row(note: _Note, caller: Caller) -> ColumnDict:
    fields = sorted({*(note.before or ()), *(note.after or ())} - _IMPLIED)
    encrypted = None
    if fields:
        values = {"before": note.before, "after": note.after}
        context = change_context(caller.clinic_id, caller.request_id)
        encrypted = encrypt(to_json(values).encode(), context=context)
    return {"act": note.act, "subject": note.subject, "ids": note.ids, "fields": fields, "sealed": encrypted}


@event.listens_for(Session, "before_flush")
def _note_changes(session: Session, *_: object) -> None:
    if (notes := session.info.get(NOTES)) is not None:
        notes += _changes_of(session)


def _changes_of(session: Session) -> Iterator[_Note]:
    for one in session.new:
        if subject := SUBJECTS.get(one.__tablename__):
            created = {name: value for name, value in _values(one) if value is not None}
            yield _Note(Act.CREATE, subject, [one.id], after=created, lead_id=getattr(one, "lead_id", None))
    for one in session.dirty:
        if (subject := SUBJECTS.get(one.__tablename__)) and (changes := dict(_changes(one))):
            before = {name: old for name, (old, _) in changes.items()}
            after = {name: new for name, (_, new) in changes.items()}
            lead_id = getattr(one, "lead_id", None)
            yield _Note(Act.UPDATE, subject, [one.id], before=before, after=after, lead_id=lead_id)
    for one in session.deleted:
        if subject := SUBJECTS.get(one.__tablename__):
            yield _Note(Act.DELETE, subject, [one.id], before=dict(_values(one)))


def _values(one: Any) -> Iterator[tuple[str, Any]]:
    """Yield the audited values of a row by name, with its encrypted fields decrypted."""
    for name in map(attrgetter("name"), one.__table__.columns):
        if name == "sealed":
            decrypted = decrypt_fields(type(one), one.id, one.sealed)
            yield from ((name, value) for name, value in decrypted.items() if _is_kept(one, name))
        elif _is_kept(one, name) and not name.endswith(BLIND_INDEX_SUFFIX):
            yield name, getattr(one, name)


def _changes(one: object) -> Iterator[tuple[str, tuple[Any, Any]]]:
    for name, (old, new) in _columns_changed(one):
        if name == "sealed":
            yield from _encrypted_changes(one, old, new)
        elif name not in _IMPLIED and not name.endswith(BLIND_INDEX_SUFFIX):
            yield name, (old, new) if _is_kept(one, name) else (None, None)


def _is_kept(one: Any, name: str) -> bool:
    """Return whether the values of a field are kept. Of other fields only the name of a changed one is."""
    return name not in NEVER_KEPT and not (name == "url" and one.__tablename__ in _TABLES_WITH_SECRET_URLS)


def _columns_changed(one: Any) -> Iterator[tuple[str, tuple[Any, Any]]]:
    attributes = inspect(one).attrs
    for name in map(attrgetter("name"), one.__table__.columns):
        history = attributes[name].history
        old, new = history.deleted[0] if history.deleted else None, history.added[0] if history.added else None
        if history.added and old != new:
            yield name, (old, new)


def _encrypted_changes(one: Any, old: bytes | None, new: bytes | None) -> Iterator[tuple[str, tuple[Any, Any]]]:
    before, after = (decrypt_fields(type(one), one.id, sealed) for sealed in (old, new))
    for name in before:
        if before[name] != after[name]:
            yield name, (before[name], after[name]) if _is_kept(one, name) else (None, None)
