"""Whether this process has the keys that the others seal with: a wrong one is found at the start, not in the data.

Beside the data stands something that each key has sealed. Who can't open it has another key of that name.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import LargeBinary, Text, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.crypto import Unreadable, current_key, place_of, seal, trusted_keys, unseal
from app.db import Base, transaction

_SAID: Final = b"Every lead hears back."
_KEEP: Final = text("INSERT INTO key_checks (name, sealed) VALUES (:name, :sealed) ON CONFLICT (name) DO NOTHING")
_KEPT: Final = text("SELECT name, sealed FROM key_checks ORDER BY name")


class KeyCheck(Base):
    """What a key has sealed, to try keys of its name against."""

    __tablename__ = "key_checks"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


def wrong_keys(session: Session) -> Sequence[str]:
    """The names of keys that are others here than where they were first used. The current one is used from now on."""
    name = current_key()
    session.execute(_KEEP, {"name": name, "sealed": seal(_SAID, place=_place(name))})
    return [
        row.name for row in session.execute(_KEPT) if row.name in trusted_keys() and not _opens(row.name, row.sealed)
    ]


def require_right_keys() -> None:
    """End this process where it has a wrong key. A database that does not answer yet is asked again by `/readyz`."""
    try:
        with transaction() as session:
            wrong = wrong_keys(session)
    except SQLAlchemyError:
        return
    if wrong:
        raise SystemExit(f"relance: {problem_with(wrong)}")


def problem_with(wrong: Sequence[str]) -> str:
    """In one line, for whoever starts it."""
    names = ", ".join(wrong)
    return f"not the encryption key that the data is sealed with: {names} (ENCRYPTION_KEYS, or SECRET_KEY for 0)"


def _opens(name: str, sealed: bytes) -> bool:
    try:
        return unseal(sealed, place=_place(name)) == _SAID
    except Unreadable:
        return False


def _place(name: str) -> str:
    return place_of(KeyCheck.__tablename__, "sealed", name)
