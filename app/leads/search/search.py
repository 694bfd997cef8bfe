"""Finding leads by what is known of a person. It comes in a body: no name and no number stands in an address."""

from collections.abc import Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Final

from rapidfuzz.fuzz import ratio
from sqlalchemy import ColumnElement, Row, Select, Text, cast, func, select, union_all
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.errors import Invalid
from app.identity.actor import Actor
from app.leads.contact.phone_numbers import normalise
from app.leads.duplicates.search import plain
from app.leads.lookup import visible_to
from app.leads.models import Lead
from app.security.encrypted_fields import blind, open_rows

MOST_FOUND: Final = 50
MOST_NAMES: Final = 300  # that are compared: the newest whose last name begins alike
KEY: Final = 3  # letters of a last name that leads are found by
MOST_SPLITS: Final = 4  # of a name of many words into first names and last name
LIKE_ENOUGH: Final = 75  # of 100: who looks for somebody bears a few who are not meant

Split = tuple[str, str]  # first names, last name


def search(session: Session, actor: Actor, data: Mapping[str, Any]) -> list[SimpleNamespace]:
    """At most `data["limit"]` leads of `data`, as `SearchIn` reads it: by name the likeliest first, then the newest.

    Raises Invalid.
    """
    splits = _splits(data["name"]) if "name" in data else []
    found = _among(session, actor, _ways(actor, data, splits))
    wanted = [lead for lead in found if _has(lead, actor, data)]
    shown = (_likeliest(wanted, splits) if splits else wanted)[: data["limit"]]
    wanted_rows = _rows(actor).where(Lead.id.in_([lead.id for lead in shown]))
    rows = {row.id: row for row in open_rows(Lead, session.execute(wanted_rows))}
    audit_log.saw(session, "lead", rows)
    return [rows[lead.id] for lead in shown if lead.id in rows]


def _rows(actor: Actor) -> Select[Any]:
    return select(Lead.__table__).where(*visible_to(actor))


def _ways(actor: Actor, data: Mapping[str, Any], splits: Sequence[Split]) -> list[tuple[ColumnElement[bool], int]]:
    """The narrowest that is given: tests that an index answers, newest first, and how many of each are looked at."""
    if "phone" in data:
        phone = _phone(data["phone"], actor)
        mark = blind(actor.clinic.id, "phone", phone)
        return [(Lead.phone_blind == mark, MOST_FOUND), (Lead.phone_alt_blind == mark, MOST_FOUND)]
    if "email" in data:
        return [(Lead.email_blind == blind(actor.clinic.id, "email", data["email"]), MOST_FOUND)]
    lasts = {last for _, last in splits}
    return [(Lead.name_key == func.left(func.lower(cast(last, Text)), KEY), MOST_NAMES) for last in lasts]


def _among(session: Session, actor: Actor, ways: Iterable[tuple[ColumnElement[bool], int]]) -> list[Row[Any]]:
    """Of each as much as decides whether it is meant; newest first."""
    marks = (Lead.phone_blind, Lead.phone_alt_blind, Lead.email_blind)
    compared = select(Lead.id, Lead.first_name, Lead.last_name, *marks)
    newest = compared.where(*visible_to(actor)).order_by(Lead.id.desc().nulls_last())
    parts = [newest.where(test).limit(most).subquery() for test, most in ways]
    found = {row.id: row for row in session.execute(union_all(*(select(part) for part in parts)))}
    return sorted(found.values(), key=lambda row: row.id, reverse=True)


def _phone(given: str, actor: Actor) -> str:
    try:
        return normalise(given, actor.clinic.region)
    except ValueError as mistake:
        raise Invalid.at("/phone", str(mistake)) from None


def _has(lead: Row[Any], actor: Actor, data: Mapping[str, Any]) -> bool:
    """Whether the lead has all that was given, not only that by which it was found."""
    if "phone" in data:
        mark = blind(actor.clinic.id, "phone", _phone(data["phone"], actor))
        if mark not in (lead.phone_blind, lead.phone_alt_blind):
            return False
    return "email" not in data or lead.email_blind == blind(actor.clinic.id, "email", data["email"])


def _splits(name: str) -> list[Split]:
    """`Ana de la Cruz` may be a last name of four words, or of three after one first name, and so on."""
    words = name.split()
    places = range(max(0, len(words) - MOST_SPLITS), len(words))
    return [(" ".join(words[:place]), " ".join(words[place:])) for place in places]


def _likeliest(found: Sequence[Row[Any]], splits: Sequence[Split]) -> list[Row[Any]]:
    """The sort is stable: who is equally likely stays in the order of the newest."""
    ways = [(plain(first), plain(last)) for first, last in splits]
    scored = [(max(_likeness(lead, *way) for way in ways), lead) for lead in found]
    return [lead for score, lead in sorted(scored, key=lambda one: -one[0]) if score >= LIKE_ENOUGH]


def _likeness(lead: Row[Any], first: str, last: str) -> float:
    """Of each name its beginning is compared, for people stop typing when they see whom they want."""
    own_first, own_last = plain(lead.first_name), plain(lead.last_name)
    likeness = ratio(last, own_last[: len(last)])
    return min(likeness, ratio(first, own_first[: len(first)])) if first else likeness
