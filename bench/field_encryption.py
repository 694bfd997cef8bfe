"""Field encryption in a large database, in a process that has Relance's keys."""

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final
from uuid import UUID

import psycopg
from sqlalchemy import text

from app.core.db import new_id, transaction
from app.leads.models import Lead
from app.leads.search.by_text.index import index_waiting
from app.leads.timeline.models import Activity
from app.security.encrypted_fields import decrypt_or_none, encrypt_row

BATCH_SIZE: Final = 10_000
NOTE: Final = "They would like to start in the summer. "
_COLUMNS: Final = {Lead: ("sealed", "email_blind", "phone_blind"), Activity: ("sealed",)}


def encrypt_people(params: Mapping[str, Any]) -> int:
    """Set an encrypted address, number and sometimes a note on each lead, and a note on every other activity.

    Returns the number of rows. `params` may have `tables`, the names of the only tables to encrypt.
    """
    tables = params.get("tables", [model.__tablename__ for model in _COLUMNS])
    return sum(_encrypt_table(model) for model in _COLUMNS if model.__tablename__ in tables)


def index_for_search(_: Mapping[str, Any]) -> int:
    """Compute the search keys of all leads and notes, as the sweep does. Returns the number of rows."""
    with transaction() as session:
        session.execute(
            text("INSERT INTO lead_search (id, clinic_id) SELECT id, clinic_id FROM leads ON CONFLICT DO NOTHING")
        )
    done = 0
    while True:
        with transaction() as session:
            found = index_waiting(session)
        if not found:
            return done
        done += found


def time_encryption(params: Mapping[str, Any]) -> dict[str, float]:
    """Return the CPU milliseconds for encrypting one new lead and for decrypting 50. `params` has `leads`."""
    people = [{"id": new_id(), "clinic_id": new_id(), **_of_lead(place)} for place in range(params["leads"])]
    began = time.process_time()
    rows = [encrypt_row(Lead, person) for person in people]
    encrypted = time.process_time()
    for row in rows:
        decrypt_or_none(Lead, row["id"], row["sealed"])
    decrypted = time.process_time()
    each = 1000 / len(rows)
    return {"encrypt_one": (encrypted - began) * each, "decrypt_fifty": (decrypted - encrypted) * each * 50}


def _encrypt_table(model: Any) -> int:
    table, columns, done, after = model.__tablename__, _COLUMNS[model], 0, UUID(int=0)
    changes = ", ".join(f"{name} = new.{name}" for name in columns)
    types = ", ".join(f"{name} bytea" for name in columns)
    while rows := _next(table, after):
        with transaction() as session:
            driver: psycopg.Connection[Any] = session.connection().connection.driver_connection  # type: ignore[assignment]
            driver.execute(f"CREATE TEMP TABLE new (id uuid, {types}) ON COMMIT DROP".encode())
            with driver.cursor().copy(f"COPY new (id, {', '.join(columns)}) FROM STDIN".encode()) as copy:
                for row in _encrypted_rows(model, rows, done):
                    copy.write_row([row["id"], *(row[name] for name in columns)])
            driver.execute(f"UPDATE {table} SET {changes} FROM new WHERE {table}.id = new.id".encode())
        done, after = done + len(rows), rows[-1].id
    return done


def _next(table: str, after: UUID) -> list[Any]:
    with transaction() as session:
        wanted = text(f"SELECT id, clinic_id FROM {table} WHERE id > :after ORDER BY id LIMIT {BATCH_SIZE}")
        return list(session.execute(wanted, {"after": after}))


def _encrypted_rows(model: Any, rows: list[Any], done: int) -> Iterator[dict[str, Any]]:
    for place, row in enumerate(rows, done):
        fields = _of_lead(place) if model is Lead else {"notes": NOTE * (1 + place % 5) if place % 2 else None}
        yield encrypt_row(model, {"id": row.id, "clinic_id": row.clinic_id, **fields})


def _of_lead(place: int) -> dict[str, Any]:
    return {
        "email": f"ada.{place}@example.com",
        "phone": f"+1415{place:07d}",
        "notes": NOTE * 3 if place % 2 else None,
    }
