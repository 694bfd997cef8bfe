"""The addresses that nobody may write to. The list outlives whoever it is about: erasure, deletion, another import."""

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.audit.models import Act
from app.clock import now
from app.core.key_derivation import mark_key_for
from app.messaging.models import Way

OPTED_OUT: Final = "opted_out"  # the reason of those who said so themselves

_ADD: Final = text(
    "INSERT INTO suppressions (clinic_id, way, address_hash, reason, created_at)"
    " SELECT :clinic, way, address_hash, :reason, :now"
    " FROM unnest(CAST(:ways AS text[]), CAST(:hashes AS bytea[])) AS given(way, address_hash) ON CONFLICT DO NOTHING"
)
_LIFT: Final = text(
    "DELETE FROM suppressions s"
    " USING unnest(CAST(:ways AS text[]), CAST(:hashes AS bytea[])) AS given(way, address_hash)"
    " WHERE s.clinic_id = :clinic AND s.way = given.way AND s.address_hash = given.address_hash"
    " AND (CAST(:only AS text) IS NULL OR s.reason = :only)"
)
_FIND: Final = text(
    "SELECT s.clinic_id, s.way, s.address_hash, s.reason, s.created_at FROM suppressions s"
    " JOIN unnest(CAST(:clinics AS uuid[]), CAST(:ways AS text[]), CAST(:hashes AS bytea[]))"
    " AS given(clinic_id, way, address_hash) USING (clinic_id, way, address_hash)"
)

Address = tuple[Way, str]


def addresses_of(lead: Any) -> Iterator[Address]:
    """How the lead (or anything with its columns) can be reached."""
    for way, name in ((Way.EMAIL, "email"), (Way.PHONE, "phone"), (Way.PHONE, "phone_alt")):
        if value := getattr(lead, name, None):
            yield way, value


def suppress_addresses(session: Session, clinic_id: UUID, addresses: Iterable[Address], *, reason: str) -> None:
    """Nobody writes to these any more. Twice is once, and the first reason stays."""
    if given := _given(addresses):
        session.execute(_ADD, {"clinic": clinic_id, "reason": reason, "now": now(), **given})
        audit_log.wrote(
            session, "suppression", [clinic_id], act=Act.CREATE, after={"ways": given["ways"], "reason": reason}
        )


def suppress_person(session: Session, leads: Iterable[Any]) -> None:
    """Suppress every address of a person who is erased; `leads` are their rows."""
    for lead in leads:
        suppress_addresses(session, lead.clinic_id, addresses_of(lead), reason="erased")


def lift(session: Session, clinic_id: UUID, addresses: Iterable[Address], *, only: str | None = None) -> None:
    """These may be written to again: somebody has said so. `only`: those that are there for this reason."""
    if given := _given(addresses):
        session.execute(_LIFT, {"clinic": clinic_id, "only": only, **given})
        audit_log.wrote(session, "suppression", [clinic_id], act=Act.DELETE, after={"ways": given["ways"]})


def find_suppressed(session: Session, wanted: Iterable[tuple[UUID, Address]]) -> dict[tuple[UUID, Address], Any]:
    """Which of these are on their clinic's list, each with its row; one query however many."""
    by_hash = {(clinic_id, way, hash_of(way, value)): (clinic_id, (way, value)) for clinic_id, (way, value) in wanted}
    if not by_hash:
        return {}
    clinics, ways, hashes = zip(*by_hash, strict=True)
    found = session.execute(_FIND, {"clinics": list(clinics), "ways": list(ways), "hashes": list(hashes)})
    return {by_hash[row.clinic_id, Way(row.way), bytes(row.address_hash)]: row for row in found}


def hash_of(way: Way, address: str) -> bytes:
    """The same for every spelling of an address; without MARKS_KEY nobody can try addresses against it."""
    return hmac.digest(mark_key_for("suppression"), f"{way}:{address.strip().lower()}".encode(), hashlib.sha256)


def _given(addresses: Iterable[Address]) -> dict[str, list[Any]]:
    known = {(way, hash_of(way, value)) for way, value in addresses}
    return {"ways": [way for way, _ in known], "hashes": [hashed for _, hashed in known]} if known else {}
