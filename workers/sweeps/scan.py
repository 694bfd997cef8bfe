"""Walking over all open leads, a stretch at a time: what a look costs does not grow with how many there are.

Where the walk of a sweep has got to is kept with its name. After the last lead it begins again at the first. The way is
that of the index by which leads rot, which has the open ones alone; a lead that is dated anew meanwhile may be met
twice, or only the next time round.
"""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.core.db import to_json
from app.leads.models import OPEN_LEAD_SQL

_NOWHERE: Final = "00000000-0000-0000-0000-000000000000"
_BEYOND: Final = "ffffffff-ffff-ffff-ffff-ffffffffffff"
_BEGINNING: Final = {"clinic": _NOWHERE, "at": "-infinity", "id": _NOWHERE}
_END: Final = {"clinic": _BEYOND, "at": "infinity", "id": _BEYOND}


def _place(name: str) -> str:
    return f"(CAST(:{name}_clinic AS uuid), CAST(:{name}_at AS timestamptz), CAST(:{name}_id AS uuid))"


# What a lead `l` has to be to lie on the stretch; the parameters are what `next_stretch` returns.
ON_THE_STRETCH: Final = (
    "l.status IN ('NEW', 'ACTIVE') AND l.deleted_at IS NULL"
    f" AND (l.clinic_id, l.rots_at, l.id) > {_place('after')} AND (l.clinic_id, l.rots_at, l.id) <= {_place('until')}"
)
_LAST: Final = text(
    f"SELECT clinic_id, rots_at, id FROM leads WHERE {OPEN_LEAD_SQL}"  # noqa: S608  (ours)
    f" AND (clinic_id, rots_at, id) > {_place('after')} ORDER BY clinic_id, rots_at, id OFFSET :most - 1 LIMIT 1"
)
_REACHED: Final = text("SELECT result FROM sweep_runs WHERE name = :name")
_KEEP: Final = text(
    "INSERT INTO sweep_runs (name, started_at, runs, result) VALUES (:name, :now, 0, CAST(:result AS jsonb))"
    " ON CONFLICT (name) DO UPDATE SET started_at = excluded.started_at, result = excluded.result"
)


def next_stretch(session: Session, sweep: str, *, most: int) -> Mapping[str, Any]:
    """Where the next stretch of up to so many leads begins and ends, as parameters for `ON_THE_STRETCH`."""
    after = session.scalar(_REACHED, {"name": _name(sweep)}) or _BEGINNING
    last = session.execute(_LAST, {**_given("after", after), "most": most}).one_or_none()
    until = {"clinic": str(last.clinic_id), "at": last.rots_at.isoformat(), "id": str(last.id)} if last else _END
    return {**_given("after", after), **_given("until", until)}


def go_on(session: Session, sweep: str, stretch: Mapping[str, Any]) -> None:
    """The stretch was walked: the next one begins where it ends."""
    until = {part: stretch[f"until_{part}"] for part in _END}
    reached = to_json(_BEGINNING if until == _END else until)
    session.execute(_KEEP, {"name": _name(sweep), "now": clock.now(), "result": reached})


def _name(sweep: str) -> str:
    return f"{sweep}: walk"


def _given(name: str, place: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{name}_{part}": value for part, value in place.items()}
