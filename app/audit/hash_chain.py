"""Sealing the entries of a clinic, stretch by stretch, and looking whether the seals are whole.

Each seal is an HMAC over the seal before it and the entries since: who can write to the database, but does not know
SECRET_KEY, can neither change, remove, swap nor slip in an entry without a seal telling.
"""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.clock import now
from app.core.key_derivation import key_for

# An entry is written right before its commit, and no transaction stays idle for longer than a minute: what is older
# than this is all there, and nothing with a smaller number can still come.
SETTLED: Final = timedelta(minutes=2)
MOST_IN_A_SEAL: Final = 10_000
_NONE_YET: Final = b""

_COLUMNS: Final = (
    "number, clinic_id, at, user_id, api_key_id, address, request_id, operation, act, subject, ids, fields, digest"
)
_WAITING: Final = text("""
SELECT c.id AS clinic_id, coalesce(s.number, 0) AS number, coalesce(s.up_to, 0) AS up_to, s.seal
FROM clinics c
LEFT JOIN LATERAL (
  SELECT number, up_to, seal FROM audit_seals WHERE clinic_id = c.id ORDER BY number DESC LIMIT 1
) s ON true
LEFT JOIN audit_entries e ON e.number = s.up_to
WHERE EXISTS (
  SELECT 1 FROM audit_entries n
  WHERE n.clinic_id = c.id AND n.at >= coalesce(e.at, '-infinity') - interval '5 minutes'
    AND n.at < clock_timestamp() - make_interval(secs => :settled) AND n.number > coalesce(s.up_to, 0)
)
LIMIT 1
""")
_STRETCH: Final = f"""
SELECT max(number) AS up_to, count(*) AS entries,
  string_agg(sha256(convert_to(entry::text, 'UTF8')), ''::bytea ORDER BY number) AS digests
FROM (
  SELECT number, ROW({_COLUMNS}) AS entry FROM audit_entries
  WHERE clinic_id = :clinic AND number > :after {{bound}} ORDER BY number LIMIT :most
) AS stretch
"""  # noqa: S608  (the names are written above)
_NEXT: Final = text(_STRETCH.format(bound="AND at < clock_timestamp() - make_interval(secs => :settled)"))
_SEALED: Final = text(_STRETCH.format(bound="AND number <= :up_to"))
_INSERT: Final = text(
    "INSERT INTO audit_seals (clinic_id, number, up_to, entries, seal, sealed_at)"
    " VALUES (:clinic, :number, :up_to, :entries, :seal, :at)"
)
# A change may be gone, with the person it told of; it may not be another.
_CHANGES: Final = text("""
SELECT e.number FROM audit_entries e LEFT JOIN audit_changes c ON c.entry = e.number
WHERE e.clinic_id = :clinic AND e.digest IS NOT NULL AND (
  sha256(c.sealed) <> e.digest
  OR c.entry IS NULL AND NOT EXISTS (
    SELECT 1 FROM audit_entries x WHERE x.clinic_id = e.clinic_id AND x.act = 'erase' AND x.ids && e.ids
  )
)
ORDER BY e.number
""")
_SEALS: Final = text("SELECT number, up_to, entries, seal FROM audit_seals WHERE clinic_id = :clinic ORDER BY number")


@dataclass(frozen=True, slots=True)
class Break:
    """What does not hold, and between which entries it has to be looked; `seal` is None where it is a value."""

    clinic_id: UUID
    seal: int | None
    after: int
    up_to: int
    problem: str


def seal_next(session: Session, *, settled: timedelta = SETTLED) -> int:
    """Seal the next stretch of one clinic that has any; returns how many entries are in it."""
    waiting = session.execute(_WAITING, {"settled": settled.total_seconds()}).one_or_none()
    if waiting is None:
        return 0
    given = {"clinic": waiting.clinic_id, "after": waiting.up_to, "most": MOST_IN_A_SEAL}
    stretch = session.execute(_NEXT, {**given, "settled": settled.total_seconds()}).one()
    made = {"number": waiting.number + 1, "up_to": stretch.up_to, "entries": stretch.entries, "at": now()}
    session.execute(_INSERT, {**given, **made, "seal": _seal(waiting.seal or _NONE_YET, stretch.digests)})
    return int(stretch.entries)


def verify(session: Session, clinic_id: UUID) -> Iterator[Break]:
    """Whatever of the clinic's does not hold. A seal that was taken out is noticed at the next."""
    before, after = _NONE_YET, 0
    for place, kept in enumerate(session.execute(_SEALS, {"clinic": clinic_id}).all(), start=1):
        stretch = {"clinic": clinic_id, "after": after, "up_to": kept.up_to, "most": kept.entries + 1}
        problem = f"seal {place} is missing" if kept.number != place else _problem(session, stretch, kept, before)
        if problem:
            yield Break(clinic_id, kept.number, after, kept.up_to, problem)
        before, after = kept.seal, kept.up_to
    for number in session.scalars(_CHANGES, {"clinic": clinic_id}):
        yield Break(clinic_id, None, number - 1, number, "the values before and after are not those that were written")


def _problem(session: Session, stretch: Mapping[str, Any], kept: Any, before: bytes) -> str | None:
    found = session.execute(_SEALED, stretch).one()
    if found.entries != kept.entries:
        return f"{kept.entries} entries were sealed, {found.entries} or more are there"
    if not hmac.compare_digest(kept.seal, _seal(before, found.digests)):
        return "an entry, or the seal, is not what was sealed"
    return None


def _seal(before: bytes, digests: bytes | None) -> bytes:
    return hmac.digest(key_for("audit"), before + (digests or b""), hashlib.sha256)
