"""Nurture definitions of playbooks: install and export."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.automation.language.nurtures import Nurture as NurtureDefinition
from app.automation.nurtures.errors import TooManyNurtures
from app.automation.nurtures.models import Nurture
from app.automation.nurtures.service import MOST_NURTURES, definition_of, new_nurture
from app.core.type_aliases import JsonDict, JsonObject
from app.identity.clinics import load_context


def install_nurtures(
    session: Session, clinic_id: UUID, playbook: str, nurtures: Iterable[JsonObject], *, is_active: bool = True
) -> list[str]:
    """Add the nurtures that the clinic does not have yet, and return their names. Existing ones stay unchanged.

    `nurtures` are valid definitions. With `is_active` false, all new ones are inactive. Raises TooManyNurtures.
    """
    known = set(session.scalars(select(Nurture.name).where(Nurture.clinic_id == clinic_id)))
    read = [NurtureDefinition.model_validate(nurture).model_dump() for nurture in nurtures]
    new = [nurture | {"is_active": nurture["is_active"] and is_active} for nurture in read]
    missing = [nurture for nurture in new if nurture["name"] not in known]
    if missing and len(known) + len(missing) > MOST_NURTURES:
        raise TooManyNurtures
    if missing:
        clinic = load_context(session, clinic_id)
        session.add_all([new_nurture(clinic, nurture, playbook=playbook, by=None) for nurture in missing])
    return [nurture["name"] for nurture in missing]


def export_nurtures(session: Session, clinic_id: UUID) -> list[JsonDict]:
    """Return the definitions of all nurtures of the clinic, by name."""
    found = session.scalars(select(Nurture).where(Nurture.clinic_id == clinic_id).order_by(Nurture.name))
    return [definition_of(nurture) for nurture in found]
