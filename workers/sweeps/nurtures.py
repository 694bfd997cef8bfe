"""Nurture runs: at the clinics' hours leads are taken into sequences."""

from sqlalchemy.orm import Session

from app.automation.nurtures.running import plan_runs, work_on_a_run


def run_nurtures(session: Session) -> int:
    """Write down the runs whose hour has come; when there are none, take the next batch of one that is under way."""
    return plan_runs(session) or work_on_a_run(session)
