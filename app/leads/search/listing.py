"""The list of leads: filtered, and in the orders that an index has."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Select, TextClause, func, select, text, union_all
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.core.pagination import Key, Page, page, page_of_parts
from app.core.row_security import few
from app.identity.actor import Actor
from app.leads.lookup import NEWEST_FIRST, tests_of, visible_to
from app.leads.models import STILL_OPEN, VALUED, Lead
from app.leads.next_actions.next_follow_up import Span, due_tasks, first_tasks, is_next_due, is_of_lead, next_tasks
from app.leads.next_actions.open_task import OpenTask
from app.security.encrypted_fields import open_rows


class LeadSort(StrEnum):
    """The orders of leads that an index has."""

    NEWEST = "-created_at"
    OLDEST = "created_at"
    MOST_VALUE = "-lead_value"  # those that have one
    ROTTING = "rots_at"  # those that are open
    FRESH = "-rots_at"
    NEXT_FOLLOW_UP = "next_follow_up_at"  # those that have an open task
    LAST_FOLLOW_UP = "-next_follow_up_at"


# Some orders have only those leads that their index holds.
_ORDERS: Final[Mapping[str, tuple[list[Key], tuple[TextClause, ...]]]] = {
    LeadSort.NEWEST: (NEWEST_FIRST, ()),
    LeadSort.OLDEST: ([(Lead.id, "asc")], ()),  # ids tell the time
    LeadSort.MOST_VALUE: ([(Lead.value_cents, "desc"), (Lead.id, "desc")], (text(f"leads.{VALUED}"),)),
    LeadSort.ROTTING: ([(Lead.rots_at, "asc"), (Lead.id, "asc")], (STILL_OPEN,)),
    LeadSort.FRESH: ([(Lead.rots_at, "desc"), (Lead.id, "desc")], (STILL_OPEN,)),
}
_BY_NEXT_FOLLOW_UP: Final[Mapping[str, Literal["asc", "desc"]]] = {
    LeadSort.NEXT_FOLLOW_UP: "asc",
    LeadSort.LAST_FOLLOW_UP: "desc",
}
FEW: Final = 2500

_ROWS: Final = select(Lead.__table__)


def list_leads(session: Session, actor: Actor, query: Mapping[str, Any]) -> Page:
    """The leads that pass the filters in `query` (as `LeadQuery` reads it), in its order. Raises Invalid."""
    sort = query.get("sort", LeadSort.NEWEST)
    if sort in _BY_NEXT_FOLLOW_UP:
        return _by_next_follow_up(session, actor, _looked_up(session, query), _BY_NEXT_FOLLOW_UP[sort])
    keys, only = _ORDERS[sort]
    return page(session, _ROWS.where(*passing(session, actor, query), *only), keys, query)


def passing(session: Session, actor: Actor, query: Mapping[str, Any]) -> Sequence[ColumnElement[bool]]:
    """What a lead has to be that the actor knows of, and that passes what `LeadTests` read. Raises Invalid."""
    query = _looked_up(session, query)
    return [*visible_to(actor), *tests_of(query, actor), *_follow_up_tests(session, actor, query)]


def _looked_up(session: Session, query: Mapping[str, Any]) -> Mapping[str, Any]:
    """The query with the leads that have its tag in place of it, where those are few."""
    found = few(session, "leads_tagged", query["tag"].lower()) if "tag" in query else None
    return query if found is None else {**{name: query[name] for name in query.keys() - {"tag"}}, "ids": found}


def _follow_up_tests(session: Session, actor: Actor, query: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    """Where few tasks are due in the span, it is theirs; where many are, the leads are soon found in any order."""
    if query.keys().isdisjoint({"next_follow_up_from", "next_follow_up_to"}):
        return []
    clinic_id, span = actor.clinic.id, _span(query)
    if not _are_few(session, *due_tasks(clinic_id, span)):
        return is_next_due(span)
    return [
        Lead.id.in_(union_all(*(part.with_only_columns(OpenTask.lead_id) for part in first_tasks(clinic_id, span))))
    ]


def _by_next_follow_up(session: Session, actor: Actor, query: Mapping[str, Any], way: Literal["asc", "desc"]) -> Page:
    """First which tasks are next, in their order; then whose they are."""
    tests, span = (*visible_to(actor), *tests_of(query, actor)), _span(query)
    keys: list[Key] = [(OpenTask.due_at, way), (OpenTask.id, way)]
    if _are_few(session, select(Lead.id).where(*tests)):
        parts = [next_tasks(tests, span)]
    else:
        parts = [part.where(is_of_lead(tests)) for part in first_tasks(actor.clinic.id, span)]
    own: list[Any] = [[(part.selected_columns[key.key], way) for key, _ in keys] for part in parts]
    found = page_of_parts(session, parts, keys, query, of_each=own)
    ids = [task.lead_id for task in found.items]
    leads = {row.id: row for row in open_rows(Lead, session.execute(_ROWS.where(Lead.id.in_(ids))))}
    audit_log.saw(session, "lead", ids)
    return Page([leads[lead_id] for lead_id in ids], found.next_cursor, found.total_count)


def _are_few(session: Session, *parts: Select[Any]) -> bool:
    """Whether the rows of statements that have none in common are so few that all of them may be looked at."""
    some = union_all(*(part.limit(FEW + 1) for part in parts)).subquery()
    return session.scalars(select(func.count()).select_from(some)).one() <= FEW


def _span(query: Mapping[str, Any]) -> Span:
    return Span(query.get("next_follow_up_from"), query.get("next_follow_up_to"))


class LeadPart(StrEnum):
    """What a lead names, and can be shown along with it."""

    ASSIGNED_TO = "assigned_to"
    SOURCE = "source"
