"""Suppression list: addresses that must not be written to.

It outlives the leads: erasure, deletion and another import do not change it.
"""

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
from app.core.database.driver_sql import driver_sql, execute_driver_sql
from app.core.key_derivation import blind_index_keys
from app.messaging.channels.base import LeadContact
from app.messaging.channels.registry import CHANNELS
from app.messaging.models import AddressKind

OPTED_OUT: Final = "opted_out"  # reason of entries added by an opt-out
INVALID_ADDRESS: Final = "invalid"  # reason of addresses that do not exist
UNREACHABLE: Final = "unreachable"  # reason of addresses that refused several messages in a row

_ADD: Final = text(
    "INSERT INTO suppressions (clinic_id, way, address_hash, reason, created_at)"
    " SELECT :clinic, way, address_hash, :reason, :now"
    " FROM unnest(CAST(:ways AS text[]), CAST(:hashes AS bytea[])) AS given(way, address_hash) ON CONFLICT DO NOTHING"
)
_REMOVE: Final = text(
    "DELETE FROM suppressions s"
    " USING unnest(CAST(:ways AS text[]), CAST(:hashes AS bytea[])) AS given(way, address_hash)"
    " WHERE s.clinic_id = :clinic AND s.way = given.way AND s.address_hash = given.address_hash"
    " AND (CAST(:only AS text) IS NULL OR s.reason = :only)"
)
_FIND: Final = driver_sql(
    "SELECT s.clinic_id, s.way, s.address_hash, s.reason, s.created_at FROM suppressions s"
    " JOIN unnest(CAST(:clinics AS uuid[]), CAST(:ways AS text[]), CAST(:hashes AS bytea[]))"
    " AS given(clinic_id, way, address_hash) USING (clinic_id, way, address_hash)"
)

Address = tuple[AddressKind, str]


def addresses_of(lead: LeadContact) -> Iterator[Address]:
    """Return the addresses of a lead, or of a row with its columns, as pairs of kind and value."""
    for kind, name in ((AddressKind.EMAIL, "email"), (AddressKind.PHONE, "phone"), (AddressKind.PHONE, "phone_alt")):
        if value := getattr(lead, name, None):
            yield kind, value


def suppress_addresses(session: Session, clinic_id: UUID, addresses: Iterable[Address], *, reason: str) -> None:
    """Add addresses to the list. Existing entries keep their reason."""
    if given := _parameters((kind, address_hashes(kind, value)[0]) for kind, value in addresses):
        session.execute(_ADD, {"clinic": clinic_id, "reason": reason, "now": now(), **given})
        audit_log.note_change(
            session, "suppression", [clinic_id], act=Act.CREATE, after={"ways": given["ways"], "reason": reason}
        )


def suppress_person(session: Session, leads: Iterable[Any]) -> None:
    """Add all addresses of an erased person; `leads` are their rows."""
    for lead in leads:
        suppress_addresses(session, lead.clinic_id, addresses_of(lead), reason="erased")


def unsuppress_addresses(
    session: Session, clinic_id: UUID, addresses: Iterable[Address], *, only: str | None = None
) -> None:
    """Remove addresses from the list, also those of single channels; with `only`, just the entries with that reason."""
    removed = list(addresses)
    if given := _all_hashes(removed):
        of_channels = [entry for address in removed for entry in _channel_entries(address)]
        session.execute(_REMOVE, {"clinic": clinic_id, "only": only, **_all_hashes([*removed, *of_channels])})
        audit_log.note_change(session, "suppression", [clinic_id], act=Act.DELETE, after={"ways": given["ways"]})


def _channel_entries(address: Address) -> Iterator[Address]:
    """Return the entries for channels that cannot reach the address, such as WhatsApp a number without it."""
    kind, value = address
    for name in CHANNELS.names_using(kind):
        if for_leads := CHANNELS.for_leads(name):
            yield kind, for_leads.unreachable_as(value)


def find_suppressed(session: Session, addresses: Iterable[tuple[UUID, Address]]) -> dict[tuple[UUID, Address], Any]:
    """Return those of the given pairs of clinic id and address that are on the list, each with its row. One query."""
    by_hash = {
        (clinic_id, kind, hashed): (clinic_id, (kind, value))
        for clinic_id, (kind, value) in addresses
        for hashed in address_hashes(kind, value)
    }
    if not by_hash:
        return {}
    clinics, ways, hashes = zip(*by_hash, strict=True)
    given = {"clinics": list(clinics), "ways": list(ways), "hashes": list(hashes)}
    found = execute_driver_sql(session, _FIND, given)
    return {by_hash[row.clinic_id, AddressKind(row.way), bytes(row.address_hash)]: row for row in found}


def address_hashes(kind: AddressKind, address: str) -> list[bytes]:
    """Return the keyed hashes by which the address is found, the same in upper and lower case.

    They need the blind index key, so the addresses cannot be guessed from the database alone. New entries get the first
    one; the others are of OTHER_BLIND_INDEX_KEYS.
    """
    normalized = f"{kind}:{address.strip().lower()}".encode()
    return [hmac.digest(key, normalized, hashlib.sha256) for key in blind_index_keys("suppression")]


def _all_hashes(addresses: Iterable[Address]) -> dict[str, list[object]]:
    return _parameters((kind, hashed) for kind, value in addresses for hashed in address_hashes(kind, value))


def _parameters(entries: Iterable[tuple[AddressKind, bytes]]) -> dict[str, list[object]]:
    found = set(entries)
    return {"ways": [kind for kind, _ in found], "hashes": [hashed for _, hashed in found]} if found else {}
