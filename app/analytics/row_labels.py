"""Names of the rows of a report."""

from collections.abc import Collection
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.analytics.counting import PAIR, Dimension
from app.analytics.report import Report
from app.identity.models import User
from app.leads.attribution.models import LeadSource

NO_COORDINATOR: Final = "No coordinator"
ALL_LEADS: Final = "All leads"


def labels_of(session: Session, report: Report, dimension: Dimension | None, keys: Collection[Any]) -> dict[Any, str]:
    """Return the keys of the rows with their names. A key without a name has no row."""
    known = {key for key in keys if key is not None}
    if dimension is None:
        return {None: ALL_LEADS}
    if dimension in {Dimension.LOST_REASON, Dimension.CAMPAIGN}:
        return {key: key for key in known}
    if dimension is Dimension.STAGE:
        return {stage.slug: stage.name for stage in report.stages if stage.slug in known}
    if dimension is Dimension.SOURCE_AND_COORDINATOR:
        return _pairs(session, report, known)
    if dimension is Dimension.COORDINATOR:
        return people(session, report, known) | ({None: NO_COORDINATOR} if None in keys else {})
    return _names(session, report, LeadSource, known)


def people(session: Session, report: Report, ids: Collection[UUID]) -> dict[Any, str]:
    """Return the names of users."""
    return _names(session, report, User, ids)


def _pairs(session: Session, report: Report, keys: Collection[str]) -> dict[Any, str]:
    pairs = {key: key.split(PAIR) for key in keys}
    sources = _names(session, report, LeadSource, {UUID(source) for source, _ in pairs.values()})
    names = people(session, report, {UUID(user) for _, user in pairs.values() if user})
    return {
        key: f"{sources[UUID(source)]} · {names[UUID(user)] if user else NO_COORDINATOR}"
        for key, (source, user) in pairs.items()
    }


def _names(session: Session, report: Report, model: Any, ids: Collection[UUID]) -> dict[Any, str]:
    if not ids:
        return {}
    named = select(model.id, model.name).where(model.clinic_id == report.actor.clinic.id, model.id.in_(ids))
    return {row.id: row.name for row in session.execute(named)}
