"""Find leads and timeline entries by words: first by their search keys, then by the decrypted fields."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Uuid, and_, bindparam, or_, select, text
from sqlalchemy.orm import Session

from app.core.database.arrays import PlainArray
from app.core.db import AnyRow, is_among, to_json
from app.identity.actor import Actor
from app.identity.permissions import Permission
from app.leads.models import Lead
from app.leads.search.by_text.keys import ENCRYPTED, FIELDS, Keys, keys_of_digits, keys_of_word
from app.leads.search.by_text.models import LeadSearch
from app.leads.search.by_text.query import Match, TextQuery, Why, match_fields, match_phone
from app.leads.search.lookup import survivors, visible_to, visible_user_ids
from app.leads.timeline.models import Activity
from app.security.encrypted_fields import blind_indexes, decrypt_or_none
from app.security.search_keys import TextKind, keys_of_beginnings, search_secrets

MOST_COMPARED: Final = 500  # leads that a list compares; of more, it reads the search keys only
MOST_CANDIDATES: Final = 60  # newest ones that a search of everything compares

Way = Sequence[Sequence[Keys]]  # for each word the alternatives: keys of which a lead has all


class FoundLead(NamedTuple):
    """A lead with the field that matches."""

    id: UUID
    name: str
    match: Match


class FoundNote(NamedTuple):
    """A timeline entry with the words that match."""

    id: UUID
    lead_id: UUID
    task_id: UUID | None  # the task that it is about
    type: str
    occurred_at: Any
    match: Match


def find_leads(session: Session, actor: Actor, query: TextQuery) -> list[FoundLead]:
    """Return visible leads that match: those with this phone number or address, then the newest of all others."""
    found = [*_exact(session, actor, query), *_candidates(session, actor, query, most=MOST_CANDIDATES)]
    return _matching(session, actor, query, found)


def find_lead_ids(session: Session, actor: Actor, query: TextQuery) -> list[UUID] | None:
    """Return the ids of all visible leads that match; None if they are too many to compare."""
    found = [*_exact(session, actor, query), *_candidates(session, actor, query, most=MOST_COMPARED + 1)]
    if len(found) > MOST_COMPARED:
        return None
    return [lead.id for lead in _matching(session, actor, query, found)]


def has_keys(actor: Actor, query: TextQuery) -> ColumnElement[bool]:
    """Return the condition that a lead has the search keys of the query. Among many leads, few have them by chance."""
    keys: Any = select(LeadSearch.keys).where(LeadSearch.id == Lead.id).scalar_subquery()
    ways = [
        and_(*(or_(*(keys.bool_op("@>")(bindparam(None, one, _KEYS)) for one in word)) for word in way))
        for way in _ways(actor, query)
    ]
    return or_(*ways)


def find_notes(session: Session, actor: Actor, query: TextQuery) -> list[FoundNote]:
    """Return the newest timeline entries of visible leads with words that begin with those of the query."""
    owners, ids = assigned_owners(session, actor), list[UUID]()
    for secret in search_secrets():
        keys = keys_of_beginnings(actor.clinic.id, TextKind.NOTES, query.words, secret)
        ids += session.scalars(_NOTES, {"keys": keys, "owners": owners, "most": MOST_CANDIDATES})
    columns = (Activity.id, Activity.lead_id, Activity.task_id, Activity.type, Activity.occurred_at, Activity.sealed)
    wanted = select(*columns).join(Lead, Lead.id == Activity.lead_id)
    wanted = wanted.where(is_among(Activity.id, ids), *visible_to(actor)).order_by(Activity.id.desc())
    found = []
    for row in session.execute(wanted) if ids else ():
        notes = decrypt_or_none(Activity, row.id, row.sealed)["notes"]
        if match := match_fields(query, [(Why.NOTES, notes)], inside=False):
            found.append(FoundNote(row.id, row.lead_id, row.task_id, row.type, row.occurred_at, match))
    return found


def visible_names(session: Session, actor: Actor, ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return the names of the visible ones of these leads, by id."""
    if not ids:
        return {}
    wanted = select(Lead.id, Lead.first_name, Lead.last_name).where(is_among(Lead.id, ids), *visible_to(actor))
    return {row.id: f"{row.first_name} {row.last_name}".strip() for row in session.execute(wanted)}


def match_lead(lead: Any, query: TextQuery, *, with_notes: bool) -> Match | None:
    """Return where the words of the query are in a lead with decrypted fields, or None."""
    email = (lead.email or "").casefold()
    if any(part not in email for part in query.parts_of_addresses):
        return None
    if email and email == query.text.casefold():
        return Match.whole(Why.EMAIL, lead.email)
    if match := match_phone(query, (lead.phone, lead.phone_alt)):
        return match
    names = (
        f"{lead.first_name} {lead.last_name}".strip(),
        f"{lead.patient_first_name} {lead.patient_last_name}".strip(),
    )
    addresses = ((Why.EMAIL, lead.email), (Why.PHONE, lead.phone), (Why.PHONE, lead.phone_alt))
    notes = ((Why.NOTES, lead.notes),) if with_notes else ()
    fields = (
        (Why.NAME, names[0]),
        (Why.PATIENT_NAME, names[1]),
        (Why.EXTERNAL_ID, lead.external_id),
        *addresses,
        *notes,
    )
    return match_fields(query, fields, inside=True)


def _exact(session: Session, actor: Actor, query: TextQuery) -> list[UUID]:
    """Return the newest leads with this phone number or e-mail address."""
    tests = [getattr(Lead, name) == index for name, _, indexes in _exact_values(actor, query) for index in indexes]
    newest = select(Lead.id).order_by(Lead.id.desc().nulls_last()).limit(MOST_CANDIDATES)
    return [id_ for test in tests for id_ in session.scalars(newest.where(*visible_to(actor), test))]


def _merged(session: Session, actor: Actor, query: TextQuery) -> dict[UUID, Match]:
    """Return the leads that a duplicate with this phone number or e-mail address merged into."""
    values = _exact_values(actor, query)
    if not values:
        return {}
    has_value = or_(*(is_among(getattr(Lead, name), indexes) for name, _, indexes in values))
    found = survivors(session, actor.clinic.id, has_value)[:MOST_CANDIDATES]
    return dict.fromkeys(found, Match.whole(values[0][1], query.text))


def _exact_values(actor: Actor, query: TextQuery) -> list[tuple[str, Why, Sequence[bytes]]]:
    """Return the columns that may have the query's whole number or address, each with its blind indexes."""
    found: list[tuple[str, Why, Sequence[bytes]]] = []
    if phone := query.phone:
        indexes = blind_indexes(actor.clinic.id, "phone", phone)
        found += [(column.key, Why.PHONE, indexes) for column in (Lead.phone_blind, Lead.phone_alt_blind)]
    if query.is_address:
        found.append((Lead.email_blind.key, Why.EMAIL, blind_indexes(actor.clinic.id, "email", query.text)))
    return found


def _candidates(session: Session, actor: Actor, query: TextQuery, *, most: int) -> list[UUID]:
    owners = assigned_owners(session, actor)
    found: list[UUID] = []
    for way in _ways(actor, query):
        found += session.scalars(_LEADS, {"wanted": to_json(way), "owners": owners, "most": most})
    return found


def _ways(actor: Actor, query: TextQuery) -> list[Way]:
    """Return what may be meant: words, and the digits of a phone number. Notes need `lead:private`."""
    ways: list[Way] = []
    clinic_id, with_notes = actor.clinic.id, actor.allows(Permission.LEAD_PRIVATE)
    for secret in search_secrets():
        ways.append(
            [
                [keys for way in spelled for keys in keys_of_word(clinic_id, way, secret, with_notes=with_notes)]
                for spelled in query.spellings.values()
            ]
        )
        if query.digits:
            ways.append([[keys_of_digits(clinic_id, query.digits, secret)]])
    return ways


def _matching(session: Session, actor: Actor, query: TextQuery, ids: Sequence[UUID]) -> list[FoundLead]:
    """Compare the decrypted fields of these leads. Return those that match, newest first.

    Leads that a duplicate with the number or address of the query merged into match as well.
    """
    merged = _merged(session, actor, query)
    ids = [*ids, *merged]
    if not ids:
        return []
    plain = (getattr(Lead, name) for name in FIELDS if name not in ENCRYPTED)
    wanted = select(Lead.id, Lead.sealed, *plain).where(is_among(Lead.id, [*{*ids}]), *visible_to(actor))
    rows = session.execute(wanted.order_by(Lead.id.desc()))
    with_notes = actor.allows(Permission.LEAD_PRIVATE)
    found = ((row, match_lead(_decrypted(row), query, with_notes=with_notes) or merged.get(row.id)) for row in rows)
    return [FoundLead(row.id, f"{row.first_name} {row.last_name}".strip(), match) for row, match in found if match]


def _decrypted(row: AnyRow) -> SimpleNamespace:
    return SimpleNamespace(**{**row._asdict(), **decrypt_or_none(Lead, row.id, row.sealed)})


def assigned_owners(session: Session, actor: Actor) -> list[UUID] | None:
    """Return the users whose leads the actor sees, as functions of the owner take them; None: all leads."""
    owners = visible_user_ids(session, actor)
    return None if owners is None else [*owners]


_KEYS: Final = PlainArray(Integer)
# Functions of the owner: under a row policy PostgreSQL uses no index for `@>`. They return rows of the own clinic only.
_LEADS: Final = text(
    "SELECT leads_with_keys(CAST(:wanted AS jsonb), CAST(:owners AS uuid[]), CAST(:most AS integer)) AS id"
).columns(id=Uuid)
_NOTES: Final = text(
    "SELECT notes_with_keys(CAST(:keys AS integer[]), CAST(:owners AS uuid[]), CAST(:most AS integer)) AS id"
).columns(id=Uuid)
