"""Hash chain of the audit log: extend it batch by batch, and verify it.

Each link is an HMAC over the previous link and the entries since. An attacker who can write to the database, but does
not know SECRET_KEY, cannot change, remove, reorder or insert entries undetected. The end of the chain can be cut off:
the newest link of each clinic is therefore kept outside the database, in the log of the sweeps and in each backup.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import structlog
from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from app.clock import now
from app.core.key_derivation import key_for
from app.core.type_aliases import JsonObject

log = structlog.get_logger()

# An entry is written right before its commit, and no transaction stays idle for longer than a minute. So entries older
# than this are complete: no entry with a smaller number can appear later.
SETTLING_TIME: Final = timedelta(minutes=2)
CHAIN_EXTENDED: Final = "audit.chain_extended"  # the log line with a new link
MAX_ENTRIES_PER_LINK: Final = 10_000
_NO_LINK: Final = b""

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
_BATCH: Final = f"""
SELECT max(number) AS up_to, count(*) AS entries,
  string_agg(sha256(convert_to(entry::text, 'UTF8')), ''::bytea ORDER BY number) AS digests
FROM (
  SELECT number, ROW({_COLUMNS}) AS entry FROM audit_entries
  WHERE clinic_id = :clinic AND number > :after {{bound}} ORDER BY number LIMIT :most
) AS batch
"""  # noqa: S608  (the names are constants above)
_NEXT: Final = text(_BATCH.format(bound="AND at < clock_timestamp() - make_interval(secs => :settled)"))
_COVERED: Final = text(_BATCH.format(bound="AND number <= :up_to"))
_INSERT: Final = text(
    "INSERT INTO audit_seals (clinic_id, number, up_to, entries, seal, sealed_at)"
    " VALUES (:clinic, :number, :up_to, :entries, :seal, :at)"
)
# Values may be missing if their person was erased, but they must not differ.
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
_LINKS: Final = text("SELECT number, up_to, entries, seal FROM audit_seals WHERE clinic_id = :clinic ORDER BY number")


_LENGTH: Final = text(
    "SELECT count(*) AS links, coalesce(sum(entries), 0)::bigint AS entries FROM audit_seals WHERE clinic_id = :clinic"
)


_HEADS: Final = text(
    "SELECT DISTINCT ON (clinic_id) clinic_id, number, up_to, seal FROM audit_seals ORDER BY clinic_id, number DESC"
)
_LINK: Final = text("SELECT up_to, seal FROM audit_seals WHERE clinic_id = CAST(:clinic AS uuid) AND number = :number")


@dataclass(frozen=True, slots=True)
class ChainBreak:
    """A failed check of the entries after number `after`, up to `up_to`.

    `seal` is the number of the link; None: the encrypted values of one entry.
    """

    clinic_id: UUID
    seal: int | None
    after: int
    up_to: int
    problem: str


class ChainHead(NamedTuple):
    """The newest link of a clinic's chain at some time. `up_to` is the number of the last entry that it covers."""

    clinic_id: str
    number: int
    up_to: int
    seal: str  # in hexadecimal digits


def chain_heads(connection: Connection) -> list[ChainHead]:
    """Return the newest link of each clinic."""
    return [ChainHead(str(row.clinic_id), row.number, row.up_to, row.seal.hex()) for row in connection.execute(_HEADS)]


def extend_chain(session: Session, *, settled: timedelta = SETTLING_TIME) -> int:
    """Append a link with the next entries of one clinic that has new ones. Returns the number of entries; 0: none."""
    waiting = session.execute(_WAITING, {"settled": settled.total_seconds()}).one_or_none()
    if waiting is None:
        return 0
    given = {"clinic": waiting.clinic_id, "after": waiting.up_to, "most": MAX_ENTRIES_PER_LINK}
    batch = session.execute(_NEXT, {**given, "settled": settled.total_seconds()}).one()
    link = {"number": waiting.number + 1, "up_to": batch.up_to, "entries": batch.entries, "at": now()}
    seal = _link_hash(waiting.seal or _NO_LINK, batch.digests)
    session.execute(_INSERT, {**given, **link, "seal": seal})
    head = ChainHead(str(waiting.clinic_id), link["number"], batch.up_to, seal.hex())
    log.warning(CHAIN_EXTENDED, **head._asdict())  # a warning, because the sweeps log nothing below
    return int(batch.entries)


def verify_chain(session: Session, clinic_id: UUID, *, known: Iterable[ChainHead] = ()) -> Iterator[ChainBreak]:
    """Yield every failed check of the clinic's audit log. A removed link is detected at the next one.

    `known` are links that the chain had, from logs and backups: with them, a removed end is detected.
    """
    for head in known:
        if head.clinic_id == str(clinic_id) and (problem := _missing(session, head)):
            yield ChainBreak(clinic_id, head.number, head.up_to - 1, head.up_to, problem)
    before, after = _NO_LINK, 0
    for place, link in enumerate(session.execute(_LINKS, {"clinic": clinic_id}).all(), start=1):
        batch = {"clinic": clinic_id, "after": after, "up_to": link.up_to, "most": link.entries + 1}
        problem = f"link {place} is missing" if link.number != place else _problem(session, batch, link, before)
        if problem:
            yield ChainBreak(clinic_id, link.number, after, link.up_to, problem)
        before, after = link.seal, link.up_to
    for number in session.scalars(_CHANGES, {"clinic": clinic_id}):
        yield ChainBreak(clinic_id, None, number - 1, number, "the values before and after were changed")


def _missing(session: Session, head: ChainHead) -> str | None:
    """Return what is wrong with a link that the chain must have."""
    link = session.execute(_LINK, {"clinic": head.clinic_id, "number": head.number}).one_or_none()
    if link is None:
        return "this link of a log or backup is missing: the end of the chain was removed"
    same = hmac.compare_digest(link.seal.hex(), head.seal) and link.up_to == head.up_to
    return None if same else "this link is not that of a log or backup"


def count_links(session: Session, clinic_id: UUID) -> JsonObject:
    """Return the number of `links` of the clinic's chain, and of the `entries` that they cover."""
    return dict(session.execute(_LENGTH, {"clinic": clinic_id}).mappings().one())


def _problem(session: Session, batch: JsonObject, link: Any, before: bytes) -> str | None:
    found = session.execute(_COVERED, batch).one()
    if found.entries != link.entries:
        return f"the link covers {link.entries} entries, {found.entries} or more exist"
    if not hmac.compare_digest(link.seal, _link_hash(before, found.digests)):
        return "an entry or the link was changed"
    return None


def _link_hash(before: bytes, digests: bytes | None) -> bytes:
    return hmac.digest(key_for("audit"), before + (digests or b""), hashlib.sha256)
