"""Open leads without a next action: no open task, and no automation step that will act on them.

A step acts if it creates a task, sends a message to the lead, or belongs to a sequence. A task reminder does not act.
A sweep flags such leads; the list reads the flags and checks them again.
"""

from datetime import timedelta
from typing import Final

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.core.pagination import Key, Page, page
from app.core.type_aliases import JsonObject
from app.engine.models import Kind
from app.identity.actor import Actor
from app.leads.models import IS_OPEN_LEAD, Lead
from app.leads.search.filters import filter_conditions
from app.leads.search.lookup import visible_to

LONGEST_FIRST: Final[list[Key]] = [(Lead.without_next_action_since, "asc"), (Lead.id, "asc")]
TO_PLAN: Final = timedelta(minutes=5)  # after the last activity, so that a coordinator can plan the next action first
ACTING_KINDS: Final = (Kind.CREATE_TASK, Kind.ESCALATE, Kind.SEND_MESSAGE)
ACTING_STEPS: Final = (
    "s.state IN ('planned', 'published')"
    f" AND (s.kind IN ({', '.join(map(repr, map(str, ACTING_KINDS)))}) OR s.cause ? 'enrollment_id')"
)


def has_task(lead: str) -> str:
    """Return SQL that tests whether a lead has an open task. `lead` is its alias in the statement.

    A scalar subquery, because a planner that expects many leads may turn EXISTS into a scan of all tasks.
    """
    return (
        f"coalesce((SELECT true FROM lead_tasks t WHERE t.lead_id = {lead}.id"  # noqa: S608  (ours)
        " AND t.status IN ('PENDING', 'IN_PROGRESS', 'OVERDUE') LIMIT 1), false)"
    )


def has_step(lead: str, *, condition: str = "") -> str:
    """Return SQL that tests whether a planned step will act on the lead. `condition` starts with ` AND`."""
    step = f"SELECT true FROM steps s WHERE s.lead_id = {lead}.id AND {ACTING_STEPS}{condition} LIMIT 1"  # noqa: S608
    return f"coalesce(({step}), false)"


_STILL_WITHOUT: Final = text(
    "leads.without_next_action_since IS NOT NULL AND leads.restricted_at IS NULL"
    f" AND NOT ({has_task('leads')} OR {has_step('leads')})"
)


def without_next_action(session: Session, actor: Actor, query: JsonObject) -> Page:
    """List open leads without a next action, longest without one first. Raises Invalid."""
    leads = select(Lead.__table__).where(
        *visible_to(actor), *filter_conditions(query, actor), IS_OPEN_LEAD, _STILL_WITHOUT
    )
    return page(session, leads, LONGEST_FIRST, query)
