"""Sweeps that keep scores up to date: after events within about a minute, and by a scan, because time passes."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.core.db import AnyRow, first_id_at
from app.identity.clinics import load_contexts
from app.leads.scoring.basis import load_basis
from app.leads.scoring.keep import update_scores
from workers.sweeps.scan import IN_BATCH_SQL, load_position, next_batch, save_position, store_position

AFTER_EVENTS: Final = "score_changed_leads"
SCAN: Final = "rescore_leads"
BATCH: Final = 2000
BATCH_OF_OLDER: Final = 500  # leads from before scores were stored: each row is written, so fewer are locked at once
READ_TWICE: Final = timedelta(minutes=1)  # an event may be committed this long after its id was made
LOOKED_BACK: Final = timedelta(minutes=10)  # of the first run

_EVENTS: Final = text(
    "SELECT id, lead_id, clinic_id FROM events WHERE id > :after AND name <> 'lead.scored' ORDER BY id LIMIT :batch"
)
_WINDOW: Final = text(
    f"SELECT l.id AS lead_id, l.clinic_id FROM leads l WHERE {IN_BATCH_SQL} ORDER BY l.clinic_id"  # noqa: S608  (constants)
)
_NEXT: Final = text(
    "SELECT l.id AS lead_id, l.clinic_id, (s.lead_id IS NULL OR l.score IS NULL) AND l.deleted_at IS NULL AS is_older"
    " FROM (SELECT id, clinic_id, score, deleted_at FROM leads WHERE id > :after ORDER BY id LIMIT :batch) AS l"
    " LEFT JOIN lead_scores s ON s.lead_id = l.id ORDER BY l.id"
)


def score_changed_leads(session: Session) -> int:
    """Score the leads of the next events. Returns the number of events if more may be left, else 0.

    Events of the last minute are read twice: one may be committed after a later one.
    """
    quiet = first_id_at(clock.now() - READ_TWICE)
    after = _position(session, AFTER_EVENTS)
    given = {"after": UUID(after) if after else first_id_at(clock.now() - LOOKED_BACK), "batch": BATCH}
    found = session.execute(_EVENTS, given).all()
    _score(session, sorted(found, key=attrgetter("clinic_id")), after_event=True)
    if len(found) == BATCH:
        _save(session, AFTER_EVENTS, found[-1].id)
        return BATCH
    _save(session, AFTER_EVENTS, max(quiet, _before(found[-1].id) if found else quiet))
    return 0


def _before(event_id: UUID) -> UUID:
    """Return the first id of the minute before the event."""
    made_at = datetime.fromtimestamp((event_id.int >> 80) / 1000, UTC)
    return first_id_at(made_at - READ_TWICE)


def rescore_leads(session: Session) -> int:
    """Score leads without a stored score, else the next window of open leads. Returns 0 after a window.

    So a run has one window, but goes on while leads have no score.
    """
    if found := _score_older(session):
        return found
    window = next_batch(session, SCAN, most=BATCH)
    _score(session, session.execute(_WINDOW, window).all(), after_event=False)
    save_position(session, SCAN, window)
    return 0


def _score_older(session: Session) -> int:
    """Score the next leads from before scores were stored, also closed ones. Returns how many rows were read.

    The pass goes through all leads once, by their ids. Later leads have a score from their capture.
    """
    after = _position(session, SCAN)
    given = {"after": UUID(after) if after else UUID(int=0), "batch": BATCH_OF_OLDER}
    found = session.execute(_NEXT, given).all()
    older = sorted((row for row in found if row.is_older), key=attrgetter("clinic_id"))
    _score(session, older, after_event=False)
    if found:
        _save(session, SCAN, found[-1].lead_id)
    return len(found)


def _score(session: Session, rows: Sequence[AnyRow], *, after_event: bool) -> None:
    clinics = load_contexts(session, {row.clinic_id for row in rows})
    for clinic_id, of_clinic in groupby(rows, key=attrgetter("clinic_id")):
        ids = list(dict.fromkeys(row.lead_id for row in of_clinic))
        basis = load_basis(session, clinic_id)
        update_scores(session, clinics[clinic_id], basis, ids, after_event=after_event)


def _name(sweep: str) -> str:
    return f"{sweep}: position"


def _position(session: Session, sweep: str) -> str | None:
    return (load_position(session, _name(sweep)) or {}).get("until")


def _save(session: Session, sweep: str, until: UUID) -> None:
    store_position(session, _name(sweep), {"until": str(until)})
