"""Nurtures of a practice: set up over their service, run by the workers' own sweep."""

from datetime import datetime
from typing import Any
from uuid import UUID

from app.api.automation.nurture_schemas import NurtureIn
from app.automation.nurtures import service
from app.core.db import transaction
from tests.support.practice import Practice, sql
from workers.sweeps.run import sweep

NURTURE: dict[str, Any] = {"name": "nurture", "sequence": "welcome", "score_from": 2, "score_to": 6}


def set_up(practice: Practice, **parts: Any) -> UUID:
    """Create a nurture as the API does and return its id."""
    with transaction() as session:
        data = NurtureIn().read({**NURTURE, **parts})
        return service.create_nurture(session, practice.actor(), data).id


def score(lead_id: UUID, score: int | None, **columns: Any) -> None:
    """Set the lead's score and other columns."""
    sets = "".join(f", {name} = :{name}" for name in columns)
    sql(f"UPDATE leads SET score = :score{sets} WHERE id = :id", id=lead_id, score=score, **columns)


def run_nurtures() -> None:
    """Run the sweep of nurtures."""
    sweep("run_nurtures")


def runs(practice: Practice) -> list[tuple[datetime, str, int]]:
    """Return the runs of all nurtures: hour, state and number of leads."""
    found = sorted(practice.rows("nurture_runs"), key=lambda run: run.scheduled_for)
    return [(run.scheduled_for, run.state, run.taken) for run in found]


def taken(practice: Practice) -> set[UUID]:
    """Return the leads with an enrollment, also an ended one."""
    return {row.lead_id for row in practice.rows("enrollments")}
