"""Erasure of rows that no column links to a lead: they are found by what they contain.

Rows of files and bulk calls that never became leads, messages that were never assigned, digests of users, and texts
that users typed into views, reports and bulk follow-ups.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, inspect, select, text
from sqlalchemy.orm import Session

from app.audit.audit_log import change_context
from app.core.db import model_of, to_json
from app.leads.capture.imports.rows import decrypted_cells
from app.leads.duplicates.search import UNKNOWN_CALLER
from app.leads.models import Lead
from app.leads.personal_data.columns import Erased
from app.leads.personal_data.tables import TABLES
from app.security.encrypted_fields import decrypt_or_none
from app.security.encryption import DecryptionError, decrypt_json, encryption_context

ERASED: Final = "Erased"
SHORTEST: Final = 5  # characters of a value that finds rows by itself
_DIGITS_OF_A_NUMBER: Final = 9  # the end of a phone number, which is the same in each format
_WORD: Final = re.compile(r"\w+")

_IMPORT_ROWS: Final = text(
    "SELECT r.import_id, r.position, r.cells_sealed FROM import_rows r JOIN imports i ON i.id = r.import_id"
    " WHERE i.clinic_id = :clinic AND r.cells_sealed IS NOT NULL"
)
_NEW_LEADS: Final = text(
    "SELECT i.job_id, i.position, i.lead_sealed FROM job_items i JOIN jobs j ON j.id = i.job_id"
    " WHERE j.clinic_id = :clinic AND i.lead_sealed IS NOT NULL"
)
_FORGET_CELLS: Final = text(
    "UPDATE import_rows SET cells_sealed = NULL WHERE import_id = :import_id AND position = :position"
)
_FORGET_KEYS: Final = text("DELETE FROM import_row_keys WHERE import_id = :import_id AND position = :position")
# A row that waits to become a lead is cancelled. The chunk that reaches it ends the job.
_FORGET_NEW_LEAD: Final = text(
    "WITH item AS (SELECT status FROM job_items WHERE job_id = :job_id AND position = :position FOR UPDATE),"
    " forgotten AS (UPDATE job_items SET lead_sealed = NULL, error = NULL,"
    " status = CASE status WHEN 'pending' THEN 'cancelled' ELSE status END"
    " WHERE job_id = :job_id AND position = :position)"
    " UPDATE jobs SET cancelled = cancelled + 1 FROM item WHERE id = :job_id AND item.status = 'pending'"
)
_FORGET_ERRORS: Final = text(
    "UPDATE job_items i SET error = NULL FROM jobs j WHERE j.id = i.job_id AND j.clinic_id = :clinic"
    " AND CAST(j.spec ->> 'import_id' AS uuid) = :import_id AND i.position = :position"
)
_NOTICES: Final = text(
    "SELECT id, subject, body FROM notifications WHERE clinic_id = :clinic AND lead_id IS NULL"
    " AND concat(subject, ' ', body) ILIKE ANY(:patterns)"
)
_FORGET_NOTICES: Final = text("UPDATE notifications SET subject = 'Erased', body = 'Erased' WHERE id = ANY(:ids)")
_SUPPRESSION_CHANGES: Final = text(
    "SELECT c.entry, c.sealed, e.request_id FROM audit_changes c JOIN audit_entries e ON e.number = c.entry"
    " WHERE e.clinic_id = :clinic AND e.subject = 'suppression'"
)
_FORGET_CHANGE: Final = text("DELETE FROM audit_changes WHERE entry = :entry")


@dataclass(frozen=True, slots=True)
class Person:
    """The ids, addresses and numbers of a person, and the names of at least two words."""

    contacts: frozenset[str]
    numbers: frozenset[str]
    names: frozenset[frozenset[str]]

    @classmethod
    def of(cls, leads: Iterable[Lead]) -> "Person":
        """Return what the leads, which are all of one person, are known by."""
        contacts, numbers, names = set[str](), set[str](), set[frozenset[str]]()
        for lead in leads:
            fields = decrypt_or_none(Lead, lead.id, lead.sealed)
            known = (lead.social_handle, lead.external_id, fields["email"], fields["insurance_member_id"])
            contacts |= {str(lead.id), *filter(None, known)}
            phones = filter(None, (fields["phone"], fields["phone_alt"]))
            numbers |= {_digits(phone)[-_DIGITS_OF_A_NUMBER:] for phone in phones}
            for name in (lead.first_name, lead.last_name), (lead.patient_first_name, lead.patient_last_name):
                if all(name) and name != UNKNOWN_CALLER:
                    names.add(frozenset(_words(" ".join(name))))
        return cls(
            frozenset(value.casefold() for value in contacts if len(value) >= SHORTEST),
            frozenset(number for number in numbers if len(number) == _DIGITS_OF_A_NUMBER),
            frozenset(names),
        )

    @property
    def patterns(self) -> list[str]:
        """Patterns of SQL: a text that names the person matches one of them. Others may match, too."""
        words = {max(name, key=len) for name in self.names}
        spaced = {"%".join(number[-4:]) for number in self.numbers}
        return [f"%{_escaped(value)}%" for value in (*self.contacts, *words)] + [f"%{one}%" for one in spaced]

    def is_named_in(self, value: str) -> bool:
        """Whether a text contains an address or number of the person, or all words of a name."""
        folded = value.casefold()
        if any(contact in folded for contact in self.contacts):
            return True
        if self.numbers and (digits := _digits(folded)) and any(number in digits for number in self.numbers):
            return True
        words = _words(folded)
        return any(name <= words for name in self.names)


def _digits(value: str) -> str:
    return re.sub(r"\D", "", value)


def _words(value: str) -> set[str]:
    return set(_WORD.findall(value.casefold()))


def _escaped(value: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", value)


def erase_unlinked_rows(session: Session, clinic_id: UUID, lead_id: UUID) -> list[UUID]:
    """Erase the rows of the clinic that name the person. Returns the ids that audit log entries may refer to."""
    found = select(Lead).where((Lead.id == lead_id) | (Lead.merged_into_id == lead_id))
    person = Person.of(session.scalars(found))
    _erase_new_rows(session, clinic_id, person)
    _erase_notices(session, clinic_id, person)
    _erase_suppression_values(session, clinic_id, person)
    return [*_erase_unmatched(session, clinic_id, person), *_erase_texts(session, clinic_id, person)]


def _erase_new_rows(session: Session, clinic_id: UUID, person: Person) -> None:
    """Erase rows of files and of bulk calls that did not become leads."""
    for row in _read(session, _IMPORT_ROWS, clinic_id):
        if _names(person, partial(decrypted_cells, row.import_id, row)):
            given = {"import_id": row.import_id, "position": row.position}
            session.execute(_FORGET_CELLS, given)
            session.execute(_FORGET_KEYS, given)
            session.execute(_FORGET_ERRORS, {**given, "clinic": clinic_id})
    for row in _read(session, _NEW_LEADS, clinic_id):
        context = encryption_context("job_items", "lead_sealed", row.job_id, row.position)
        if _names(person, partial(decrypt_json, row.lead_sealed, context=context)):
            session.execute(_FORGET_NEW_LEAD, {"job_id": row.job_id, "position": row.position})


def _read(session: Session, query: Any, clinic_id: UUID) -> Sequence[Row[Any]]:
    return session.execute(query, {"clinic": clinic_id}).all()


def _names(person: Person, decrypted: Callable[[], object]) -> bool:
    """Whether an encrypted value names the person. One that does not decrypt is readable for nobody."""
    try:
        return person.is_named_in(" ".join(_strings(decrypted())))
    except DecryptionError:
        return False


def _erase_suppression_values(session: Session, clinic_id: UUID, person: Person) -> None:
    """Delete audited values of the suppression list that name the person. Their entries have the id of the clinic."""
    for row in _read(session, _SUPPRESSION_CHANGES, clinic_id):
        context = change_context(clinic_id, row.request_id)
        if _names(person, partial(decrypt_json, row.sealed, context=context)):
            session.execute(_FORGET_CHANGE, {"entry": row.entry})


def _erase_unmatched(session: Session, clinic_id: UUID, person: Person) -> Iterator[UUID]:
    """Erase e-mails and texts from the person that were not assigned to a lead."""
    for table in ("inbound_emails", "inbound_texts"):
        model = model_of(table)
        unmatched = text(f"SELECT id, sealed FROM {table} WHERE clinic_id = :clinic AND lead_id IS NULL")  # noqa: S608
        for row in _read(session, unmatched, clinic_id):
            fields = decrypt_or_none(model, row.id, row.sealed)
            if person.is_named_in(" ".join(_strings([fields["sender"], fields["sender_name"], fields["body"]]))):
                _blank(session, table, row.id)
                yield row.id


def _blank(session: Session, table: str, row_id: UUID) -> None:
    names = [name for name, one in TABLES[table].columns.items() if one.erased is Erased.REPLACED]
    stored = [name for name in names if name in model_of(table).__table__.columns]
    values = ", ".join(f"{name} = NULL" for name in (*stored, "sealed"))
    session.execute(text(f"UPDATE {table} SET {values} WHERE id = :id"), {"id": row_id})  # noqa: S608  (constants)
    if table == "inbound_emails":
        session.execute(text("DELETE FROM inbound_raw_emails WHERE id = :id"), {"id": row_id})


def _erase_notices(session: Session, clinic_id: UUID, person: Person) -> None:
    """Erase messages to users that list several leads, such as daily digests."""
    found = session.execute(_NOTICES, {"clinic": clinic_id, "patterns": person.patterns})
    ids = [row.id for row in found if person.is_named_in(f"{row.subject} {row.body}")]
    if ids:
        session.execute(_FORGET_NOTICES, {"ids": ids})


def _erase_texts(session: Session, clinic_id: UUID, person: Person) -> Iterator[UUID]:
    """Erase texts of users where they name the person, in the columns that are declared so."""
    for table, declared in TABLES.items():
        names = [name for name, column in declared.columns.items() if column.erased is Erased.IF_NAMED]
        if names:
            yield from _erase_texts_of(session, table, names, clinic_id=clinic_id, person=person)


def _erase_texts_of(
    session: Session, table: str, names: Sequence[str], *, clinic_id: UUID, person: Person
) -> Iterator[UUID]:
    columns = model_of(table).__table__.columns
    keys = [key.name for key in inspect(model_of(table)).primary_key]
    listed = ", ".join([*keys, *names])
    anywhere = " OR ".join(f"CAST({name} AS text) ILIKE ANY(:patterns)" for name in names)
    found = session.execute(
        text(f"SELECT {listed} FROM {table} WHERE clinic_id = :clinic AND ({anywhere})"),  # noqa: S608  (constants)
        {"clinic": clinic_id, "patterns": person.patterns},
    ).all()
    for row in found:
        values = {name: _without(person, getattr(row, name), str(row[0])) for name in names}
        changed = {name: value for name, value in values.items() if value != getattr(row, name)}
        if not changed:
            continue
        is_json = {name: columns[name].type.python_type is not str for name in changed}
        settings = ", ".join(f"{name} = CAST(:{name} AS {'jsonb' if is_json[name] else 'text'})" for name in changed)
        where = " AND ".join(f"{key} = :key_{key}" for key in keys)
        given = {name: to_json(value) if is_json[name] else value for name, value in changed.items()}
        given |= {f"key_{key}": getattr(row, key) for key in keys}
        session.execute(text(f"UPDATE {table} SET {settings} WHERE {where}"), given)  # noqa: S608  (constants)
        if keys == ["id"]:
            yield row.id


def _without(person: Person, value: Any, row_id: str) -> Any:
    """Return a text or a JSON value without the texts that name the person. `row_id` keeps names unique."""
    if isinstance(value, str):
        return f"{ERASED} {row_id[:8]}".strip() if person.is_named_in(value) else value
    if isinstance(value, dict):
        return {name: _without(person, one, "") for name, one in value.items()}
    if isinstance(value, list):
        return [_without(person, one, "") for one in value]
    return value


def _strings(value: Any) -> Iterator[str]:
    """Yield all texts in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _strings(one)
