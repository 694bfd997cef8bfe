"""Write the items of a bulk follow-up job: lead ids, new leads, or leads that match a filter."""

from typing import Final
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.core.db import AnySelect
from app.core.type_aliases import JsonObject
from app.engine.jobs.fill import fill_with_found, fill_with_ids
from app.engine.jobs.items import lead_encryption_context
from app.engine.jobs.models import MAX_ITEMS
from app.errors import Invalid
from app.identity.actor import Actor
from app.identity.users.lookup import resolve_user_id
from app.leads.enums import OPEN_STATUSES
from app.leads.models import Lead
from app.leads.search.lookup import visible_to
from app.security.encryption import encrypt_json

_COLUMNS: Final = {"stage": Lead.pipeline_stage, "source_id": Lead.source_id}


def fill(session: Session, actor: Actor, job_id: UUID, data: JsonObject) -> tuple[int, int]:
    """Write the items for `data`, as `BulkIn` reads it. Return the number of items, and how many failed at once.

    Raises Invalid (when a filter matches more leads than a job may hold).
    """
    if "filter" in data:
        return _fill_by_filter(session, actor, job_id, data["filter"]), 0
    if "leads" in data:
        leads = data["leads"]
        sealed = [
            encrypt_json(lead, context=lead_encryption_context(job_id, place)) for place, lead in enumerate(leads)
        ]
        session.execute(_NEW_LEADS, {"job": job_id, "leads": sealed})
        return len(leads), 0
    return fill_with_ids(session, job_id, data["lead_ids"])


def leads_of_filter(actor: Actor, tests: JsonObject) -> AnySelect:
    """Select the ids of the leads that match a filter, of those that the actor sees."""
    found = (
        select(Lead.id)
        .where(*visible_to(actor))
        .where(Lead.status.in_([tests["status"]] if "status" in tests else OPEN_STATUSES))
        .where(*(column == tests[name] for name, column in _COLUMNS.items() if name in tests))
        .limit(MAX_ITEMS + 1)
    )
    if "assigned_to_id" in tests:
        found = found.where(Lead.assigned_to_id == resolve_user_id(tests["assigned_to_id"], actor))
    return found


def require_few(leads: int) -> None:
    """Check that a job can hold so many leads. Raises Invalid."""
    if leads > MAX_ITEMS:
        raise Invalid.at("/filter", f"Matches more than {MAX_ITEMS:,} leads. Narrow the filter.")


def _fill_by_filter(session: Session, actor: Actor, job_id: UUID, tests: JsonObject) -> int:
    total = fill_with_found(session, job_id, leads_of_filter(actor, tests))
    require_few(total)
    return total


_NEW_LEADS: Final = text(
    "INSERT INTO job_items (job_id, position, lead_sealed, status)"
    " SELECT :job, n - 1, lead, 'pending'"
    " FROM unnest(CAST(:leads AS bytea[])) WITH ORDINALITY AS given(lead, n)"
)
