"""Fill the search keys of leads, in the transaction that changes them, or by the sweep."""

from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, event, inspect, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapper, Session

from app.core.db import insert_many, update_many
from app.core.type_aliases import ColumnDict, ColumnValues
from app.leads.models import Lead
from app.leads.search.by_text.keys import ENCRYPTED, FIELDS, lead_keys
from app.leads.search.by_text.models import IS_WAITING, LeadSearch
from app.leads.timeline.models import IS_NOT_INDEXED, Activity
from app.security.encrypted_fields import decrypt_or_none
from app.security.search_keys import TextKind, word_keys

NAME: Final = "index_for_search"  # of the sweep
BATCH: Final = 1000

_WAITING: Final = text(
    f"SELECT s.id FROM lead_search s WHERE {IS_WAITING} ORDER BY id DESC LIMIT :most FOR NO KEY UPDATE SKIP LOCKED"  # noqa: S608  (constants)
).columns(LeadSearch.id)
_NEXT: Final = text(
    "SELECT s.id FROM lead_search s WHERE id > :after ORDER BY id LIMIT :most FOR NO KEY UPDATE"
).columns(LeadSearch.id)
_NOT_INDEXED: Final = text(
    f"SELECT id, clinic_id, sealed FROM lead_activities WHERE {IS_NOT_INDEXED}"  # noqa: S608  (constants)
    " ORDER BY id DESC LIMIT :most FOR NO KEY UPDATE SKIP LOCKED"
)
_REPLACE: Final = "ON CONFLICT (id) DO UPDATE SET keys = excluded.keys, has_notes = excluded.has_notes"
_PLAIN: Final = select(
    Lead.id, Lead.clinic_id, Lead.sealed, *(getattr(Lead, name) for name in FIELDS if name not in ENCRYPTED)
)


def search_row(lead: ColumnValues) -> ColumnDict:
    """Return the row of `lead_search` of a lead with its decrypted fields."""
    keys = lead_keys(lead["clinic_id"], lead)
    return {"id": lead["id"], "clinic_id": lead["clinic_id"], "keys": keys, "has_notes": True}


def index_new(session: Session, leads: Iterable[ColumnValues]) -> None:
    """Fill the rows of leads that were inserted together."""
    rows = [search_row(lead) for lead in leads]
    insert_many(session, LeadSearch, rows, tail=_REPLACE)


def index_waiting(session: Session) -> int:
    """Index the next leads and timeline entries that wait for it; returns how many."""
    return _index_leads(session) + _index_notes(session)


def reindex_leads(session: Session, after: UUID) -> tuple[int, UUID | None]:
    """Compute the keys of the next leads after this id again; return how many, and the last id (None: end)."""
    ids = session.scalars(_NEXT, {"after": after, "most": BATCH}).all()
    _write(session, ids)
    return len(ids), ids[-1] if ids else None


def _index_leads(session: Session) -> int:
    ids = session.scalars(_WAITING, {"most": BATCH}).all()
    _write(session, ids)
    return len(ids)


def _write(session: Session, ids: Sequence[UUID]) -> None:
    rows = session.execute(_PLAIN.where(Lead.id.in_(ids))).all() if ids else []
    found = [{**row._asdict(), **decrypt_or_none(Lead, row.id, row.sealed)} for row in rows]
    update_many(session, LeadSearch, [search_row(lead) for lead in found], ("keys", "has_notes"))


def _index_notes(session: Session) -> int:
    rows = session.execute(_NOT_INDEXED, {"most": BATCH}).all()
    notes = {row.id: decrypt_or_none(Activity, row.id, row.sealed)["notes"] for row in rows}
    words = [
        {"id": row.id, "notes_blind": word_keys(row.clinic_id, TextKind.NOTES, notes[row.id] or "")} for row in rows
    ]
    update_many(session, Activity, words, ("notes_blind",))
    return len(rows)


@event.listens_for(Lead, "after_insert")
@event.listens_for(Lead, "after_update")
def _index_changed(_: Mapper[Any], connection: Connection, lead: Lead) -> None:
    """Index a lead whose searched fields have changed in the session."""
    state = inspect(lead)
    columns = ("sealed" if name in ENCRYPTED else name for name in FIELDS)
    if not any(state.attrs[name].history.has_changes() for name in columns):
        return
    row = search_row({"id": lead.id, "clinic_id": lead.clinic_id, **{name: getattr(lead, name) for name in FIELDS}})
    statement = insert(LeadSearch).values(row)
    written = {name: row[name] for name in ("keys", "has_notes")}
    connection.execute(statement.on_conflict_do_update(index_elements=[LeadSearch.id], set_=written))
