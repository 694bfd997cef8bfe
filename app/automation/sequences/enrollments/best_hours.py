"""Best hours of leads whose next step waits for them (`after: best_time`)."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from app.engine.sequences.sequence import SequenceStep
from app.leads.facts.best_time.load import best_hours_of


def best_hours_for(session: Session, planned: Iterable[tuple[UUID, SequenceStep]]) -> Mapping[UUID, Sequence[str]]:
    """Return the best hours by lead id, from lead ids and their next steps. No query if no step waits for them."""
    lead_ids = {lead_id for lead_id, step in planned if step.timing.at_best_time}
    return best_hours_of(session, lead_ids) if lead_ids else {}
