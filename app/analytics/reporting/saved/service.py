"""Saved reports: the user's own, shared ones, and those that are mailed to the user."""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, cast, or_, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.analytics.reporting.run import run_report
from app.analytics.reporting.saved.models import SavedReport
from app.analytics.reporting.saved.parameters import from_json, to_json
from app.analytics.reporting.saved.schedules import Schedule
from app.clock import now
from app.core.db import new_id
from app.core.optimistic_locking import SeenVersions, require_version
from app.core.pagination import Page, page
from app.core.type_aliases import JsonDict, JsonObject
from app.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from app.identity.actor import Actor
from app.identity.models import User
from app.identity.permissions import Permission
from app.identity.roles import grants_of
from app.identity.users.lookup import ME, active_users
from app.leads.attribution.models import LeadSource

MUST_READ_REPORTS: Final = "Must be an active user of your clinic with the permission lead:analytics."

_REFERENCES: Final[Mapping[str, type[User] | type[LeadSource]]] = {"assigned_to_id": User, "source_id": LeadSource}


class ReportNameTaken(Conflict):
    """You already have a saved report of this name."""


def list_saved_reports(session: Session, actor: Actor, query: JsonObject) -> Page:
    """List the actor's own reports, shared ones, and those that are mailed to the actor, by name."""
    return page(session, _visible(actor), [(SavedReport.name, "asc"), (SavedReport.id, "asc")], query)


def read_saved_report(session: Session, actor: Actor, report_id: UUID) -> SavedReport:
    """Return one of the reports that the actor may see. Raises NotFound."""
    found = session.scalars(_visible(actor).where(SavedReport.id == report_id)).one_or_none()
    if found is None:
        raise NotFound
    return found


def create_saved_report(session: Session, actor: Actor, data: JsonObject) -> SavedReport:
    """Save a report. `data` as loaded by SavedReportIn. Raises Forbidden (for an API key), Invalid, ReportNameTaken."""
    if actor.user_id is None:
        raise Forbidden("Saved reports belong to users; an API key has none.")
    require_known_ids(session, actor, data)
    at = now()
    row = SavedReport(id=new_id(), clinic_id=actor.clinic.id, user_id=actor.user_id, created_at=at, version=0)
    _set(row, data)
    session.add(row)
    _flush(session, row)
    return row


def update_saved_report(
    session: Session, actor: Actor, report_id: UUID, data: JsonObject, *, seen: SeenVersions
) -> SavedReport:
    """Replace all values of the actor's own report. Raises NotFound, Invalid, ChangedMeanwhile, ReportNameTaken."""
    row = _own(session, actor, report_id, seen)
    require_known_ids(session, actor, data)
    _set(row, data)
    _flush(session, row)
    return row


def delete_saved_report(session: Session, actor: Actor, report_id: UUID, *, seen: SeenVersions) -> None:
    """Delete the actor's own report, with its schedule. Raises NotFound, ChangedMeanwhile."""
    session.delete(_own(session, actor, report_id, seen))


def run_saved_report(session: Session, actor: Actor, report_id: UUID, query: JsonObject) -> JsonDict:
    """Return the fields of NamedReportOut with those of the saved report. Figures count what the actor may see.

    Raises NotFound, Invalid.
    """
    row = read_saved_report(session, actor, report_id)
    made = run_report(session, actor, row.report, {**from_json(row.parameters), **query})
    return {**made, "saved_report_id": row.id, "saved_name": row.name}


def require_known_ids(session: Session, actor: Actor, data: JsonObject, /, **_: object) -> None:
    """Check the users and sources that the parameters name, and the recipients. Raises Invalid."""
    schedule = data.get("schedule") or {}
    mistakes = [
        *_unknown_ids(session, actor, data.get("parameters") or {}),
        *_wrong_recipients(session, actor, schedule.get("recipients") or ()),
    ]
    if mistakes:
        raise Invalid(*mistakes)


def _unknown_ids(session: Session, actor: Actor, parameters: JsonObject) -> Iterator[FieldError]:
    for name, model in _REFERENCES.items():
        wanted = parameters.get(name, ME)
        if wanted == ME:
            continue
        if session.scalar(select(model.id).where(model.id == wanted, model.clinic_id == actor.clinic.id)) is None:
            yield FieldError(f"/parameters/{name}", "No such record in your clinic.")


def _wrong_recipients(session: Session, actor: Actor, recipients: Any) -> Iterator[FieldError]:
    users = active_users(session, actor.clinic.id) if recipients else {}
    roles = {users[one].role for one in recipients if one in users}
    readers = {role for role in roles if Permission.LEAD_ANALYTICS in grants_of(session, actor.clinic.id, role)}
    for place, one in enumerate(recipients):
        if one not in users or users[one].role not in readers:
            yield FieldError(f"/schedule/recipients/{place}", MUST_READ_REPORTS)


def _set(row: SavedReport, data: JsonObject) -> None:
    """Set all values. A changed schedule holds from now on."""
    at = now()
    schedule = Schedule(**data["schedule"]).to_json() if data["schedule"] else None
    if schedule != (Schedule.from_json(row.schedule).to_json() if row.schedule else None):
        row.schedule, row.scheduled_at = schedule, at if schedule else None
    row.name, row.report, row.shared = data["name"], data["report"], data["shared"]
    row.parameters = to_json(data["parameters"])
    row.updated_at = at
    row.version += 1


def _visible(actor: Actor) -> Select[SavedReport]:
    is_recipient = SavedReport.schedule["recipients"].op("@>")(cast([str(actor.user_id)], JSONB))
    mine = or_(SavedReport.user_id == actor.user_id, SavedReport.shared, is_recipient)
    return select(SavedReport).where(SavedReport.clinic_id == actor.clinic.id, mine)


def _own(session: Session, actor: Actor, report_id: UUID, seen: SeenVersions) -> SavedReport:
    """Lock and return the report. Shared reports can be changed by their owner only."""
    own = select(SavedReport).where(
        SavedReport.id == report_id, SavedReport.clinic_id == actor.clinic.id, SavedReport.user_id == actor.user_id
    )
    row = session.scalars(own.with_for_update()).one_or_none()
    if row is None:
        raise NotFound
    require_version(row, seen)
    return row


def _flush(session: Session, row: SavedReport) -> None:
    """Write the report, and read its JSON in the order in which the database keeps it: the ETag depends on it."""
    try:
        session.flush()
    except IntegrityError:
        raise ReportNameTaken from None
    session.refresh(row)
