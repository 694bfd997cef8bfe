"""Web form submission: create a lead in the form's clinic."""

from collections.abc import Collection, Sequence
from functools import partial
from typing import Final, Protocol
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.clock import now
from app.core.type_aliases import JsonDict, JsonObject
from app.core.validation.check_all import check_all
from app.core.validation.json_pointer import pointer
from app.errors import Forbidden, Invalid, NotFound
from app.identity.actor import Actor
from app.identity.clinics import load_context
from app.identity.models import Clinic
from app.leads.capture.capture import capture_lead
from app.leads.capture.forms.models import HONEYPOT, WebForm
from app.leads.contact.phone_numbers import require_phones, require_reachable
from app.leads.duplicates.search import UNKNOWN_CALLER
from app.leads.enums import CaptureChannel
from app.leads.fields import ON_FORMS

TOUCH_FIELDS: Final = frozenset(
    {"medium", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "referrer", "landing_page"}
)

# The source that utm_source names, else the form's, else any active one: an inactive source must not lose a lead.
_SOURCE: Final = text(
    "SELECT id FROM lead_sources WHERE clinic_id = :clinic AND is_active"
    " ORDER BY (lower(name) = lower(CAST(:utm AS text))) IS TRUE DESC,"
    " (lower(CAST(:utm AS text)) = ANY(aliases)) IS TRUE DESC,"
    " id = :own DESC, category = 'OTHER' DESC, name LIMIT 1"
)


class FormRow(Protocol):
    """The row of an active form, with its clinic's `rules_version`."""

    @property
    def id(self) -> UUID: ...
    @property
    def clinic_id(self) -> UUID: ...
    @property
    def rules_version(self) -> int: ...
    @property
    def allowed_origins(self) -> Collection[str]: ...
    @property
    def fields(self) -> Sequence[JsonObject]: ...
    @property
    def campaign(self) -> str | None: ...
    @property
    def source_id(self) -> UUID: ...
    @property
    def consent_text(self) -> str | None: ...
    @property
    def thank_you(self) -> str | None: ...
    @property
    def redirect_url(self) -> str | None: ...


def find_form(session: Session, key: str) -> FormRow:
    """Return the active form with this key, and its clinic's `rules_version`. Raises NotFound."""
    if not key.isprintable():  # PostgreSQL refuses NUL in text
        raise NotFound
    wanted = select(WebForm.__table__, Clinic.rules_version).join(Clinic, Clinic.id == WebForm.clinic_id)
    found = session.execute(wanted.where(WebForm.key == key, WebForm.is_active)).one_or_none()
    if found is None:
        raise NotFound
    return found


def require_origin(form: FormRow, origin: str | None) -> None:
    """Check the Origin header, which browsers send and other clients may omit. Raises Forbidden."""
    if origin is not None and origin not in form.allowed_origins:
        raise Forbidden("This website is not allowed to send this form.")


def submit(session: Session, form: FormRow, data: JsonObject) -> None:
    """Create a lead from `data` (fields of Submission). Ignores it if the honeypot is filled in. Raises Invalid."""
    if data.get(HONEYPOT):
        return
    given = {name: value for name, value in data.items() if value not in ("", [])}
    check_submission(session, form, given)
    actor = _actor(session, form)
    capture_lead(session, actor, _lead(session, form, given), in_full=False)


def _actor(session: Session, form: FormRow) -> Actor:
    return Actor.system(load_context(session, form.clinic_id, form.rules_version))


def check_submission(session: Session, form: FormRow, given: JsonObject) -> None:
    """Check the fields against the form, and the contact data. Raises Invalid with every error."""
    asked = {field["name"]: field["required"] for field in form.fields}
    region = _actor(session, form).clinic.region
    check_all(
        *(partial(_require_field, given, name, asked.get(name)) for name in sorted(ON_FORMS)),
        lambda: require_reachable(given.get("phone"), given.get("email")),
        lambda: require_phones(given, region),
    )


def _require_field(given: JsonObject, name: str, is_required: bool | None) -> None:
    """Refuse a field that the form does not have (None), and a missing required field. Raises Invalid."""
    is_given = given.get(name) not in (None, "", [])
    if is_given and is_required is None:
        raise Invalid.at(pointer(name), "Unknown field.")
    if is_required and not is_given:
        raise Invalid.at(pointer(name), "Missing data for required field.")


def _lead(session: Session, form: FormRow, given: JsonObject) -> JsonDict:
    first, last = UNKNOWN_CALLER
    has_name = "first_name" in given or "last_name" in given
    return {
        "first_name": first,
        "last_name": first if has_name else last,
        **{name: given[name] for name in given.keys() & ON_FORMS.keys()},
        "source_id": _source(session, form, given.get("utm_source")),
        "source_campaign": given.get("utm_campaign") or form.campaign,
        "capture_channel": CaptureChannel.WEB_FORM,
        "touch": {
            **{name: given[name] for name in given.keys() & TOUCH_FIELDS},
            "form_id": form.id,
            **_consent(form, given),
        },
    }


def _source(session: Session, form: FormRow, utm_source: str | None) -> UUID:
    about = {"clinic": form.clinic_id, "own": form.source_id, "utm": utm_source}
    found: UUID | None = session.scalar(_SOURCE, about)
    return found or form.source_id


def _consent(form: FormRow, given: JsonObject) -> JsonDict:
    agrees = given.get("consent") and form.consent_text
    return {"consent_text": form.consent_text, "consent_at": now()} if agrees else {}
