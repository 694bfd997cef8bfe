"""When leads rot, kept right where a clinic or a stage has changed how long is too long."""

from typing import Final

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from app.leads.pipeline.rotting import rotting_date_sql
from workers.sweeps.scan import ON_THE_STRETCH, go_on, next_stretch

BATCH: Final = 1000
LOOKED_AT: Final = 10_000  # leads at a time
NAME: Final = "date_rotting_leads"


def _date(which: str) -> TextClause:
    """Of the leads `l` that are so, those that are dated wrongly."""
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


_DATE_WRONG: Final = _date(ON_THE_STRETCH)
# Those that a version of the application took in that knew of no such date: the walk does not come by them.
_DATE_UNDATED: Final = _date(
    "l.id IN (SELECT undated.id FROM clinics CROSS JOIN LATERAL (SELECT id FROM leads WHERE clinic_id = clinics.id"
    " AND rots_at IS NULL AND status IN ('NEW', 'ACTIVE') AND deleted_at IS NULL LIMIT :batch) AS undated LIMIT :batch)"
)


def date_rotting(session: Session) -> int:
    """Date anew those of the next stretch of open leads that are dated wrongly; returns how many."""
    stretch = next_stretch(session, NAME, most=LOOKED_AT)
    given = {**stretch, "batch": BATCH}
    dated = sum(len(session.execute(statement, given).all()) for statement in (_DATE_UNDATED, _DATE_WRONG))
    if dated < BATCH:
        go_on(session, NAME, stretch)
    return dated
