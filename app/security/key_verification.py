"""Key verification: find a wrong or missing key at process start, before it damages data.

The table `key_checks` has a known text encrypted with each key. A process that cannot decrypt it has another key of
that name, or none. A key is needed until it is retired. `relance keys rotate` retires a key when no value needs it.
For BLIND_INDEX_KEY, which encrypts nothing, the table has a keyed hash of the known text.
"""

import hashlib
import hmac
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from sqlalchemy import LargeBinary, Text, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.clock import now
from app.core.db import Base, transaction
from app.core.key_derivation import blind_index_key, blind_index_keys
from app.core.type_aliases import ColumnValues
from app.security.encryption import (
    DecryptionError,
    configured_keys,
    current_key_name,
    decrypt,
    encrypt,
    encryption_context,
    known_key_names,
)

BLIND_INDEX_CHECK: Final = "MARKS_KEY"  # name of its row, as in older versions; names of encryption keys have no _
_KNOWN_TEXT: Final = b"Every lead hears back."
_CHECK_PURPOSE: Final = "key check"
_SELECT: Final = text("SELECT name, sealed, retired_at FROM key_checks ORDER BY name")
_NEEDED: Final = text("SELECT name FROM key_checks WHERE name = ANY(:names) AND retired_at IS NULL ORDER BY name")
_INSERT: Final = text(
    "INSERT INTO key_checks (name, sealed) VALUES (:name, :sealed) ON CONFLICT (name) DO UPDATE SET retired_at = NULL"
)
_REPLACE: Final = text(
    "INSERT INTO key_checks (name, sealed) VALUES (:name, :sealed) ON CONFLICT (name) DO UPDATE SET sealed = :sealed"
)
_RETIRE: Final = text(
    "UPDATE key_checks SET retired_at = :now WHERE name <> :blind_index AND name <> ALL(:needed) AND retired_at IS NULL"
    " AND (CAST(:only AS text) IS NULL OR name = :only) RETURNING name"
)


class KeyCheck(Base):
    """A known text encrypted with one key, or hashed with the blind index key."""

    __tablename__ = "key_checks"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    retired_at: Mapped[datetime | None]  # from then on processes may start without the key


class Fault(StrEnum):
    """The possible problems of a key."""

    OTHER = "other"  # not the key that first used this name
    MISSING = "missing"  # values are encrypted with it, but this process does not have it
    BLIND_INDEX = "marks"  # blind indexes and the suppression list use another key


class KeyProblem(NamedTuple):
    """The name of a key, and its problem."""

    name: str
    fault: Fault


_MESSAGES: Final = {
    Fault.OTHER: "the data was encrypted with another key of this name: {} (ENCRYPTION_KEYS, or SECRET_KEY for 0)",
    Fault.MISSING: "data is encrypted with a key that is missing here: {} (ENCRYPTION_KEYS)",
    Fault.BLIND_INDEX: "blind indexes and opt-outs use another BLIND_INDEX_KEY (or SECRET_KEY, if that is not set)",
}


def find_key_problems(session: Session) -> Sequence[KeyProblem]:
    """Return the problems of this process's keys. Registers the current key and the blind index key on first use."""
    rows = _check_rows(session)
    if missing := _missing_rows(rows):
        session.execute(_INSERT, missing)
        rows = _check_rows(session)  # another process may have been first
    return [KeyProblem(name, fault) for name, row in rows.items() if (fault := _fault_of(row))]


def require_valid_keys() -> None:
    """Exit if a key is wrong. If the database does not answer yet, `/readyz` checks again. Raises SystemExit."""
    try:
        with transaction() as session:
            problems = find_key_problems(session)
    except SQLAlchemyError:
        return
    if problems:
        raise SystemExit(f"relance: {describe_problems(problems)}")


def describe_problems(problems: Iterable[KeyProblem]) -> str:
    """Return the problems as one line for the operator."""
    names: dict[Fault, list[str]] = {}
    for name, fault in problems:
        names.setdefault(fault, []).append(name)
    return "; ".join(_MESSAGES[fault].format(", ".join(of_it)) for fault, of_it in names.items())


def unusable_keys(session: Session, names: Collection[str]) -> Sequence[str]:
    """Return those of these keys that this process lacks or has wrong, retired ones included."""
    rows = _check_rows(session)
    known = known_key_names()
    return sorted(name for name in names if name not in known or (name in rows and not _decrypts(rows[name])))


def needed_keys(session: Session, names: Collection[str]) -> Sequence[str]:
    """Return those of these keys that processes have to have: not the retired and forgotten ones."""
    return session.scalars(_NEEDED, {"names": [*names]}).all()


def adopt_blind_index_key(session: Session) -> None:
    """Register this process's blind index key as the right one, after an intended change of BLIND_INDEX_KEY."""
    session.execute(_REPLACE, {"name": BLIND_INDEX_CHECK, "sealed": _own_blind_index_check()})


def retire_unused(session: Session, used: Collection[str]) -> Sequence[str]:
    """Retire all keys except these and the current one. Returns the names of the retired keys."""
    return _retire(session, needed=[*used, current_key_name()])


def retire(session: Session, name: str) -> bool:
    """Retire this key, even if values need it. Returns whether it was in use. The current key cannot be retired."""
    return bool(_retire(session, needed=[current_key_name()], only=name))


def _retire(session: Session, *, needed: Sequence[str], only: str | None = None) -> Sequence[str]:
    given = {"now": now(), "blind_index": BLIND_INDEX_CHECK, "needed": needed, "only": only}
    return session.scalars(_RETIRE, given).all()


def _check_rows(session: Session) -> ColumnValues:
    return {row.name: row for row in session.execute(_SELECT)}


def _missing_rows(rows: ColumnValues) -> Sequence[ColumnValues]:
    """Return the check rows to insert. Each key is written once, so that frequent probes only read.

    A wrong key with the name of a retired one must not make that name needed again.
    """
    current, missing = current_key_name(), []
    if current not in rows or (rows[current].retired_at and _decrypts(rows[current])):
        missing.append({"name": current, "sealed": encrypt(_KNOWN_TEXT, context=_context(current))})
    if BLIND_INDEX_CHECK not in rows:
        missing.append({"name": BLIND_INDEX_CHECK, "sealed": _own_blind_index_check()})
    return missing


def _fault_of(row: Any) -> Fault | None:
    if row.name == BLIND_INDEX_CHECK:
        checks = map(_blind_index_check, blind_index_keys(_CHECK_PURPOSE))
        return None if any(hmac.compare_digest(row.sealed, check) for check in checks) else Fault.BLIND_INDEX
    if row.name not in known_key_names():
        return None if row.retired_at else Fault.MISSING
    # The derived key `0` always exists. Once retired, it does not have to match.
    is_meant = row.name in configured_keys() or not row.retired_at
    return Fault.OTHER if is_meant and not _decrypts(row) else None


def _decrypts(row: Any) -> bool:
    try:
        return decrypt(row.sealed, context=_context(row.name)) == _KNOWN_TEXT
    except DecryptionError:
        return False


def _own_blind_index_check() -> bytes:
    return _blind_index_check(blind_index_key(_CHECK_PURPOSE))


def _blind_index_check(key: bytes) -> bytes:
    return hmac.digest(key, _KNOWN_TEXT, hashlib.sha256)


def _context(name: str) -> str:
    return encryption_context(KeyCheck.__tablename__, "sealed", name)
