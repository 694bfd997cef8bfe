"""Nurtures as playbooks write them: put into a clinic, and written down."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.api.automation.nurture_schemas import NurtureIn
from app.automation.nurtures.errors import TooManyNurtures
from app.automation.nurtures.models import Nurture
from app.automation.nurtures.service import MOST_NURTURES, new_nurture
from app.identity.clinics import load_context


def install_nurtures(
    session: Session, clinic_id: UUID, playbook: str, nurtures: Iterable[Mapping[str, Any]]
) -> list[str]:
    """Add those that the clinic lacks; returns their names. One that it has stays as it is.

    Raises Invalid, TooManyNurtures.
    """
    known = set(session.scalars(select(Nurture.name).where(Nurture.clinic_id == clinic_id)))
    read = [NurtureIn().read(dict(nurture)) for nurture in nurtures]
    missing = [nurture for nurture in read if nurture["name"] not in known]
    if missing and len(known) + len(missing) > MOST_NURTURES:
        raise TooManyNurtures
    if missing:
        clinic = load_context(session, clinic_id)
        session.add_all([new_nurture(clinic, nurture, playbook=playbook, by=None) for nurture in missing])
    return [nurture["name"] for nurture in missing]


def nurtures_as_written(session: Session, clinic_id: UUID) -> list[dict[str, Any]]:
    """All nurtures of the clinic, by name."""
    found = session.scalars(select(Nurture).where(Nurture.clinic_id == clinic_id).order_by(Nurture.name))
    return [_written(nurture) for nurture in found]


def _written(nurture: Nurture) -> dict[str, Any]:
    settings = {
        "name": nurture.name,
        "sequence": nurture.sequence,
        "is_active": nurture.is_active,
        "run_hours": nurture.run_hours,
        "days": nurture.days,
        "score_from": nurture.score_from,
        "score_to": nurture.score_to,
        "silent_for": nurture.silent_for,
        "batch": nurture.batch,
        "most": nurture.most,
    }
    return {name: value for name, value in settings.items() if value is not None}
