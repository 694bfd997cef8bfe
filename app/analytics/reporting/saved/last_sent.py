"""Saved reports as the API shows them, with the time of their last e-mail."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.analytics.reporting.saved.models import SavedReport
from app.analytics.reporting.saved.schedules import Every, Schedule, dedupe_key, periods_between
from app.clock import now
from app.core.type_aliases import JsonDict
from app.engine.models import Step, StepState

LOOKED_BACK: Final = timedelta(days=70)  # finished steps are deleted after some months
_SHOWN: Final = ("id", "name", "report", "parameters", "shared", "user_id", "created_at", "updated_at", "version")


def shown(session: Session, rows: Sequence[SavedReport]) -> list[JsonDict]:
    """Return the reports in the shape of SavedReportOut."""
    last = _last_sent(session, rows)
    return [_shown(row, last.get(row.id)) for row in rows]


def _shown(row: SavedReport, last_sent_at: datetime | None) -> JsonDict:
    schedule = Schedule.from_json(row.schedule).to_json() if row.schedule else None
    columns = {name: getattr(row, name) for name in _SHOWN}
    return {**columns, "schedule": schedule, "last_sent_at": last_sent_at}


def _last_sent(session: Session, rows: Sequence[SavedReport]) -> Mapping[UUID, datetime]:
    """Return when the e-mails of these reports were last handed over, by report. One query, by dedupe key."""
    reports = {key: row.id for row in rows for key in _keys(row)}
    if not reports:
        return {}
    sent = select(Step.dedupe_key, Step.finished_at).where(
        Step.clinic_id == rows[0].clinic_id, Step.dedupe_key.in_(reports), Step.state == StepState.DONE
    )
    done = session.execute(sent.order_by(Step.finished_at))
    return {reports[key]: at for key, at in done if key is not None and at is not None}


def _keys(row: SavedReport) -> Iterator[str]:
    if row.schedule is None:
        return
    today = now().date() + timedelta(days=1)  # of the zone that is farthest ahead
    for every in Every:
        for period in periods_between(every, today - LOOKED_BACK, today):
            for user_id in Schedule.from_json(row.schedule).recipients:
                yield dedupe_key(row.id, user_id, every, period)
