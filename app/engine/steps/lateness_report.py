"""Lateness report: late steps, steps skipped as too late, postponed steps and overdue steps, e.g. after a downtime."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import AnyRow
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.step_kind import STEP_KINDS
from app.engine.steps.gaps import gaps
from app.errors import Invalid
from app.identity.clinic_context import ClinicContext

ON_TIME: Final = timedelta(minutes=1)  # steps that run within this time are on time
DEFAULT_PERIOD: Final = timedelta(days=1)  # default period
MAX_PERIOD: Final = timedelta(days=7)

_ENDED: Final = (
    "FROM steps WHERE clinic_id = :clinic AND finished_at >= :since AND finished_at < :until"
    " AND state IN ('done', 'skipped', 'failed')"
)
_WAITING: Final = (
    "FROM steps WHERE kind = ANY(:kinds) AND state IN ('planned', 'published') AND due_at < :overdue"
    " AND clinic_id = :clinic"
)
_LATE: Final = "finished_at - due_at > :on_time"
_HELD: Final = f"{_LATE} AND (state = 'done' OR reason = 'too_late')"
_BY_RULE: Final = text(
    "SELECT kind, name, on_time, late, p50, longest, too_late, skipped, failed, ids[1] AS first,"  # noqa: S608
    " ids[cardinality(ids)] AS last FROM (SELECT kind, name,"
    f" count(*) FILTER (WHERE state = 'done' AND NOT {_LATE}) AS on_time,"
    f" count(*) FILTER (WHERE state = 'done' AND {_LATE}) AS late,"
    " percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - due_at))"
    f" FILTER (WHERE state = 'done' AND {_LATE}) AS p50,"
    f" max(finished_at - due_at) FILTER (WHERE state = 'done' AND {_LATE}) AS longest,"
    " count(*) FILTER (WHERE state = 'skipped' AND reason = 'too_late') AS too_late,"
    " count(*) FILTER (WHERE state = 'skipped' AND reason <> 'too_late') AS skipped,"
    " count(*) FILTER (WHERE state = 'failed') AS failed,"
    f" array_agg(id ORDER BY due_at, id) FILTER (WHERE {_HELD}) AS ids {_ENDED} GROUP BY kind, name) AS r"
)
_OVERDUE: Final = text(
    "SELECT kind, name, n, ids[1] AS first, ids[cardinality(ids)] AS last FROM"  # noqa: S608
    f" (SELECT kind, name, count(*) AS n, array_agg(id ORDER BY due_at, id) AS ids {_WAITING} GROUP BY kind, name) AS r"
)
_PUT_OFF: Final = text(
    "SELECT kind, name, reason, count(*) AS n FROM steps WHERE clinic_id = :clinic AND reason IS NOT NULL"
    " AND state IN ('planned', 'published') AND due_at >= :since GROUP BY kind, name, reason ORDER BY n DESC"
)
_MINUTES: Final = text(f"SELECT date_trunc('minute', finished_at) AS minute {_ENDED} GROUP BY 1 ORDER BY 1")
_LATE_DUE: Final = text(
    f"SELECT date_trunc('minute', due_at) AS minute, count(*) AS n {_ENDED} AND {_HELD} GROUP BY 1"
    f" UNION ALL SELECT date_trunc('minute', due_at), count(*) {_WAITING} GROUP BY 1"
)
_STEPS: Final = text("SELECT id, lead_id, due_at FROM steps WHERE id = ANY(:ids) AND clinic_id = :clinic")


def lateness_report(
    session: Session, clinic: ClinicContext, *, since: datetime | None = None, until: datetime | None = None
) -> JsonDict:
    """Return the clinic's lateness report for a period; by default the last day.

    Keys: `since`, `until`, `rules` (one entry per rule and step kind) and `gaps` (periods without a working worker).
    Raises Invalid (when the period is empty or too long).
    """
    given = _given(clinic.id, since, until)
    lines = _lines(session, given)
    minutes = [row.minute for row in session.execute(_MINUTES, given)]
    late: Counter[datetime] = Counter()
    for row in session.execute(_LATE_DUE, given):
        late[row.minute] += row.n
    found = gaps([given["since"], *minutes, min(given["until"], given["now"])], late)
    return {
        "since": given["since"],
        "until": given["until"],
        "rules": sorted(lines.values(), key=lambda line: (-line["late"] - line["overdue"], line["name"], line["kind"])),
        "gaps": [{**gap._asdict(), "because": gap.to_text(clinic.calendar)} for gap in found],
    }


def _given(clinic_id: UUID, since: datetime | None, until: datetime | None) -> JsonDict:
    at = now()
    until = until or at
    since = since or until - DEFAULT_PERIOD
    if since >= until:
        raise Invalid.at("/since", "Must lie before until.")
    if until - since > MAX_PERIOD:
        raise Invalid.at("/since", f"At most {MAX_PERIOD.days} days before until.")
    overdue = min(until, at - ON_TIME)
    period = {"since": since, "until": until, "now": at, "overdue": overdue, "on_time": ON_TIME}
    return {"clinic": clinic_id, "kinds": list(STEP_KINDS), **period}


def _lines(session: Session, given: JsonObject) -> dict[tuple[str, str], JsonDict]:
    """Return one entry for each rule and step kind."""
    ended, overdue = session.execute(_BY_RULE, given).all(), session.execute(_OVERDUE, given).all()
    steps = _steps(session, given, [*ended, *overdue])
    lines: dict[tuple[str, str], JsonDict] = {}
    for row in ended:
        figures = {name: getattr(row, name) for name in ("on_time", "late", "too_late", "skipped", "failed")}
        longest = row.longest and row.longest.total_seconds()
        held = {"p50_seconds": row.p50, "longest_seconds": longest, **_ends(steps, row, "late")}
        _line(lines, row).update(figures | held)
    for row in overdue:
        _line(lines, row).update({"overdue": row.n, **_ends(steps, row, "overdue")})
    for row in session.execute(_PUT_OFF, given):
        _line(lines, row)["put_off"][row.reason] = row.n
    return lines


def _line(lines: dict[tuple[str, str], JsonDict], row: AnyRow) -> JsonDict:
    nothing = dict.fromkeys(("on_time", "late", "too_late", "skipped", "failed", "overdue"), 0)
    unknown = dict.fromkeys(
        ("p50_seconds", "longest_seconds", "first_late", "last_late", "first_overdue", "last_overdue")
    )
    return lines.setdefault(
        (row.kind, row.name), {"kind": row.kind, "name": row.name, **nothing, **unknown, "put_off": {}}
    )


def _steps(session: Session, given: JsonObject, rows: Iterable[AnyRow]) -> dict[UUID, JsonDict]:
    """Return the first and last steps by id, with a link to the explanation of each."""
    ids = {step_id for row in rows for step_id in (row.first, row.last) if step_id}
    found = session.execute(_STEPS, {"ids": list(ids), "clinic": given["clinic"]})
    return {row.id: {**row._mapping, "link": _link(row)} for row in found}  # noqa: SLF001  (the public name of it)


def _link(step: AnyRow) -> str | None:
    return f"/api/leads/{step.lead_id}/why?step={step.id}" if step.lead_id else None


def _ends(steps: Mapping[UUID, Any], row: AnyRow, what: str) -> JsonDict:
    return {f"first_{what}": steps.get(row.first), f"last_{what}": steps.get(row.last)}
