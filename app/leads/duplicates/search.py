"""Leads that may be one person (lead-management.md, rule 6): a warning, for families share phones and names.

Phone numbers (both of both) and e-mail addresses are compared exactly, by their blind indexes. Names are compared by
likeness, with those of the newest leads whose last name begins alike: a slip in its first letters is not found.
"""

import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from rapidfuzz.fuzz import token_sort_ratio
from sqlalchemy import TextClause, select, text
from sqlalchemy.orm import Session

from app.identity.actor import Actor
from app.leads.lookup import read_lead, visible_to
from app.leads.models import NAME_KEY, NEWEST, Lead
from app.security.encrypted_fields import blind, fields_of

ALIKE: Final = 90  # of 100, for whole names in any order: one letter of ten. Below, families begin to look alike
SAME: Final = 100
MOST_DUPLICATES: Final = 10  # that are told, and that are read for each phone or address
MOST_NAMES: Final = 25  # that one name is compared with
EXACT: Final = ("phone", "email")
_MOST: Final = {"phone": MOST_DUPLICATES, "email": MOST_DUPLICATES, "name": MOST_NAMES}

PHONE_MARKS: Final = ("phone_blind", "phone_alt_blind")
# For each value that a lead has: the ways in which another may have it, too.
_TESTS: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "phone": [("phone", f"{name} = CAST(:phone AS bytea)") for name in PHONE_MARKS],
    "phone_alt": [("phone", f"{name} = CAST(:phone_alt AS bytea)") for name in PHONE_MARKS],
    "email": [("email", "email_blind = CAST(:email AS bytea)")],
    "last_name": [("name", f"name_key = {NAME_KEY.replace('last_name', 'CAST(:last_name AS text)')}")],
}


UNKNOWN_CALLER: Final = ("Unknown", "Caller")
_NONE: Final = "SELECT id, '' AS by, first_name, last_name FROM leads WHERE false"


@dataclass(slots=True)
class Candidate:
    """Somebody who may be the same person."""

    lead_id: UUID
    first_name: str
    last_name: str
    match_on: list[str] = field(default_factory=list)
    score: int = 0  # 100 where phone or address are the same, else how alike the names are

    @property
    def is_exact(self) -> bool:
        """Whether it is more than a name."""
        return _is_exact(self.match_on)

    def shown(self) -> dict[str, Any]:
        """Without the name: whom it is about, whoever may see them looks up."""
        return {"lead_id": self.lead_id, "match_on": self.match_on, "score": self.score}


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What a caller learns: those they may see, and how many others have the same phone or address."""

    duplicates: list[dict[str, Any]]
    hidden_duplicates: int

    @property
    def has_exact(self) -> bool:
        """Whether there is anybody with the same phone or address, seen or not."""
        return self.hidden_duplicates > 0 or any(_is_exact(found["match_on"]) for found in self.duplicates)

    def as_json(self) -> dict[str, Any]:
        """With ids as text."""
        shown = [{**found, "lead_id": str(found["lead_id"])} for found in self.duplicates]
        return {"duplicates": shown, "hidden_duplicates": self.hidden_duplicates}


def duplicates_of(session: Session, actor: Actor, lead_id: UUID) -> Duplicates:
    """Who may be the same person as this lead. Raises NotFound."""
    lead = vars(read_lead(session, actor, lead_id))
    values = values_of(lead)
    marks = marks_of(actor.clinic.id, values)
    found = session.execute(_others(frozenset(values)), {**marks, "clinic": actor.clinic.id, "self": lead_id})
    return told(session, actor, lead, [tuple(row) for row in found])


def values_of(lead: Mapping[str, Any]) -> dict[str, str]:
    """By what a lead is looked for among the others. Who has no name yet is not called like anybody."""
    values = {name: lead[name] for name in _TESTS if lead.get(name)}
    return values if is_named(lead) else {name: values[name] for name in values.keys() - {"last_name"}}


def marks_of(clinic_id: UUID, values: Mapping[str, str]) -> dict[str, Any]:
    """The same values as they are looked for: numbers and addresses by their marks."""
    fields = fields_of(Lead)
    return {
        name: blind(clinic_id, fields[name].blind, value) if name in fields else value for name, value in values.items()
    }


def ways_of(lead: Mapping[str, Any]) -> set[bytes]:
    """The marks of a lead's phones and address."""
    values = {name: lead[name] for name in ("phone", "phone_alt", "email") if lead[name]}
    return set(marks_of(lead["clinic_id"], values).values())


def is_named(lead: Mapping[str, Any]) -> bool:
    """Whether somebody asked for the name already."""
    return (lead["first_name"], lead["last_name"]) != UNKNOWN_CALLER


def told(session: Session, actor: Actor, lead: Mapping[str, Any], found: Iterable[Sequence[Any]]) -> Duplicates:
    """Of what `lookup` found for a lead (its row), that which counts, as far as the actor may know."""
    candidates = sorted(_judge(lead, found), key=lambda one: (one.is_exact, one.score, one.lead_id), reverse=True)
    if not candidates:
        return NOBODY
    ids = [one.lead_id for one in candidates]
    seen = set(session.scalars(select(Lead.id).where(Lead.id.in_(ids), *visible_to(actor))))
    shown = [one for one in candidates if one.lead_id in seen][:MOST_DUPLICATES]
    hidden = sum(one.is_exact for one in candidates if one.lead_id not in seen)
    return Duplicates(
        [{name: getattr(one, name) for name in ("lead_id", "match_on", "score")} for one in shown], hidden
    )


NOBODY: Final = Duplicates([], 0)


def lookup(values: Collection[str], *, but: str = "") -> str:
    """SQL for who has one of these values of the parameters: id, by what, first name, last name; newest first each."""
    parts = [
        f"(SELECT id, '{by}' AS by, first_name, last_name FROM leads WHERE clinic_id = CAST(:clinic AS uuid)"  # noqa: S608
        f" AND deleted_at IS NULL AND {test}{but} ORDER BY {NEWEST} LIMIT {_MOST[by]})"
        for name, tests in _TESTS.items()
        if name in values
        for by, test in tests
    ]
    return " UNION ALL ".join(parts) or _NONE


@lru_cache(maxsize=16)
def _others(values: frozenset[str]) -> TextClause:
    return text(f"SELECT * FROM ({lookup(values, but=' AND id <> CAST(:self AS uuid)')}) AS others")  # noqa: S608


def _judge(lead: Mapping[str, Any], found: Iterable[Sequence[Any]]) -> list[Candidate]:
    candidates: dict[str, Candidate] = {}
    for id_, by, first_name, last_name in found:
        one = candidates.setdefault(str(id_), Candidate(UUID(str(id_)), first_name, last_name))
        if by in EXACT and by not in one.match_on:
            one.match_on.append(by)
            one.score = SAME
    if is_named(lead):
        name = plain(lead["first_name"], lead["last_name"])
        for one in candidates.values():
            _compare_names(one, name)
    return [one for one in candidates.values() if one.match_on]


def _is_exact(match_on: Collection[str]) -> bool:
    return any(by in EXACT for by in match_on)


def _compare_names(one: Candidate, name: str) -> None:
    likeness = token_sort_ratio(name, plain(one.first_name, one.last_name), score_cutoff=ALIKE)
    if likeness:
        one.match_on.append("name")
        one.score = max(one.score, round(likeness))


def plain(*names: str) -> str:
    """Without accents and capitals: `Íñigo` is `inigo`."""
    apart = unicodedata.normalize("NFKD", " ".join(names).casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter))
