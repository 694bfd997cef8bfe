"""Filters of leads by their history: stages, endings and first contact. Figures of analytics link to such lists."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Select, Text, bindparam, func, not_, or_, select, text, union_all

from app.core.type_aliases import JsonObject
from app.leads.enums import CaptureChannel, LeadStatus
from app.leads.models import Lead
from app.leads.search.creation_time import created_from, created_to
from app.leads.timeline.models import IS_STAGE_CHANGE, Activity

MOST_MINUTES: Final = 60 * 24 * 366


@lru_cache(maxsize=512)
def has_reached(stages: tuple[str, ...]) -> ColumnElement[bool]:
    """Return the condition that a lead is or was in any of these stages."""
    # Reports have dozens of these conditions: they are kept, and do not use `in_`, which expands at each execution.
    slugs = bindparam(None, list(stages), type_=ARRAY(Text))
    return or_(Lead.pipeline_stage == func.any(slugs), Lead.past_stages.bool_op("&&")(slugs))


def has_entered(
    clinic_id: UUID, stage: str, since: datetime | None = None, until: datetime | None = None
) -> Select[tuple[UUID, datetime]]:
    """Return the entries into a stage as (lead_id, at): by a change of stage, or by creation in this first stage.

    The entries of a lead are as many as it has. `since` is included, `until` is not.
    """
    changes = select(Activity.lead_id.label("lead_id"), Activity.occurred_at.label("at")).where(
        Activity.clinic_id == clinic_id,
        text(f"lead_activities.{IS_STAGE_CHANGE}"),
        Activity.new_stage == stage,
        *([Activity.occurred_at >= since] if since else []),
        *([Activity.occurred_at < until] if until else []),
    )
    # SQL arrays begin at 1: the stage that the lead left first.
    created = select(Lead.id, Lead.created_at).where(
        Lead.clinic_id == clinic_id,
        func.coalesce(Lead.past_stages[1], Lead.pipeline_stage) == stage,
        *([created_from(since)] if since else []),
        *([created_to(until)] if until else []),
    )
    entries = union_all(changes, created).subquery("entries")
    return select(entries.c.lead_id, entries.c.at)


def entry_conditions(query: JsonObject, clinic_id: UUID) -> list[ColumnElement[bool]]:
    """Return the condition of the filters `entered_stage`, `entered_from` and `entered_to`."""
    if "entered_stage" not in query:
        return []
    entered = has_entered(clinic_id, query["entered_stage"], query.get("entered_from"), query.get("entered_to"))
    return [Lead.id.in_(entered.with_only_columns(entered.selected_columns.lead_id))]


def _is_imported(wanted: object) -> ColumnElement[bool]:
    is_import = Lead.capture_channel == CaptureChannel.IMPORT
    return is_import if wanted else not_(is_import)


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
    "is_imported": _is_imported,
    "has_contact": lambda wanted: Lead.first_contact_at.is_not(None) if wanted else Lead.first_contact_at.is_(None),
    "first_contact_within": lambda minutes: Lead.first_contact_at <= Lead.created_at + timedelta(minutes=minutes),
}
