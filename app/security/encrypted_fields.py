"""Encrypted fields: the encrypted values of a row stand together in its column `sealed`.

They are bound to their row (see app/security/encryption.py): copied into another row, they do not decrypt. A field that
is searched by value has a blind index beside it: equal values have equal hashes, which do not reveal the value.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

import structlog

from app.core.key_derivation import mark_key_for
from app.security.encryption import Unreadable, place_of, seal_json, unseal_json

log = structlog.get_logger()

BLIND: Final = "_blind"  # how the column of a blind index ends, after the field's name
_BLIND_BYTES: Final = 16


class SealedField:
    """A field of a model that is kept in the row's `sealed`; to be read and set like any other, but not in SQL.

    `blind` names the values that it shares a blind index with: a phone number is the same in either of two fields.
    The row has its id, and its `clinic_id` where a blind index needs one, before the field is set.
    """

    def __init__(self, *, blind: str | None = None, read: Callable[[str], Any] | None = None) -> None:
        self.blind = blind
        self.read = read

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, row: Any, owner: type | None = None) -> Any:
        return self if row is None else _open(type(row), row.id, row.sealed).get(self.name)

    def __set__(self, row: Any, value: Any) -> None:
        known = _open(type(row), row.id, row.sealed)
        if known.get(self.name) == value:
            return
        row.sealed = _seal(type(row), row.id, {**known, self.name: value})
        if self.blind:
            setattr(row, self.name + BLIND, blind(row.clinic_id, self.blind, value))


def sealed_row(model: Any, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row to be inserted: its sealed fields give way to the columns that they are kept in."""
    fields = fields_of(model)
    kept = {name: value for name, value in row.items() if name not in fields}
    kept["sealed"] = _seal(model, row["id"], {name: row.get(name) for name in fields})
    for name, field in fields.items():
        if field.blind:
            kept[name + BLIND] = blind(row["clinic_id"], field.blind, row.get(name))
    return kept


def opened(model: Any, row: Any, *, is_needed: bool = True) -> SimpleNamespace:
    """A row of a query for all columns, with its sealed fields instead of the columns that they are kept in.

    Raises Unreadable, if it is needed.
    """
    columns = dict(row._mapping)  # noqa: SLF001  (a Row's public way to its names)
    fields = (open_fields if is_needed else open_or_none)(model, columns["id"], columns.pop("sealed"))
    for name, field in fields_of(model).items():
        if field.blind:
            del columns[name + BLIND]
    return SimpleNamespace(**columns, **fields)


def open_rows(model: Any, rows: Iterable[Any]) -> list[Any]:
    """The rows of a query for all columns of a model, opened where it has sealed fields.

    One that no key opens has none of them, and an error is logged: it is not to keep all others from being read.
    """
    return [opened(model, row, is_needed=False) for row in rows] if fields_of(model) else list(rows)


def open_or_none(model: Any, row_id: Any, sealed: bytes | None) -> Mapping[str, Any]:
    """The sealed fields of one row among many: none of them where no key opens them."""
    try:
        return open_fields(model, row_id, sealed)
    except Unreadable as problem:
        log.error("sealed.unreadable", place=str(problem))  # noqa: TRY400  (the place says it all)
        return dict.fromkeys(fields_of(model))


def open_fields(model: Any, row_id: Any, sealed: bytes | None) -> Mapping[str, Any]:
    """The sealed fields of a row, all of them. Raises Unreadable."""
    known = _open(model, row_id, sealed)
    return {name: known.get(name) for name in fields_of(model)}


def blind(clinic_id: UUID, kind: str | None, value: str | None) -> bytes | None:
    """The mark of a value, for a blind index: the same in whatever case it is written, another in each clinic."""
    if value is None:
        return None
    said = f"{clinic_id}:{kind}:{value.strip().lower()}".encode()
    return hmac.digest(mark_key_for("blind index"), said, hashlib.sha256)[:_BLIND_BYTES]


@lru_cache(maxsize=64)
def fields_of(model: Any) -> Mapping[str, SealedField]:
    """The sealed fields of a model, by name."""
    return {name: field for name, field in vars(model).items() if isinstance(field, SealedField)}


def _seal(model: Any, row_id: Any, fields: Mapping[str, Any]) -> bytes | None:
    said = {name: value for name, value in fields.items() if value is not None}
    return seal_json(said, place=place_of(model.__tablename__, "sealed", row_id)) if said else None


def _open(model: Any, row_id: Any, sealed: bytes | None) -> dict[str, Any]:
    if sealed is None:
        return {}
    said: dict[str, Any] = unseal_json(sealed, place=place_of(model.__tablename__, "sealed", row_id))
    for name, read in _readers(model):
        if name in said:
            said[name] = read(said[name])
    return said


@lru_cache(maxsize=64)
def _readers(model: Any) -> Sequence[tuple[str, Callable[[str], Any]]]:
    """Of those fields that are not just text."""
    return [(name, field.read) for name, field in fields_of(model).items() if field.read is not None]
