"""Sealing anew what other keys have sealed, while everything runs: a few rows at a time, each time a transaction.

The record's changes (`audit_changes`) stay as they are: nothing may change there, and their seals are in its chain. The
keys that they were sealed with are kept as long as they are. Kept answers are gone after a day.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core.db import model_of
from app.security.encrypted_fields import BLIND, blind, fields_of
from app.security.encryption import Unreadable, current_key, place_of, seal_json, unseal_json

AT_A_TIME: Final = 500


class Store(NamedTuple):
    """Where something is sealed: a table, the columns that tell its rows apart, and the sealed one."""

    table: str
    key: Sequence[str]
    column: str = "sealed"

    def place(self, row: Any) -> str:
        """What the row's value is sealed for, as whoever seals it says."""
        return place_of(self.table, self.column, *(getattr(row, name) for name in self.key))


STORES: Final = (
    Store("leads", ["id"]),
    Store("lead_activities", ["id"]),
    Store("notifications", ["id"]),
    Store("gateways", ["id"]),
    Store("job_items", ["job_id", "position"], "lead_sealed"),
    Store("import_rows", ["import_id", "position"], "cells_sealed"),
)
# What is never written anew, and what is gone after a day.
_LEFT: Final = (Store("audit_changes", ["entry"]), Store("kept_answers", ["key"], "body"))


def census(session: Session) -> list[dict[str, Any]]:
    """How many values of each table are sealed with which key."""
    return [
        {"table": store.table, "key": row.name, "values": row.number, "is_current": row.name == current_key()}
        for store in (*STORES, *_LEFT)
        for row in session.execute(_census(store))
    ]


def keys_in_use(session: Session) -> set[str]:
    """The names of those that something is sealed with which `reseal` would seal anew: they can't be done without."""
    return {row.name for store in STORES for row in session.execute(_census(store))}


class Resealed(NamedTuple):
    """How many rows were sealed anew, how many no key opens, and the key of the last: None at the end."""

    done: int
    unreadable: int
    after: Sequence[Any] | None


def reseal(session: Session, store: Store, *, after: Sequence[Any] | None, every: bool) -> Resealed:
    """Seal the next few rows after this key with the current key; with `every` also those that it has sealed already.

    The marks of leads are made anew along with it. What no key opens stays as it is.
    """
    given = {f"after_{name}": value for name, value in zip(store.key, after or (), strict=False)}
    mine = b"" if every else f"{current_key()}:".encode()
    found = session.execute(_next(store, is_first=after is None), {**given, "mine": mine, "most": AT_A_TIME}).all()
    if not found:
        return Resealed(0, 0, None)
    if anew := [changed for row in found if (changed := _anew(store, row))]:
        session.execute(_update(store), anew)
    return Resealed(len(anew), len(found) - len(anew), tuple(getattr(found[-1], name) for name in store.key))


def _anew(store: Store, row: Any) -> dict[str, Any] | None:
    try:
        said = unseal_json(row.value, place=store.place(row))
    except Unreadable:
        return None
    marks = {mark: blind(row.clinic_id, kind, said.get(name)) for mark, (name, kind) in _marks(store).items()}
    key = {name: getattr(row, name) for name in store.key}
    return {**key, **marks, "value": seal_json(said, place=store.place(row))}


def _marks(store: Store) -> Mapping[str, tuple[str, str | None]]:
    fields = fields_of(model_of(store.table))
    return {name + BLIND: (name, field.blind) for name, field in fields.items() if field.blind}


def _census(store: Store) -> Any:
    name = f"convert_from(substring({store.column} FROM 1 FOR position('\\x3a'::bytea IN {store.column}) - 1), 'UTF8')"
    return text(
        f"SELECT {name} AS name, count(*) AS number FROM {store.table} WHERE {store.column} IS NOT NULL"  # noqa: S608  (names of ours)
        " GROUP BY 1 ORDER BY 1"
    )


def _next(store: Store, *, is_first: bool) -> Any:
    key, column = ", ".join(store.key), store.column
    beyond = "" if is_first else f"AND ({key}) > ({', '.join(f':after_{name}' for name in store.key)})"
    columns = [*store.key, *(["clinic_id"] if _marks(store) else []), f"{column} AS value"]
    with_another = f"substring({column} FROM 1 FOR length(CAST(:mine AS bytea))) <> :mine"
    return text(
        f"SELECT {', '.join(columns)} FROM {store.table} WHERE {column} IS NOT NULL"  # noqa: S608  (as above)
        f" AND (:mine = ''::bytea OR {with_another}) {beyond} ORDER BY {key} LIMIT :most FOR NO KEY UPDATE"
    )


def _update(store: Store) -> Any:
    changes = [f"{store.column} = :value", *(f"{mark} = :{mark}" for mark in _marks(store))]
    these = " AND ".join(f"{name} = :{name}" for name in store.key)
    return text(f"UPDATE {store.table} SET {', '.join(changes)} WHERE {these}")  # noqa: S608  (as above)
