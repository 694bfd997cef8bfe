"""Audit log queries."""

import json
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import any_, literal, select
from sqlalchemy.orm import Session

from app.audit.audit_log import change_context
from app.audit.models import AuditChange, AuditEntry
from app.audit.redaction import hidden_ids, subjects_of_leads, visibility_of
from app.core.pagination import Key, Page, page
from app.core.type_aliases import JsonDict, JsonObject
from app.identity.actor import Actor
from app.security.encryption import DecryptionError, decrypt

LATEST_FIRST: Final[list[Key]] = [(AuditEntry.at, "desc"), (AuditEntry.number, "desc")]


def list_entries(session: Session, actor: Actor, query: JsonObject) -> Page:
    """Return a page of the clinic's entries, latest first, with the filters of `query` (as `AuditQuery` reads it).

    Ids and values of leads outside the actor's `lead:read` are left out, and private fields without `lead:private`.
    """
    entries = select(AuditEntry).where(
        AuditEntry.clinic_id == actor.clinic.id, AuditEntry.at >= query["from_"], AuditEntry.at < query["to"]
    )
    for name in query.keys() & {"user_id", "api_key_id", "act", "subject", "operation"}:
        entries = entries.where(getattr(AuditEntry, name) == query[name])
    if "subject_id" in query:
        entries = entries.where(literal(query["subject_id"]) == any_(AuditEntry.ids))
        entries = entries.where(AuditEntry.subject.not_in(_hidden_subjects(session, actor, query["subject_id"])))
    found = page(session, entries, LATEST_FIRST, query)
    changes = _changes(session, found.items)
    visibility = visibility_of(session, actor, [(entry.subject, entry.ids) for entry in found.items])
    shown = [{**_plain(entry), **_decrypted(entry, changes.get(entry.number))} for entry in found.items]
    return Page([visibility.redact(entry) for entry in shown], found.next_cursor, found.total_count)


def _hidden_subjects(session: Session, actor: Actor, subject_id: UUID) -> list[str]:
    """Return the subjects as which this id is hidden, so that the answer is the one for an unknown id."""
    return [subject for subject in subjects_of_leads() if hidden_ids(session, actor, subject, [subject_id])]


def _changes(session: Session, entries: Sequence[AuditEntry]) -> Mapping[int, bytes]:
    wanted = select(AuditChange.entry, AuditChange.sealed).where(AuditChange.entry.in_([e.number for e in entries]))
    return {row.entry: row.sealed for row in session.execute(wanted)}


def _plain(entry: AuditEntry) -> JsonDict:
    names = ("number", "at", "user_id", "api_key_id", "address", "request_id", "operation", "act", "subject", "ids")
    return {name: getattr(entry, name) for name in (*names, "fields")}


def _decrypted(entry: AuditEntry, sealed: bytes | None) -> JsonObject:
    """Return the values before and after. `is_readable` is false if they were erased or do not decrypt."""
    if entry.digest is None:
        return {"before": None, "after": None, "is_readable": True}
    try:
        values = json.loads(decrypt(sealed or b"", context=change_context(entry.clinic_id, entry.request_id)))
    except DecryptionError:
        return {"before": None, "after": None, "is_readable": False}
    return {**values, "is_readable": True}
