"""Lookup of the leads that new rows are about, by the blind indexes of phone numbers and e-mail addresses.

Many rows are looked up with one statement. A job that looks for leads before it writes holds the capture lock of the
clinic until its commit, so that no person becomes two leads.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core.database.arrays import bytea_array
from app.core.key_derivation import has_other_blind_index_keys
from app.core.type_aliases import ColumnValues
from app.leads.models import NEWEST_ORDER, Lead
from app.security.encrypted_fields import (
    BLIND_INDEX_SUFFIX,
    MAIN_FORM_SUFFIX,
    blind_indexes,
    decrypt_fields,
    encrypted_fields_of,
)

# Column of a lead → kind of values.
BLIND_INDEXES: Final[Mapping[str, str]] = {
    "phone_blind": "phones",
    "phone_alt_blind": "phones",
    "email_main_blind": "emails",
    "email_blind": "emails",
}

_NEWEST: Final = (
    "SELECT 1 AS rank, newest.id, given.way FROM unnest(CAST(:{ways} AS bytea[])) AS given(way) CROSS JOIN LATERAL ("  # noqa: S608
    "SELECT id FROM leads WHERE clinic_id = :clinic AND deleted_at IS NULL AND {column} = given.way"
    f" ORDER BY {NEWEST_ORDER} LIMIT 1) AS newest"
)
_SURVIVOR: Final = (
    "SELECT 0, survivor.id, given.way FROM unnest(CAST(:{ways} AS bytea[])) AS given(way) CROSS JOIN LATERAL ("  # noqa: S608
    "SELECT merged_into_id FROM leads WHERE clinic_id = :clinic AND merged_into_id IS NOT NULL AND {column} = given.way"
    f" ORDER BY {NEWEST_ORDER} LIMIT 1) AS merged"
    # OFFSET keeps the condition out of the look-up by id: with it, another index of live leads may be read in full.
    " CROSS JOIN LATERAL (SELECT id, deleted_at FROM leads WHERE id = merged.merged_into_id OFFSET 0) AS survivor"
    " WHERE survivor.deleted_at IS NULL"
)
_KNOWN: Final = text(
    " UNION ALL ".join(
        part.format(ways=kind, column=name) for part in (_NEWEST, _SURVIVOR) for name, kind in BLIND_INDEXES.items()
    )
)
# While an import fills the table, its statistics may be those of an empty one. Then all indexes seem to cost the same,
# and another one would be read in full for each row. Only the right one returns the newest lead without a sort.
_AVOID_SORTS: Final = text("SET LOCAL enable_sort = off")
_ALLOW_SORTS: Final = text("SET LOCAL enable_sort TO DEFAULT")


_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtext('import'), hashtext(CAST(:clinic AS text)))")
_SHARE_LOCK: Final = text("SELECT pg_advisory_xact_lock_shared(hashtext('import'), hashtext(CAST(:clinic AS text)))")


def lock_capture(session: Session, clinic_id: UUID) -> None:
    """Wait for other jobs that look for leads and write, and for single captures that refuse duplicates."""
    session.execute(_LOCK, {"clinic": clinic_id})


def share_capture_lock(session: Session, clinic_id: UUID) -> None:
    """Wait for such jobs, but not for other single captures."""
    session.execute(_SHARE_LOCK, {"clinic": clinic_id})


def blind_indexes_of_row(row: ColumnValues) -> list[bytes]:
    """Return the blind indexes of a row's phone numbers and address, in the order in which they find a lead."""
    return [way for name in BLIND_INDEXES if (way := row.get(name))]


def newest_leads(session: Session, clinic_id: UUID, rows: Iterable[ColumnValues]) -> dict[bytes, UUID]:
    """Return the newest lead for each blind index in `rows`, if there is one; else the one that it merged into.

    Leads with a blind index by another key are found as well.
    """
    ways: dict[str, set[bytes]] = {kind: set() for kind in BLIND_INDEXES.values()}
    same: dict[bytes, bytes] = {}  # blind index by any key → by the current key
    for row in rows:
        for column, kind in BLIND_INDEXES.items():
            if row.get(column):
                indexes = _all_indexes(clinic_id, column, row)
                ways[kind].update(indexes)
                same.update((index, row[column]) for index in indexes)
    given = {kind: bytea_array(values) for kind, values in ways.items()}
    session.execute(_AVOID_SORTS)
    found = session.execute(_KNOWN, {"clinic": clinic_id, **given}).all()
    session.execute(_ALLOW_SORTS)
    return {same[bytes(row.way)]: row.id for row in sorted(found)}


def _all_indexes(clinic_id: UUID, column: str, row: ColumnValues) -> Sequence[bytes]:
    """Return the blind indexes of a row's value by all keys. A row of `encrypt_row` has the one by the current key."""
    if not has_other_blind_index_keys():
        return [row[column]]
    name = column.removesuffix(MAIN_FORM_SUFFIX if column.endswith(MAIN_FORM_SUFFIX) else BLIND_INDEX_SUFFIX)
    field, value = encrypted_fields_of(Lead)[name], decrypt_fields(Lead, row["id"], row["sealed"])[name]
    to_main = field.main_form if column.endswith(MAIN_FORM_SUFFIX) else None
    return blind_indexes(clinic_id, field.index, to_main(value) if to_main else value)
