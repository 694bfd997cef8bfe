"""Search of leads by name, phone number or e-mail address. A POST body, so that no URL holds personal data."""

from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Final

from rapidfuzz.fuzz import ratio
from sqlalchemy import ColumnElement, Text, cast, func, select, union_all
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.core.db import AnyRow, AnySelect
from app.core.type_aliases import JsonObject
from app.errors import Invalid
from app.identity.actor import Actor
from app.leads.contact.names import normalise_name
from app.leads.contact.phone_numbers import normalise_phone
from app.leads.models import Lead
from app.leads.search.lookup import visible_to
from app.security.encrypted_fields import blind_indexes, decrypt_rows

MOST_FOUND: Final = 50
MOST_NAMES: Final = 300  # compared: the newest leads with the same first letters
KEY: Final = 3  # letters of the last name in the index
MOST_SPLITS: Final = 4  # ways to split a name of many words
LIKE_ENOUGH: Final = 75  # of 100; a search may return a few extra leads

Split = tuple[str, str]  # first names, last name


def search(session: Session, actor: Actor, data: JsonObject) -> list[SimpleNamespace]:
    """Return at most `data["limit"]` leads that match `data` (fields of SearchIn). Raises Invalid.

    A search by name returns the best match first, then the newest lead.
    """
    splits = _splits(data["name"]) if "name" in data else []
    found = _candidates(session, actor, _index_conditions(actor, data, splits))
    wanted = [lead for lead in found if _has(lead, actor, data)]
    shown = (_best_matches(wanted, splits) if splits else wanted)[: data["limit"]]
    wanted_rows = _rows(actor).where(Lead.id.in_([lead.id for lead in shown]))
    rows = {row.id: row for row in decrypt_rows(Lead, session.execute(wanted_rows))}
    audit_log.note_read(session, "lead", rows)
    return [rows[lead.id] for lead in shown if lead.id in rows]


def _rows(actor: Actor) -> AnySelect:
    return select(Lead.__table__).where(*visible_to(actor))


def _index_conditions(actor: Actor, data: JsonObject, splits: Sequence[Split]) -> list[tuple[ColumnElement[bool], int]]:
    """Return the conditions on the most selective index, each with the maximum number of rows to read."""
    if "phone" in data:
        phone = _phone(data["phone"], actor)
        indexes = blind_indexes(actor.clinic.id, "phone", phone)
        return [(col == index, MOST_FOUND) for col in (Lead.phone_blind, Lead.phone_alt_blind) for index in indexes]
    if "email" in data:
        indexes = blind_indexes(actor.clinic.id, "email", data["email"])
        return [(Lead.email_blind == index, MOST_FOUND) for index in indexes]
    lasts = {last for _, last in splits}
    return [(Lead.name_key == func.left(func.lower(cast(last, Text)), KEY), MOST_NAMES) for last in lasts]


def _candidates(session: Session, actor: Actor, conditions: Iterable[tuple[ColumnElement[bool], int]]) -> list[AnyRow]:
    """Load the columns to compare, newest leads first."""
    indexes = (Lead.phone_blind, Lead.phone_alt_blind, Lead.email_blind)
    compared = select(Lead.id, Lead.first_name, Lead.last_name, *indexes)
    newest = compared.where(*visible_to(actor)).order_by(Lead.id.desc().nulls_last())
    parts = [newest.where(test).limit(most).subquery() for test, most in conditions]
    found = {row.id: row for row in session.execute(union_all(*(select(part) for part in parts)))}
    return sorted(found.values(), key=lambda row: row.id, reverse=True)


def _phone(given: str, actor: Actor) -> str:
    try:
        return normalise_phone(given, actor.clinic.region)
    except ValueError as mistake:
        raise Invalid.at("/phone", str(mistake)) from None


def _has(lead: AnyRow, actor: Actor, data: JsonObject) -> bool:
    """Return whether the lead matches every search field, not only the indexed one."""
    if "phone" in data:
        indexes = blind_indexes(actor.clinic.id, "phone", _phone(data["phone"], actor))
        if not {lead.phone_blind, lead.phone_alt_blind}.intersection(indexes):
            return False
    return "email" not in data or lead.email_blind in blind_indexes(actor.clinic.id, "email", data["email"])


def _splits(name: str) -> list[Split]:
    """Return the possible (first names, last name) splits: the last name may have one to four words."""
    words = name.split()
    places = range(max(0, len(words) - MOST_SPLITS), len(words))
    return [(" ".join(words[:place]), " ".join(words[place:])) for place in places]


def _best_matches(found: Sequence[AnyRow], splits: Sequence[Split]) -> list[AnyRow]:
    """Sort by similarity. The sort is stable, so equal leads stay newest first."""
    ways = [(normalise_name(first), normalise_name(last)) for first, last in splits]
    scored = [(max(_similarity(lead, *way) for way in ways), lead) for lead in found]
    return [lead for score, lead in sorted(scored, key=lambda one: -one[0]) if score >= LIKE_ENOUGH]


def _similarity(lead: AnyRow, first: str, last: str) -> float:
    """Compare the beginnings of the names, because users may type only a part."""
    own_first, own_last = normalise_name(lead.first_name), normalise_name(lead.last_name)
    similarity = ratio(last, own_last[: len(last)])
    return min(similarity, ratio(first, own_first[: len(first)])) if first else similarity
