"""Whether this process has the keys that the others use: a wrong or missing one is found at the start, not in the data.

Beside the data stands something that each key has sealed. Who can't open it has another key of that name, or none. A
key is needed until it is retired: `relance keys rotate` does that when nothing is left that it would seal anew.
Beside them stands a mark, for MARKS_KEY seals nothing.
"""

import hashlib
import hmac
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from sqlalchemy import LargeBinary, Text, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.clock import now
from app.core.db import Base, transaction
from app.core.key_derivation import mark_key_for
from app.security.encryption import Unreadable, current_key, known_keys, place_of, seal, trusted_keys, unseal

MARKS: Final = "MARKS_KEY"  # the row of the mark; an encryption key can't be named so, for its _
_SAID: Final = b"Every lead hears back."
_KEPT: Final = text("SELECT name, sealed, retired_at FROM key_checks ORDER BY name")
_KEEP: Final = text(
    "INSERT INTO key_checks (name, sealed) VALUES (:name, :sealed) ON CONFLICT (name) DO UPDATE SET retired_at = NULL"
)
_REPLACE: Final = text(
    "INSERT INTO key_checks (name, sealed) VALUES (:name, :sealed) ON CONFLICT (name) DO UPDATE SET sealed = :sealed"
)
_RETIRE: Final = text(
    "UPDATE key_checks SET retired_at = :now WHERE name <> :marks AND name <> ALL(:needed) AND retired_at IS NULL"
    " AND (CAST(:only AS text) IS NULL OR name = :only) RETURNING name"
)


class KeyCheck(Base):
    """What a key has sealed, to try keys of its name against; or what a known text is marked with."""

    __tablename__ = "key_checks"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    retired_at: Mapped[datetime | None]  # from then on nobody has to have it


class Fault(StrEnum):
    """What can be wrong with a key."""

    OTHER = "other"  # it is another one than where it was first used
    MISSING = "missing"  # something is sealed with it, and it is not here
    MARKS = "marks"  # addresses are marked, and suppressed, with another one


class Misfit(NamedTuple):
    """A key by its name, and what is wrong with it."""

    name: str
    fault: Fault


_WORDS: Final = {
    Fault.OTHER: "not the encryption key that the data is sealed with: {} (ENCRYPTION_KEYS, or SECRET_KEY for 0)",
    Fault.MISSING: "not here, and something is sealed with it: {} (ENCRYPTION_KEYS)",
    Fault.MARKS: "not the key that addresses are marked and opt-outs are kept with: {} (or SECRET_KEY without it)",
}


def find_misfits(session: Session) -> Sequence[Misfit]:
    """What is wrong with this process's keys. The current one, and that of the marks, are needed from now on."""
    kept = _kept(session)
    if unkept := _unkept(kept):
        session.execute(_KEEP, unkept)
        kept = _kept(session)  # another process may have been first
    return [Misfit(name, fault) for name, row in kept.items() if (fault := _fault_of(row))]


def require_right_keys() -> None:
    """End this process where it has a wrong key. A database that does not answer yet is asked again by `/readyz`."""
    try:
        with transaction() as session:
            misfits = find_misfits(session)
    except SQLAlchemyError:
        return
    if misfits:
        raise SystemExit(f"relance: {problem_with(misfits)}")


def problem_with(misfits: Iterable[Misfit]) -> str:
    """In one line, for whoever starts it."""
    names: dict[Fault, list[str]] = {}
    for name, fault in misfits:
        names.setdefault(fault, []).append(name)
    return "; ".join(_WORDS[fault].format(", ".join(of_it)) for fault, of_it in names.items())


def unusable_keys(session: Session, names: Collection[str]) -> Sequence[str]:
    """Which of these are not here, or are others: also of those that are retired, which nobody has to have."""
    kept = _kept(session)
    return sorted(name for name in names if name not in known_keys() or (name in kept and not _opens(kept[name])))


def adopt_marks(session: Session) -> None:
    """From now on the marks of this process are the right ones: MARKS_KEY was changed on purpose."""
    session.execute(_REPLACE, {"name": MARKS, "sealed": _mark()})


def retire_unused(session: Session, used: Collection[str]) -> Sequence[str]:
    """Nobody has to have the keys that are not among these, but for the current one. Their names."""
    return _retire(session, needed=[*used, current_key()])


def retire(session: Session, name: str) -> bool:
    """Nobody has to have this key any more, whatever it has sealed; whether it was needed. The current one stays so."""
    return bool(_retire(session, needed=[current_key()], only=name))


def _retire(session: Session, *, needed: Sequence[str], only: str | None = None) -> Sequence[str]:
    given = {"now": now(), "marks": MARKS, "needed": needed, "only": only}
    return session.scalars(_RETIRE, given).all()


def _kept(session: Session) -> Mapping[str, Any]:
    return {row.name: row for row in session.execute(_KEPT)}


def _unkept(kept: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Rows to be written: once in the life of a key, for probes come often and are only to read.

    Who comes with another key of a retired one's name is not to make all others need that again.
    """
    current, unkept = current_key(), []
    if current not in kept or (kept[current].retired_at and _opens(kept[current])):
        unkept.append({"name": current, "sealed": seal(_SAID, place=_place(current))})
    if MARKS not in kept:
        unkept.append({"name": MARKS, "sealed": _mark()})
    return unkept


def _fault_of(row: Any) -> Fault | None:
    if row.name == MARKS:
        return None if hmac.compare_digest(row.sealed, _mark()) else Fault.MARKS
    if row.name not in known_keys():
        return None if row.retired_at else Fault.MISSING
    # The key `0` is always here, from whatever SECRET_KEY: once retired, nobody meant it to open anything.
    is_meant = row.name in trusted_keys() or not row.retired_at
    return Fault.OTHER if is_meant and not _opens(row) else None


def _opens(row: Any) -> bool:
    try:
        return unseal(row.sealed, place=_place(row.name)) == _SAID
    except Unreadable:
        return False


def _mark() -> bytes:
    return hmac.digest(mark_key_for("key check"), _SAID, hashlib.sha256)


def _place(name: str) -> str:
    return place_of(KeyCheck.__tablename__, "sealed", name)
