"""Filters of leads by their history: stages, endings and first contact. Figures of analytics link to such lists."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Select, Text, bindparam, func, not_, or_, select, text, union_all

from app.core.type_aliases import JsonObject
from app.leads.enums import OPEN_STATUSES, LeadStatus
from app.leads.models import Lead
from app.leads.search.creation_time import created_from, created_to
from app.leads.timeline.models import IS_STAGE_CHANGE, Activity
from app.leads.timeline.responses import has_time_to_contact

MOST_MINUTES: Final = 60 * 24 * 366


@lru_cache(maxsize=512)
def has_reached(stages: tuple[str, ...]) -> ColumnElement[bool]:
    """Return the condition that a lead is or was in any of these stages."""
    # Reports have dozens of these conditions: they are kept, and do not use `in_`, which expands at each execution.
    slugs = bindparam(None, list(stages), type_=ARRAY(Text))
    return or_(Lead.pipeline_stage == func.any(slugs), Lead.past_stages.bool_op("&&")(slugs))


def entries_into(
    clinic_id: UUID, stages: Sequence[str], since: datetime | None = None, until: datetime | None = None
) -> Select[tuple[UUID, str, datetime]]:
    """Return the entries into stages as (lead_id, stage, at): by a change of stage, or by creation in the first stage.

    The entries of a lead are as many as it has. `since` is included, `until` is not.
    """
    slugs = bindparam(None, list(stages), type_=ARRAY(Text))
    first = func.coalesce(Lead.past_stages[1], Lead.pipeline_stage)  # SQL arrays begin at 1: the stage left first
    changes = select(
        Activity.lead_id.label("lead_id"), Activity.new_stage.label("stage"), Activity.occurred_at.label("at")
    ).where(
        Activity.clinic_id == clinic_id,
        text(f"lead_activities.{IS_STAGE_CHANGE}"),
        Activity.new_stage == func.any(slugs),
        *([Activity.occurred_at >= since] if since else []),
        *([Activity.occurred_at < until] if until else []),
    )
    created = select(Lead.id, first, Lead.created_at).where(
        Lead.clinic_id == clinic_id,
        Lead.deleted_at.is_(None),
        first == func.any(slugs),
        *([created_from(since)] if since else []),
        *([created_to(until)] if until else []),
    )
    entries = union_all(changes, created).subquery("entries")
    return select(entries.c.lead_id, entries.c.stage, entries.c.at)


def entry_conditions(query: JsonObject, clinic_id: UUID) -> list[ColumnElement[bool]]:
    """Return the condition of the filters `entered_stage`, `entered_from` and `entered_to`."""
    if "entered_stage" not in query:
        return []
    entered = entries_into(clinic_id, [query["entered_stage"]], query.get("entered_from"), query.get("entered_to"))
    return [Lead.id.in_(entered.with_only_columns(entered.selected_columns.lead_id))]


def _has_answered() -> ColumnElement[bool]:
    return or_(Lead.contacted_at.is_not(None), Lead.replied_at.is_not(None))


# Leads from before touches were stored have none.
FIRST_TOUCH_SOURCE: Final = func.coalesce(Lead.first_touch_source_id, Lead.source_id)
LAST_TOUCH_SOURCE: Final = func.coalesce(Lead.last_touch_source_id, Lead.source_id)
# Conversion and loss are those of the lead as it is now: a reopened lead is neither lost nor counted as such.
HISTORY_FILTERS: Final[Mapping[str, Callable[[Any], ColumnElement[bool]]]] = {
    "reached_stage": has_reached,
    "not_reached_stage": lambda stages: not_(has_reached(stages)),
    "converted_from": lambda at: Lead.converted_at >= at,
    "converted_to": lambda at: Lead.converted_at < at,
    "lost_from": lambda at: (Lead.lost_at >= at) & (Lead.status == LeadStatus.LOST),
    "lost_to": lambda at: (Lead.lost_at < at) & (Lead.status == LeadStatus.LOST),
    "lost_reason": lambda reason: (Lead.lost_reason == reason) & (Lead.status == LeadStatus.LOST),
    "has_coordinator": lambda wanted: Lead.assigned_to_id.is_not(None) if wanted else Lead.assigned_to_id.is_(None),
    "is_imported": lambda wanted: not_(has_time_to_contact()) if wanted else has_time_to_contact(),
    "has_contact": lambda wanted: Lead.first_contact_at.is_not(None) if wanted else Lead.first_contact_at.is_(None),
    "has_answered": lambda wanted: _has_answered() if wanted else not_(_has_answered()),
    "has_replied": lambda wanted: Lead.replied_at.is_not(None) if wanted else Lead.replied_at.is_(None),
    "is_open": lambda wanted: Lead.status.in_(OPEN_STATUSES) if wanted else Lead.status.not_in(OPEN_STATUSES),
    "first_touch_source_id": lambda source_id: source_id == FIRST_TOUCH_SOURCE,
    "last_touch_source_id": lambda source_id: source_id == LAST_TOUCH_SOURCE,
    "first_contact_within": lambda minutes: Lead.first_contact_at <= Lead.created_at + timedelta(minutes=minutes),
}
