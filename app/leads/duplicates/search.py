"""Duplicate detection (lead-management.md, rule 6). It only warns, because families share phone numbers and names.

Phone numbers (first and second) and e-mail addresses match exactly, by their blind indexes; addresses of one mailbox,
such as those of Gmail with and without dots, match each other. Those of a merged duplicate lead to the surviving lead.
Names match by similarity (`similarity.py`), among the newest leads whose names begin or end with the same sounds. An
index finds them, so only few leads are read.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import TextClause, select, text
from sqlalchemy.orm import Session

from app.core.database.arrays import text_array
from app.core.type_aliases import JsonDict, JsonObject
from app.identity.actor import Actor
from app.identity.permissions import Scope
from app.leads.contact.email_aliases import main_address
from app.leads.duplicates.similarity import Person, names_to_find, similarity
from app.leads.enums import PatientRelationship
from app.leads.models import NEWEST_ORDER, Lead
from app.leads.search.lookup import read_lead, visible_to
from app.security.encrypted_fields import blind_indexes, decrypt_or_none, encrypted_fields_of

ALIKE: Final = 90  # of 100; see `similarity`
SAME: Final = 100
MOST_DUPLICATES: Final = 10  # returned, and read for each phone number or address
MOST_NAMES: Final = 25  # leads whose names are compared
EXACT: Final = ("phone", "email")

PHONE_BLIND_INDEXES: Final = ("phone_blind", "phone_alt_blind")
EMAIL_BLIND_INDEXES: Final = ("email_blind", "email_main_blind")
# For each comparison value: the kind of match, and the SQL test on other leads.
_TESTS: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "phone": [("phone", f"{name} = CAST(:phone AS bytea)") for name in PHONE_BLIND_INDEXES],
    "phone_alt": [("phone", f"{name} = CAST(:phone_alt AS bytea)") for name in PHONE_BLIND_INDEXES],
    **{
        value: [("email", f"{name} = CAST(:{value} AS bytea)") for name in EMAIL_BLIND_INDEXES]
        for value in ("email", "email_main")  # the address, and the main address of its mailbox
    },
}


UNKNOWN_CALLER: Final = ("Unknown", "Caller")
# Names are compared within the leads whose names begin or end with the same sounds, in any order of both names.
_ALIKE: Final = (
    "SELECT id, 'name' AS by, first_name, last_name FROM leads_alike("  # noqa: S608
    f"CAST(:clinic AS uuid), CAST(:firsts AS text[]), CAST(:lasts AS text[]), {MOST_NAMES}) WHERE true"
)
# The surviving leads of merged duplicates. As an array: for a semi-join of unknown size PostgreSQL reads all leads.
_SURVIVORS: Final = (
    "(SELECT id, '{by}' AS by, first_name, last_name FROM leads WHERE deleted_at IS NULL{condition}"  # noqa: S608
    " AND id = ANY (ARRAY(SELECT merged_into_id FROM leads WHERE clinic_id = CAST(:clinic AS uuid)"
    f" AND merged_into_id IS NOT NULL AND ({{tests}}))) LIMIT {MOST_DUPLICATES})"
)
_MERGED: Final = select(Lead.id, Lead.sealed).order_by(Lead.id.desc())
_NONE: Final = "SELECT id, '' AS by, first_name, last_name FROM leads WHERE false"


@dataclass(slots=True)
class Candidate:
    """Lead that may be the same person."""

    id: str
    first_name: str
    last_name: str
    match_on: list[str] = field(default_factory=list)
    score: int = 0  # 100 if phone or address match, else the similarity of the names

    @property
    def lead_id(self) -> UUID:
        return UUID(self.id)

    @property
    def is_exact(self) -> bool:
        """Whether a phone number or address matches, not only the name."""
        return _is_exact(self.match_on)


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Duplicates that the caller may see, and the number of other leads with the same phone or address."""

    duplicates: list[JsonDict]
    hidden_duplicates: int

    @property
    def has_exact(self) -> bool:
        """Whether any lead has the same phone or address, visible to the caller or not."""
        return self.hidden_duplicates > 0 or any(_is_exact(found["match_on"]) for found in self.duplicates)

    def as_json(self) -> JsonDict:
        """Return the duplicates as JSON values, with ids as text."""
        visible = [{**found, "lead_id": str(found["lead_id"])} for found in self.duplicates]
        return {"duplicates": visible, "hidden_duplicates": self.hidden_duplicates}


def duplicates_of(session: Session, actor: Actor, lead_id: UUID) -> Duplicates:
    """Find leads that may be the same person as this lead, also by a phone or an address of its merged duplicates.

    Raises NotFound, LeadWasMerged.
    """
    lead = vars(read_lead(session, actor, lead_id))
    parameters = comparison_parameters(actor.clinic.id, comparison_values(lead))
    former = session.execute(_MERGED.where(Lead.merged_into_id == lead_id).limit(MOST_DUPLICATES))
    for place, row in enumerate(former):
        contact = _contact_values(decrypt_or_none(Lead, row.id, row.sealed))
        for number, (name, index) in enumerate(comparison_parameters(actor.clinic.id, contact).items()):
            parameters[f"{name.partition('__')[0]}__{place}_{number}"] = index
    found = session.execute(_others(frozenset(parameters)), {**parameters, "clinic": actor.clinic.id, "self": lead_id})
    return find_duplicates(session, actor, lead, [tuple(row) for row in found])


def duplicates_of_person(session: Session, actor: Actor, person: JsonObject) -> Duplicates:
    """Find leads that may be the same person as one who is no lead yet. Missing values of `person` are not compared."""
    values = comparison_values(person)
    parameters = comparison_parameters(actor.clinic.id, values)
    found = session.execute(_all(frozenset(parameters)), {**parameters, "clinic": actor.clinic.id})
    return find_duplicates(session, actor, person, [tuple(row) for row in found])


def comparison_values(lead: JsonObject) -> JsonDict:
    """Return the values to compare with other leads. The placeholder name `Unknown Caller` is left out.

    `firsts` and `lasts` are arrays of the first and last names to look for, in pairs: nicknames, and both in the other
    order.
    """
    values = _contact_values(lead)
    if has_name(lead):
        pairs = names_to_find(lead["first_name"], lead["last_name"])
        values |= {"firsts": text_array(first for first, _ in pairs), "lasts": text_array(last for _, last in pairs)}
    return values


def _contact_values(lead: JsonObject) -> JsonDict:
    """Return the phone numbers and the address to compare, with the main address of its mailbox."""
    values = {name: lead[name] for name in _TESTS if lead.get(name)}
    if (email := lead.get("email")) and (main := main_address(email)) != email.strip().lower():
        values["email_main"] = main
    return values


def comparison_parameters(clinic_id: UUID, values: JsonObject) -> JsonDict:
    """Return the comparison values as SQL parameters: blind indexes of phones and addresses, names as they are.

    With OTHER_BLIND_INDEX_KEYS, a value has further parameters: `phone`, `phone__1`, `phone__2`.
    """
    kinds = {name: field.index for name, field in encrypted_fields_of(Lead).items()} | {"email_main": "email"}
    parameters: JsonDict = {}
    for name, value in values.items():
        if name not in kinds:
            parameters[name] = value
            continue
        for number, index in enumerate(blind_indexes(clinic_id, kinds[name], value)):
            parameters[f"{name}__{number}" if number else name] = index
    return parameters


def has_name(lead: JsonObject) -> bool:
    """Return whether the name is complete, and not the placeholder `Unknown Caller`."""
    names = (lead["first_name"], lead["last_name"])
    return all(names) and names != UNKNOWN_CALLER


def find_duplicates(session: Session, actor: Actor, lead: JsonObject, found: Iterable[Sequence[Any]]) -> Duplicates:
    """Score the rows of `candidates_sql` for a lead (row), and hide those that the actor may not see."""
    candidates = sorted(
        _score_candidates(session, lead, found), key=lambda one: (one.is_exact, one.score, one.id), reverse=True
    )
    if not candidates:
        return NO_DUPLICATES
    visible_ids = _visible_ids(session, actor, {one.lead_id for one in candidates})
    visible = [one for one in candidates if one.lead_id in visible_ids][:MOST_DUPLICATES]
    hidden = sum(one.is_exact for one in candidates if one.lead_id not in visible_ids)
    return Duplicates(
        [{name: getattr(one, name) for name in ("lead_id", "match_on", "score")} for one in visible], hidden
    )


def _visible_ids(session: Session, actor: Actor, ids: set[UUID]) -> Collection[UUID]:
    if actor.scope is Scope.ALL:  # candidates are live leads of the clinic
        return ids
    return set(session.scalars(select(Lead.id).where(Lead.id.in_(ids), *visible_to(actor))))


NO_DUPLICATES: Final = Duplicates([], 0)


def candidates_sql(values: Collection[str], *, condition: str = "") -> str:
    """Return SQL for leads that share any of these values: id, kind of match, first and last name; newest first.

    `values` are the names of `comparison_parameters`.
    """
    exact = [
        (by, test.replace(f"(:{name} AS", f"(:{parameter} AS"))
        for name, tests in _TESTS.items()
        for parameter in sorted(values)
        if parameter.partition("__")[0] == name
        for by, test in tests
    ]
    parts = [
        f"(SELECT id, '{by}' AS by, first_name, last_name FROM leads WHERE clinic_id = CAST(:clinic AS uuid)"  # noqa: S608
        f" AND deleted_at IS NULL AND {test}{condition} ORDER BY {NEWEST_ORDER} LIMIT {MOST_DUPLICATES})"
        for by, test in exact
    ]
    of_kinds = ((kind, " OR ".join(test for by, test in exact if by == kind)) for kind in EXACT)
    parts += [_SURVIVORS.format(by=kind, tests=tests, condition=condition) for kind, tests in of_kinds if tests]
    if "firsts" in values:
        parts.append(f"({_ALIKE}{condition})")
    return " UNION ALL ".join(parts) or _NONE


@lru_cache(maxsize=16)
def _others(values: frozenset[str]) -> TextClause:
    return text(f"SELECT * FROM ({candidates_sql(values, condition=' AND id <> CAST(:self AS uuid)')}) AS others")  # noqa: S608


@lru_cache(maxsize=16)
def _all(values: frozenset[str]) -> TextClause:
    return text(f"SELECT * FROM ({candidates_sql(values)}) AS found")  # noqa: S608  (as above)


def _score_candidates(session: Session, lead: JsonObject, found: Iterable[Sequence[Any]]) -> list[Candidate]:
    candidates: dict[str, Candidate] = {}
    for id_, by, first_name, last_name in found:
        key = str(id_)
        one = candidates.get(key) or candidates.setdefault(key, Candidate(key, first_name, last_name))
        if by in EXACT and by not in one.match_on:
            one.match_on.append(by)
            one.score = SAME
    if has_name(lead) and candidates:
        _compare_names(session, lead, list(candidates.values()))
    return [one for one in candidates.values() if one.match_on]


def _is_exact(match_on: Collection[str]) -> bool:
    return any(by in EXACT for by in match_on)


def _compare_names(session: Session, lead: JsonObject, candidates: Sequence[Candidate]) -> None:
    """Add a match to the candidates with a similar name. Birth dates decide, if the lead has one."""
    person = _person(lead)
    facts = _facts_of(session, [one.lead_id for one in candidates]) if person.birth_date else {}
    for one in candidates:
        found = similarity(person, facts.get(one.lead_id) or Person(one.first_name, one.last_name))
        if found >= ALIKE:
            one.match_on.append("name")
            one.score = max(one.score, found)


def _person(lead: JsonObject) -> Person:
    """Return what is compared. The birth date is the patient's, so it counts only if the patient is the contact."""
    is_patient = lead.get("patient_relationship", PatientRelationship.SELF) == PatientRelationship.SELF
    parts = (lead.get("address_line1"), lead.get("postal_code"))
    address = " ".join(part.casefold().strip() for part in parts if part) if all(parts) else None
    return Person(lead["first_name"], lead["last_name"], lead.get("patient_dob") if is_patient else None, address)


def _facts_of(session: Session, lead_ids: Sequence[UUID]) -> dict[UUID, Person]:
    rows = session.execute(select(*_FACTS).where(Lead.id.in_(lead_ids)))
    return {row.id: _person({**row._mapping, **decrypt_or_none(Lead, row.id, row.sealed)}) for row in rows}  # noqa: SLF001  (public accessor of SQLAlchemy's Row)


_FACTS: Final = (
    *(Lead.id, Lead.first_name, Lead.last_name, Lead.patient_relationship, Lead.address_line1, Lead.postal_code),
    Lead.sealed,
)
