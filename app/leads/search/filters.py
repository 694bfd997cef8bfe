"""Filters of lead lists, as SQL conditions."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ARRAY, BindParameter, ColumnElement, Text, and_, bindparam, cast

from app.clock import now
from app.core.db import is_among
from app.core.type_aliases import JsonObject
from app.identity.actor import Actor
from app.identity.users.lookup import resolve_user_id
from app.leads.models import IS_OPEN_LEAD, Lead
from app.leads.search.creation_time import created_from, created_to
from app.leads.search.history_filters import HISTORY_FILTERS, entry_conditions
from app.leads.search.message_filters import MESSAGE_FILTERS


def is_rotting() -> ColumnElement[bool]:
    """Return the condition that an open lead is rotting now. Restricted leads and leads whose rules wait are
    excluded.
    """
    return and_(IS_OPEN_LEAD, Lead.rots_at <= _now(), Lead.restricted_at.is_(None), Lead.rules_wait_since.is_(None))


def is_not_yet_rotting() -> ColumnElement[bool]:
    """Return the condition that a lead is open and not rotting yet."""
    return and_(IS_OPEN_LEAD, Lead.rots_at > _now())


def _now() -> BindParameter[datetime]:
    """Return the current time as an SQL literal, because the planner needs the value to estimate the rows."""
    return bindparam("now", now(), type_=Lead.rots_at.type, unique=True, literal_execute=True)


def filter_conditions(query: JsonObject, actor: Actor) -> list[ColumnElement[bool]]:
    """Return the SQL conditions of the filters in `query` (fields of LeadTests). Raises Invalid."""
    tests = [test(query[name]) for name, test in _FILTERS.items() if name in query]
    if "assigned_to_id" in query:
        tests.append(Lead.assigned_to_id == resolve_user_id(query["assigned_to_id"], actor))
    return [*tests, *entry_conditions(query, actor.clinic.id)]


def condition_of(name: str, value: Any) -> ColumnElement[bool]:
    """Return the SQL condition of one filter that has the same meaning for every caller."""
    return _FILTERS[name](value)


_FILTERS: Final[Mapping[str, Callable[[Any], ColumnElement[bool]]]] = {
    "status": lambda status: Lead.status == status,
    "stage": lambda stage: Lead.pipeline_stage == stage,
    "source_id": lambda source_id: Lead.source_id == source_id,
    "source_campaign": lambda campaign: Lead.source_campaign == campaign,
    "created_from": created_from,
    "created_to": created_to,
    "tag": lambda tag: Lead.tags.bool_op("@>")(cast([tag.lower()], ARRAY(Text))),
    "ids": lambda ids: is_among(Lead.id, ids),
    "language": lambda language: Lead.language == language,
    "channel": lambda channel: Lead.capture_channel == channel,
    "external_id": lambda external_id: Lead.external_id == external_id,
    "value_from": lambda amount: Lead.value_cents >= int(amount * 100),
    "value_to": lambda amount: Lead.value_cents <= int(amount * 100),
    "score_from": lambda score: Lead.score >= score,
    "score_to": lambda score: Lead.score <= score,
    "rules_wait": lambda wanted: Lead.rules_wait_since.is_not(None) if wanted else Lead.rules_wait_since.is_(None),
    "rotting": lambda wanted: is_rotting() if wanted else is_not_yet_rotting(),
    **HISTORY_FILTERS,
    **MESSAGE_FILTERS,
}
