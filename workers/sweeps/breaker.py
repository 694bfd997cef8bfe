"""Circuit breaker: pause rules that fail too often."""

from typing import Final

import structlog
from sqlalchemy.orm import Session

from app.automation.rules.pausing import pause
from app.engine.statistics import outcome_statistics
from app.identity.clinics import load_contexts

NAME: Final = "pause_failing_rules"

log = structlog.get_logger()


def pause_failing_rules(session: Session) -> int:
    """Pause rules that exceeded their clinic's limits in the last 24 hours. Returns the number paused."""
    outcome_statistics.delete_old_hours(session)
    troubled = outcome_statistics.failing_series(session)
    clinics = load_contexts(session, {one.clinic_id for one in troubled})
    paused = 0
    for one, figures in troubled.items():
        breaker = clinics[one.clinic_id].policy.breaker
        because = breaker.because(figures) if breaker else None
        if because and pause(session, one, because):
            log.warning("rule.paused", clinic=str(one.clinic_id), rule=one.slug, **figures._asdict())
            paused += 1
    return paused
