"""Cost history of lead sources: written when a source's monthly cost changes, read for the spend of a period."""

from calendar import monthrange
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.clock import now
from app.core.calendar.months import add_months
from app.core.db import new_id
from app.identity.clinics import load_context
from app.leads.attribution.cost_models import SourceCost
from app.leads.attribution.models import LeadSource


def save_cost(session: Session, source: LeadSource) -> None:
    """Write the source's monthly cost into its history: it is valid from this month on, in the clinic's time zone."""
    at = now()
    month = load_context(session, source.clinic_id).calendar.local(at).date().replace(day=1)
    values = {"monthly_cost": source.monthly_cost, "written_at": at}
    row = {"id": new_id(), "clinic_id": source.clinic_id, "source_id": source.id, "valid_from": month, **values}
    key = ["clinic_id", "source_id", "valid_from"]
    session.execute(insert(SourceCost).values(row).on_conflict_do_update(index_elements=key, set_=values))


CostHistory = Mapping[UUID, Sequence[SourceCost]]  # by source, in order of time


def cost_history(session: Session, clinic_id: UUID, end: date) -> CostHistory:
    """Return the costs of each source that are valid before `end`."""
    rows = select(SourceCost).where(SourceCost.clinic_id == clinic_id, SourceCost.valid_from < end)
    history: defaultdict[UUID, list[SourceCost]] = defaultdict(list)
    for row in session.scalars(rows.order_by(SourceCost.valid_from)):
        history[row.source_id].append(row)
    return history


def spend_by_source(history: CostHistory, first: date, end: date) -> dict[UUID, Decimal]:
    """Return what each source cost from `first` to before `end`, without sources of unknown cost.

    A month's cost is spread evenly over its days.
    """
    spent = {source_id: _spend(costs, first, end) for source_id, costs in history.items()}
    return {source_id: amount for source_id, amount in spent.items() if amount is not None}


def _spend(costs: Sequence[SourceCost], first: date, end: date) -> Decimal | None:
    starts = [*(min(cost.valid_from, end) for cost in costs), end]
    parts = [
        _between(cost.monthly_cost, max(since, first), min(until, end))
        for cost, (since, until) in zip(costs, pairwise(starts), strict=True)
        if cost.monthly_cost is not None and max(since, first) < min(until, end)
    ]
    return sum(parts, Decimal()) if parts else None


def _between(monthly_cost: Decimal, since: date, until: date) -> Decimal:
    """Return the cost of these days: for each month, its share of the days."""
    spent = Decimal()
    while since < until:
        month_ends = min(add_months(since.replace(day=1), 1), until)
        spent += monthly_cost * (month_ends - since).days / monthrange(since.year, since.month)[1]
        since = month_ends
    return spent
