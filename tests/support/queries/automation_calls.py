"""Calls of backfills and nurtures with sample values."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.api.automation.nurture_schemas import NurtureIn
from app.automation.nurtures import service as nurtures
from app.automation.nurtures.dashboard import dashboard as dashboard_of_nurtures
from app.automation.nurtures.models import Nurture
from app.automation.nurtures.runs import process_run_batch
from app.automation.nurtures.tracking import leads_of
from app.automation.rules.backfill import start_backfill
from app.core.calendar.date_range import DateRange
from app.engine.jobs import service as jobs
from app.engine.jobs.process_chunk import process_chunk
from tests.support.large_clinic import LargeClinic, now


def rule_for_new_leads(session: Session, large: LargeClinic) -> UUID:
    """Return the id of a rule on new leads that planned no step yet."""
    slug = "SELECT id FROM rules WHERE clinic_id = :c AND slug = 'speed-to-lead'"
    return session.scalars(text(slug), {"c": large.practice.clinic_id}).one()


def begin_backfill(session: Session, large: LargeClinic) -> UUID:
    job = start_backfill(session, large.actor, rule_for_new_leads(session, large), per_hour=200)
    assert job.total > 9_000
    session.flush()
    return job.id


def process_backfill_chunk(session: Session, large: LargeClinic) -> None:
    chunk = {"job_id": begin_backfill(session, large), "first": 0, "last": 499, "clinic": large.actor.clinic}
    process_chunk(session, chunk)
    found = session.execute(text("SELECT count(*) FROM job_items WHERE job_id = :job_id AND status = 'done'"), chunk)
    assert found.scalar_one() == 500


def cancel_backfill(session: Session, large: LargeClinic) -> None:
    jobs.cancel(session, large.actor, begin_backfill(session, large))


def create_nurture(session: Session, large: LargeClinic) -> UUID:
    data = {"name": "nurture", "sequence": "sequence-1", "score_from": 2, "score_to": 60}
    return nurtures.create_nurture(session, large.actor, NurtureIn().read(data)).id


def process_nurture_batch(session: Session, large: LargeClinic) -> None:
    nurtures.run_now(session, large.actor, create_nurture(session, large))
    assert process_run_batch(session) > 1


def nurture_dashboard(session: Session, large: LargeClinic, *, days: int) -> None:
    create_nurture(session, large)
    month = DateRange(now() - timedelta(days=days), now())
    assert dashboard_of_nurtures(session, large.actor, month)["sent"] > 0


def leads_of_nurture(session: Session, large: LargeClinic, query: Any) -> Any:
    [known] = session.scalars(select(Nurture.id)).all() or [create_nurture(session, large)]
    return leads_of(session, large.actor, known, query)
