"""Scan of all open leads in batches, so that the cost of one call does not grow with the number of leads.

The position of each sweep's scan is stored under its name. After the last lead the scan starts again at the first. It
follows the index on rotting dates, which holds open leads only. If a lead's date changes during a scan, the
scan may find it twice, or only the next scan finds it.
"""

from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.core.db import to_json
from app.core.type_aliases import JsonDict, JsonObject
from app.leads.models import OPEN_LEAD_SQL

_MIN_ID: Final = "00000000-0000-0000-0000-000000000000"
_MAX_ID: Final = "ffffffff-ffff-ffff-ffff-ffffffffffff"
_START: Final = {"clinic": _MIN_ID, "at": "-infinity", "id": _MIN_ID}
_END: Final = {"clinic": _MAX_ID, "at": "infinity", "id": _MAX_ID}


def _key_sql(name: str) -> str:
    return f"(CAST(:{name}_clinic AS uuid), CAST(:{name}_at AS timestamptz), CAST(:{name}_id AS uuid))"


# Condition for a lead `l` to be in the batch. `next_batch` returns the parameters.
IN_BATCH_SQL: Final = (
    "l.status IN ('NEW', 'ACTIVE') AND l.deleted_at IS NULL"
    f" AND (l.clinic_id, l.rots_at, l.id) > {_key_sql('after')}"
    f" AND (l.clinic_id, l.rots_at, l.id) <= {_key_sql('until')}"
)
_LAST: Final = text(
    f"SELECT clinic_id, rots_at, id FROM leads WHERE {OPEN_LEAD_SQL}"  # noqa: S608  (ours)
    f" AND (clinic_id, rots_at, id) > {_key_sql('after')} ORDER BY clinic_id, rots_at, id OFFSET :most - 1 LIMIT 1"
)
_LOAD_POSITION: Final = text("SELECT result FROM sweep_runs WHERE name = :name")
_SAVE_POSITION: Final = text(
    "INSERT INTO sweep_runs (name, started_at, runs, result) VALUES (:name, :now, 0, CAST(:result AS jsonb))"
    " ON CONFLICT (name) DO UPDATE SET started_at = excluded.started_at, result = excluded.result"
)


def next_batch(session: Session, sweep: str, *, most: int) -> JsonObject:
    """Return the bounds of the next batch of up to `most` leads, as parameters for `IN_BATCH_SQL`."""
    after = load_position(session, _name(sweep)) or _START
    last = session.execute(_LAST, {**_given("after", after), "most": most}).one_or_none()
    until = {"clinic": str(last.clinic_id), "at": last.rots_at.isoformat(), "id": str(last.id)} if last else _END
    return {**_given("after", after), **_given("until", until)}


def save_position(session: Session, sweep: str, window: JsonObject) -> None:
    """Store the end of this batch as the start of the next one."""
    until = {part: window[f"until_{part}"] for part in _END}
    store_position(session, _name(sweep), _START if until == _END else until)


def load_position(session: Session, name: str) -> JsonDict | None:
    """Return the position that a scan stored under this name of a row; None before the first one."""
    found: JsonDict | None = session.scalar(_LOAD_POSITION, {"name": name})
    return found


def store_position(session: Session, name: str, position: JsonObject) -> None:
    """Store the position of a scan under this name of a row, which is not that of the sweep itself."""
    given = {"name": name, "now": clock.now(), "result": to_json(position)}
    session.execute(_SAVE_POSITION, given)


def _name(sweep: str) -> str:
    return f"{sweep}: walk"


def _given(name: str, place: JsonObject) -> JsonDict:
    return {f"{name}_{part}": value for part, value in place.items()}
