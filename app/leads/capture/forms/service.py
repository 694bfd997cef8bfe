"""Web forms: list, read, create, update, rotate the key."""

import secrets
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import new_id
from app.core.optimistic_locking import SeenVersions, require_version
from app.core.pagination import Page, page
from app.core.type_aliases import ColumnDict, JsonObject
from app.errors import Conflict, NotFound
from app.leads.attribution.sources import require_source
from app.leads.capture.forms.models import WebForm


class FormNameTaken(Conflict):
    """The clinic already has a form with this name."""


def list_forms(session: Session, clinic_id: UUID, query: JsonObject) -> Page:
    """List the clinic's forms by name; `query` holds the fields of WebFormQuery."""
    statement = select(WebForm).where(WebForm.clinic_id == clinic_id)
    if "is_active" in query:
        statement = statement.where(WebForm.is_active == query["is_active"])
    return page(session, statement, [(WebForm.name, "asc")], query)


def read_form(session: Session, clinic_id: UUID, form_id: UUID) -> WebForm:
    """Return one form of the clinic. Raises NotFound."""
    return _find(session, clinic_id, form_id, lock=False)


def create_form(session: Session, clinic_id: UUID, data: JsonObject) -> WebForm:
    """Create a form from the fields of WebFormIn. Raises FormNameTaken, Invalid."""
    require_source(session, clinic_id, data["source_id"])
    at = now()
    form = WebForm(id=new_id(), clinic_id=clinic_id, key=_new_key(), created_at=at, updated_at=at, **_columns(data))
    session.add(form)
    _flush(session)
    return form


def update_form(
    session: Session, clinic_id: UUID, form_id: UUID, data: JsonObject, *, seen: SeenVersions = None
) -> WebForm:
    """Replace all values of a form. Raises NotFound, ChangedMeanwhile, FormNameTaken, Invalid."""
    form = _find(session, clinic_id, form_id, lock=True)
    require_version(form, seen)
    require_source(session, clinic_id, data["source_id"])
    for name, value in _columns(data).items():
        setattr(form, name, value)
    _mark_updated(form)
    _flush(session)
    return form


def rotate_key(session: Session, clinic_id: UUID, form_id: UUID) -> WebForm:
    """Replace the form's key; the old key stops working at once. Raises NotFound."""
    form = _find(session, clinic_id, form_id, lock=True)
    form.key = _new_key()
    _mark_updated(form)
    return form


def _find(session: Session, clinic_id: UUID, form_id: UUID, *, lock: bool) -> WebForm:
    of_clinic = select(WebForm).where(WebForm.id == form_id, WebForm.clinic_id == clinic_id)
    form = session.scalars(of_clinic.with_for_update(key_share=True) if lock else of_clinic).one_or_none()
    if form is None:
        raise NotFound
    return form


def _columns(data: JsonObject) -> ColumnDict:
    columns = dict(data)
    columns["fields"] = columns.pop("fields_")
    return columns


def _new_key() -> str:
    return f"wf_{secrets.token_urlsafe(18)}"


def _mark_updated(form: WebForm) -> None:
    form.updated_at = now()
    form.version += 1


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError as clash:
        raise FormNameTaken from clash
