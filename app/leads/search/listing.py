"""List of leads: filters and sort orders."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, TextClause, func, select, text, union_all
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.core.database.row_security import find_few_ids
from app.core.db import AnySelect, is_among
from app.core.pagination import Key, Page, page, page_of_parts
from app.core.type_aliases import JsonObject
from app.identity.actor import Actor
from app.leads.models import IS_OPEN_LEAD, WITH_VALUE, Lead
from app.leads.search.by_text.find import find_lead_ids, has_keys
from app.leads.search.by_text.query import TextQuery
from app.leads.search.filters import filter_conditions
from app.leads.search.lookup import NEWEST_FIRST, visible_to
from app.leads.search.next_follow_up import DueRange, belongs_to_lead, due_tasks, first_tasks, is_next_due, next_tasks
from app.leads.search.open_task import OpenTask
from app.security.encrypted_fields import decrypt_rows


class LeadSort(StrEnum):
    """Sort orders of leads. Each has an index."""

    NEWEST = "-created_at"
    OLDEST = "created_at"
    MOST_VALUE = "-lead_value"  # only leads with a value
    BEST_SCORE = "-score"  # only leads with a score
    ROTTING = "rots_at"  # only open leads
    FRESH = "-rots_at"
    NEXT_FOLLOW_UP = "next_follow_up_at"  # only leads with an open task
    LAST_FOLLOW_UP = "-next_follow_up_at"


_HAS_SCORE: Final = text("leads.score IS NOT NULL AND leads.deleted_at IS NULL")
# Some orders list only the leads in their partial index.
_ORDERS: Final[Mapping[str, tuple[list[Key], tuple[TextClause, ...]]]] = {
    LeadSort.NEWEST: (NEWEST_FIRST, ()),
    LeadSort.OLDEST: ([(Lead.id, "asc")], ()),  # ids are ordered by time
    LeadSort.MOST_VALUE: ([(Lead.value_cents, "desc"), (Lead.id, "desc")], (text(f"leads.{WITH_VALUE}"),)),
    LeadSort.BEST_SCORE: ([(Lead.score, "desc"), (Lead.id, "desc")], (_HAS_SCORE,)),
    LeadSort.ROTTING: ([(Lead.rots_at, "asc"), (Lead.id, "asc")], (IS_OPEN_LEAD,)),
    LeadSort.FRESH: ([(Lead.rots_at, "desc"), (Lead.id, "desc")], (IS_OPEN_LEAD,)),
}
_BY_NEXT_FOLLOW_UP: Final[Mapping[str, Literal["asc", "desc"]]] = {
    LeadSort.NEXT_FOLLOW_UP: "asc",
    LeadSort.LAST_FOLLOW_UP: "desc",
}
FEW: Final = 2500

_ROWS: Final = select(Lead.__table__)


def list_leads(session: Session, actor: Actor, query: JsonObject) -> Page:
    """List leads by the filters and sort order of `query` (fields of LeadQuery). Raises Invalid."""
    sort = query.get("sort", LeadSort.NEWEST)
    if sort in _BY_NEXT_FOLLOW_UP:
        return _by_next_follow_up(
            session, actor, _resolve_rare_filters(session, actor, query), _BY_NEXT_FOLLOW_UP[sort]
        )
    keys, only = _ORDERS[sort]
    return page(session, _ROWS.where(*lead_conditions(session, actor, query), *only), keys, query)


def as_listed(session: Session, actor: Actor, query: JsonObject, leads: AnySelect) -> AnySelect:
    """Restrict a statement for leads to those that `list_leads` returns, in the same order. Raises Invalid."""
    leads, sort = leads.where(*lead_conditions(session, actor, query)), query.get("sort", LeadSort.NEWEST)
    if sort in _BY_NEXT_FOLLOW_UP:
        first = union_all(*first_tasks(actor.clinic.id, _due_range(query))).subquery("first")
        leads = leads.join(first, first.c.lead_id == Lead.id)
        return _ordered(leads, [(column, _BY_NEXT_FOLLOW_UP[sort]) for column in (first.c.due_at, first.c.id)])
    keys, only = _ORDERS[sort]
    return _ordered(leads.where(*only), keys)


def _ordered(leads: AnySelect, keys: Iterable[tuple[Any, str]]) -> AnySelect:
    return leads.order_by(*(column.asc() if direction == "asc" else column.desc() for column, direction in keys))


def lead_conditions(session: Session, actor: Actor, query: JsonObject) -> Sequence[ColumnElement[bool]]:
    """Return the conditions for visible leads that pass `query` (fields of LeadTests). Raises Invalid."""
    query = _resolve_rare_filters(session, actor, query)
    return [*visible_to(actor), *_tests(query, actor), *_follow_up_tests(session, actor, query)]


def _tests(query: JsonObject, actor: Actor) -> list[ColumnElement[bool]]:
    words = [has_keys(actor, query["words"])] if "words" in query else []
    return [*filter_conditions(query, actor), *words]


def _resolve_rare_filters(session: Session, actor: Actor, query: JsonObject) -> JsonObject:
    """Replace the filters `tag` and `q` by lead ids, if few leads match them."""
    asked = dict(query)
    named: list[Sequence[UUID]] = []
    if "tag" in asked and (tagged := find_few_ids(session, "leads_tagged", asked["tag"].lower())) is not None:
        named.append(tagged)
        del asked["tag"]
    if "q" in asked:
        words = TextQuery(asked.pop("q"), actor.clinic.region)
        if (found := find_lead_ids(session, actor, words)) is not None:
            named.append(found)
        else:
            asked["words"] = words
    if not named:
        return asked
    if "ids" in asked:
        named.append(asked["ids"])
    return {**asked, "ids": list({*named[0]}.intersection(*named))}


def _follow_up_tests(session: Session, actor: Actor, query: JsonObject) -> list[ColumnElement[bool]]:
    """Filter by next due time: through the tasks if few are due in the range, else through the leads."""
    if query.keys().isdisjoint({"next_follow_up_from", "next_follow_up_to"}):
        return []
    clinic_id, due = actor.clinic.id, _due_range(query)
    if not _are_few(session, *due_tasks(clinic_id, due)):
        return is_next_due(due)
    return [Lead.id.in_(union_all(*(part.with_only_columns(OpenTask.lead_id) for part in first_tasks(clinic_id, due))))]


def _by_next_follow_up(session: Session, actor: Actor, query: JsonObject, direction: Literal["asc", "desc"]) -> Page:
    """Page through the next tasks in due order, then load their leads."""
    tests, due = (*visible_to(actor), *_tests(query, actor)), _due_range(query)
    keys: list[Key] = [(OpenTask.due_at, direction), (OpenTask.id, direction)]
    if _are_few(session, select(Lead.id).where(*tests)):
        parts = [next_tasks(tests, due)]
    else:
        parts = [part.where(belongs_to_lead(tests)) for part in first_tasks(actor.clinic.id, due)]
    own: list[Any] = [[(part.selected_columns[key.key], direction) for key, _ in keys] for part in parts]
    found = page_of_parts(session, parts, keys, query, of_each=own)
    ids = [task.lead_id for task in found.items]
    leads = {row.id: row for row in decrypt_rows(Lead, session.execute(_ROWS.where(is_among(Lead.id, ids))))}
    audit_log.note_read(session, "lead", ids)
    return Page([leads[lead_id] for lead_id in ids], found.next_cursor, found.total_count)


def _are_few(session: Session, *parts: AnySelect) -> bool:
    """Return whether the (disjoint) statements together have at most FEW rows, which may all be read."""
    some = union_all(*(part.limit(FEW + 1) for part in parts)).subquery()
    return session.scalars(select(func.count()).select_from(some)).one() <= FEW


def _due_range(query: JsonObject) -> DueRange:
    return DueRange(query.get("next_follow_up_from"), query.get("next_follow_up_to"))


class LeadPart(StrEnum):
    """Related objects that a response can embed (`expand`)."""

    ASSIGNED_TO = "assigned_to"
    SOURCE = "source"
