"""Leads without a next action: nobody has an open task for them, and no step of the automation will act for them.

A step acts that makes a task or writes to the lead, or is one of a sequence, which goes on; a reminder of a task does
not. A sweep finds such leads and marks them; the list of them reads the marks, and looks again.
"""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.core.pagination import Key, Page, page
from app.identity.actor import Actor
from app.leads.lookup import tests_of, visible_to
from app.leads.models import STILL_OPEN, Lead

LONGEST_FIRST: Final[list[Key]] = [(Lead.without_next_action_since, "asc"), (Lead.id, "asc")]
ACTING: Final = (
    "s.state IN ('planned', 'published')"
    " AND (s.kind IN ('create_task', 'escalate', 'send_message') OR s.cause ? 'enrollment_id')"
)


def has_task(lead: str) -> str:
    """SQL for whether a lead (called so in the statement) has an open task.

    Not as EXISTS, for that a planner which expects many leads may turn into reading all tasks there are.
    """
    return (
        f"coalesce((SELECT true FROM lead_tasks t WHERE t.lead_id = {lead}.id"  # noqa: S608  (ours)
        " AND t.status IN ('PENDING', 'IN_PROGRESS', 'OVERDUE') LIMIT 1), false)"
    )


def has_step(lead: str, *, but: str = "") -> str:
    """SQL for whether a step waits that will act for it."""
    return f"coalesce((SELECT true FROM steps s WHERE s.lead_id = {lead}.id AND {ACTING}{but} LIMIT 1), false)"  # noqa: S608


_STILL_WITHOUT: Final = text(
    "leads.without_next_action_since IS NOT NULL AND leads.restricted_at IS NULL"
    f" AND NOT ({has_task('leads')} OR {has_step('leads')})"
)


def without_next_action(session: Session, actor: Actor, query: Mapping[str, Any]) -> Page:
    """The open leads that have been found to have none, and still have none, the longest so first. Raises Invalid."""
    leads = select(Lead.__table__).where(*visible_to(actor), *tests_of(query, actor), STILL_OPEN, _STILL_WITHOUT)
    return page(session, leads, LONGEST_FIRST, query)
