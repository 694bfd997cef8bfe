"""Nurture runs: enroll leads in sequences at the hours of the clinics."""

from sqlalchemy.orm import Session

from app.automation.nurtures.runs import plan_runs, process_run_batch


def run_nurtures(session: Session) -> int:
    """Create the runs that are due; if there are none, process the next batch of a running one."""
    return plan_runs(session) or process_run_batch(session)
