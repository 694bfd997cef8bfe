"""What a website's visitor sends becomes a lead: whose it is, and where it is from, the form says."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from app.clock import now
from app.core.validation.json_pointer import pointer
from app.errors import FieldError, Forbidden, Invalid, NotFound
from app.identity.actor import Actor
from app.identity.clinics import load_context
from app.identity.models import Clinic
from app.leads.attribution.touch_models import CaptureChannel
from app.leads.capture.capture import capture_lead
from app.leads.capture.forms.models import HONEYPOT, FormField, WebForm
from app.leads.contact.phone_numbers import require_reachable
from app.leads.duplicates.search import UNKNOWN_CALLER

OF_THE_PERSON: Final = frozenset(field.value for field in FormField)
OF_THE_TOUCH: Final = frozenset(
    {"medium", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "referrer", "landing_page"}
)

# The one that utm_source names, else the form's; both may have been given up, and a lead is not lost for that.
_SOURCE: Final = text(
    "SELECT id FROM lead_sources WHERE clinic_id = :clinic AND is_active"
    " ORDER BY (lower(name) = lower(CAST(:utm AS text))) IS TRUE DESC,"
    " (lower(CAST(:utm AS text)) = ANY(aliases)) IS TRUE DESC,"
    " id = :own DESC, category = 'OTHER' DESC, name LIMIT 1"
)


def find_form(session: Session, key: str) -> Row[Any]:
    """The active form of that key, and its clinic's `rules_version`. Raises NotFound."""
    if not key.isprintable():  # NUL is no text to PostgreSQL
        raise NotFound
    wanted = select(WebForm.__table__, Clinic.rules_version).join(Clinic, Clinic.id == WebForm.clinic_id)
    found = session.execute(wanted.where(WebForm.key == key, WebForm.is_active)).one_or_none()
    if found is None:
        raise NotFound
    return found


def require_origin(form: Row[Any], origin: str | None) -> None:
    """Browsers say which website a page is from; other programs need not. Raises Forbidden."""
    if origin is not None and origin not in form.allowed_origins:
        raise Forbidden("This website may not send this form.")


def submit(session: Session, form: Row[Any], data: Mapping[str, Any]) -> None:
    """Take in the lead of `data` (as `Submission` reads it); a trapped machine is none. Raises Invalid."""
    if data.get(HONEYPOT):
        return
    given = {name: value for name, value in data.items() if value not in ("", [])}
    _require_form(form, given)
    require_reachable(given.get("phone"), given.get("email"))
    actor = Actor.system(load_context(session, form.clinic_id, form.rules_version))
    capture_lead(session, actor, _lead(session, form, given), in_full=False)


def _require_form(form: Row[Any], given: Mapping[str, Any]) -> None:
    """What the form does not ask is refused, and what it needs is needed."""
    asked = {field["name"]: field["required"] for field in form.fields}
    mistakes = [FieldError(pointer(name), "Unknown field.") for name in given.keys() & OF_THE_PERSON - asked.keys()]
    mistakes += [
        FieldError(pointer(name), "Missing data for required field.")
        for name, required in asked.items()
        if required and name not in given
    ]
    if mistakes:
        raise Invalid(*mistakes)


def _lead(session: Session, form: Row[Any], given: Mapping[str, Any]) -> dict[str, Any]:
    first, last = UNKNOWN_CALLER
    return {
        "first_name": first,
        "last_name": last,
        **{name: given[name] for name in given.keys() & OF_THE_PERSON},
        "source_id": _source(session, form, given.get("utm_source")),
        "source_campaign": given.get("utm_campaign") or form.campaign,
        "capture_channel": CaptureChannel.WEB_FORM,
        "touch": {
            **{name: given[name] for name in given.keys() & OF_THE_TOUCH},
            "form_id": form.id,
            **_consent(form, given),
        },
    }


def _source(session: Session, form: Row[Any], utm_source: str | None) -> UUID:
    about = {"clinic": form.clinic_id, "own": form.source_id, "utm": utm_source}
    found: UUID | None = session.scalar(_SOURCE, about)
    return found or form.source_id


def _consent(form: Row[Any], given: Mapping[str, Any]) -> dict[str, Any]:
    agrees = given.get("consent") and form.consent_text
    return {"consent_text": form.consent_text, "consent_at": now()} if agrees else {}
