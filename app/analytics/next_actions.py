"""Report about next actions: how often users accepted or dismissed each act."""

from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.analytics.periods import days_of
from app.automation.lead_view.next_action_models import NextActionAnswer
from app.clock import now
from app.core.type_aliases import JsonDict, JsonObject
from app.identity.actor import Actor
from app.leads.models import Lead
from app.leads.search.lookup import visible_to

WORDS: Final = (
    "Accepted answers divided by all answers to suggested next actions of leads that you may see,"
    " by the time of the answer."
)


def next_action_report(session: Session, actor: Actor, query: JsonObject) -> JsonDict:
    """Return the answers to suggestions by act, from `query["from_"]` to before `query["to"]`. Raises Invalid."""
    days = days_of(query.get("from_"), query.get("to"), actor.clinic.calendar, now=now())
    accepted = func.count().filter(NextActionAnswer.is_accepted)
    found = session.execute(
        select(NextActionAnswer.act, accepted.label("accepted"), func.count().label("answers"))
        .join(Lead, Lead.id == NextActionAnswer.lead_id)
        .where(NextActionAnswer.clinic_id == actor.clinic.id, *visible_to(actor))
        .where(NextActionAnswer.answered_at >= days.since, NextActionAnswer.answered_at < days.until)
        .group_by(NextActionAnswer.act)
        .order_by(NextActionAnswer.act)
    )
    rows = [_row(row) for row in found]
    return {"from_": days.first, "to": days.end, "words": WORDS, "acts": rows}


def _row(row: Any) -> JsonDict:
    dismissed = row.answers - row.accepted
    rate = row.accepted / row.answers
    return {"act": row.act, "accepted": row.accepted, "dismissed": dismissed, "acceptance_rate": rate}
