"""Redaction of audit log entries: data of leads that the caller may not see, and private fields."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit.audit_log import SUBJECTS
from app.audit.visible_ids import VISIBLE_IDS, visible_leads
from app.core.db import Base, model_of
from app.core.type_aliases import JsonDict, JsonObject
from app.identity.actor import Actor
from app.identity.permissions import Permission, Scope

_FILE_SUBJECTS: Final = frozenset({"import"})  # data of leads without an owner: for callers who see all leads


@dataclass(frozen=True, slots=True)
class Visibility:
    """Parts of the entries that the caller may see. `hidden`: ids by subject. `sees_private`: with private fields."""

    hidden: Mapping[str, Collection[UUID]]
    sees_private: bool

    def redact(self, entry: JsonObject) -> JsonDict:
        """Return the entry without hidden ids. The values of an entry with a hidden id are left out."""
        hidden = self.hidden.get(entry["subject"], ())
        ids = [one for one in entry["ids"] if one not in hidden]
        if len(ids) < len(entry["ids"]):
            return {**entry, "ids": ids, "before": None, "after": None, "is_readable": False}
        return dict(entry) if self.sees_private else {**entry, **_without_private(entry)}


def visibility_of(session: Session, actor: Actor, entries: Iterable[tuple[str, Sequence[UUID]]]) -> Visibility:
    """Return the parts of these entries (subject and ids) that the actor may see."""
    seen: dict[str, set[UUID]] = {}
    for subject, ids in entries:
        seen.setdefault(subject, set()).update(ids)
    hidden = {subject: hidden_ids(session, actor, subject, ids) for subject, ids in seen.items()}
    return Visibility(hidden, actor.allows(Permission.LEAD_PRIVATE))


def hidden_ids(session: Session, actor: Actor, subject: str, ids: Collection[UUID]) -> Collection[UUID]:
    """Return the ids that are data of leads outside the actor's `lead:read`. Deleted rows count as hidden."""
    if subject not in subjects_of_leads() or actor.permissions.get(Permission.LEAD_READ) is Scope.ALL:
        return ()
    if not actor.allows(Permission.LEAD_READ) or subject in _FILE_SUBJECTS:
        return ids
    reader = actor.within(Permission.LEAD_READ)
    if subject in VISIBLE_IDS:
        return {*ids} - {*VISIBLE_IDS[subject](session, reader, ids)}
    return {*ids} - {*_visible_by_lead(session, reader, subject, ids)}


def subjects_of_leads() -> frozenset[str]:
    """Return the subjects with rows that are data of leads."""
    by_column = {subject for name, subject in SUBJECTS.items() if "lead_id" in Base.metadata.tables[name].c}
    return frozenset({"lead", *by_column, *_FILE_SUBJECTS})


def _visible_by_lead(session: Session, reader: Actor, subject: str, ids: Collection[UUID]) -> Iterator[UUID]:
    """Yield the ids of rows of a visible lead, or of no lead."""
    [table] = [Base.metadata.tables[name] for name, its in SUBJECTS.items() if its == subject]
    rows = session.execute(select(table.c.id, table.c.lead_id).where(table.c.id.in_(ids))).all()
    leads = {row.lead_id for row in rows if row.lead_id is not None}
    visible = {None, *visible_leads(session, reader, leads)}
    return (row.id for row in rows if row.lead_id in visible)


def _without_private(entry: JsonObject) -> JsonDict:
    private = _private_fields(entry["subject"])
    return {
        name: entry[name] and {key: None if key in private else value for key, value in entry[name].items()}
        for name in ("before", "after")
    }


@cache
def _private_fields(subject: str) -> frozenset[str]:
    """Return the fields of the subject's rows that need `lead:private`."""
    tables = (name for name, its in SUBJECTS.items() if its == subject)
    return frozenset().union(*(model_of(name).private_fields for name in tables))
