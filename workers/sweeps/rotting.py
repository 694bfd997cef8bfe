"""Rotting dates of leads, corrected after a clinic or a stage changes its limits."""

from typing import Final

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from app.leads.pipeline.rotting import rotting_date_sql
from workers.sweeps.scan import IN_BATCH_SQL, next_batch, save_position

BATCH: Final = 1000
SCAN_SIZE: Final = 10_000  # leads at a time
NAME: Final = "date_rotting_leads"


def _date(which: str) -> TextClause:
    """Return the statement that corrects wrong rotting dates of leads `l` under this SQL condition."""
    is_at, because = rotting_date_sql("l", days="c.stale_after_days", most_days="s.max_days_in_stage")
    rots_at, reason = rotting_date_sql("l", days="wrong.days", most_days="wrong.most_days")
    return text(
        "WITH wrong AS (SELECT l.id, c.stale_after_days AS days, s.max_days_in_stage AS most_days"  # noqa: S608  (ours)
        " FROM leads l JOIN clinics c ON c.id = l.clinic_id"
        " LEFT JOIN pipeline_stages s ON s.clinic_id = l.clinic_id AND s.slug = l.pipeline_stage"
        f" WHERE {which} AND (l.rots_at, l.rotting_reason) IS DISTINCT FROM ({is_at}, {because})"
        " LIMIT :batch FOR NO KEY UPDATE OF l SKIP LOCKED)"
        f" UPDATE leads AS l SET rots_at = {rots_at}, rotting_reason = {reason} FROM wrong WHERE l.id = wrong.id"
        " RETURNING l.id"
    )


_FIX_WRONG: Final = _date(IN_BATCH_SQL)
# Leads created by a version of the application without rotting dates. The scan by `rots_at` does not find them.
_FIX_UNDATED: Final = _date(
    "l.id IN (SELECT undated.id FROM clinics CROSS JOIN LATERAL (SELECT id FROM leads WHERE clinic_id = clinics.id"
    " AND rots_at IS NULL AND status IN ('NEW', 'ACTIVE') AND deleted_at IS NULL LIMIT :batch) AS undated LIMIT :batch)"
)


def date_rotting(session: Session) -> int:
    """Date anew those of the next window of open leads that are dated wrongly; returns how many."""
    window = next_batch(session, NAME, most=SCAN_SIZE)
    given = {**window, "batch": BATCH}
    dated = sum(len(session.execute(statement, given).all()) for statement in (_FIX_UNDATED, _FIX_WRONG))
    if dated < BATCH:
        save_position(session, NAME, window)
    return dated
