"""Request and response schemas of web forms, and of their submissions."""

import re
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from marshmallow import ValidationError, fields, validates_schema

from app.api.leads.fields import request_field
from app.api.leads.touch_schemas import TouchDetails
from app.config import Environment, get_settings
from app.core.type_aliases import JsonDict
from app.http.schemas.fields import Boolean, Id, Instant, Integer, ListOf, Text
from app.http.schemas.one_of import OneOf
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Schema
from app.leads.contact.names import contains_address
from app.leads.fields import ON_FORMS, Form, LeadField

MOST_ORIGINS: Final = 20
LONGEST_MESSAGE: Final = 2000

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

_ORIGIN = re.compile(r"https?://[a-z0-9.-]{1,253}(:[0-9]{1,5})?", re.ASCII)


class Origin(Text):
    """Origin of a website, as in the Origin header: `https://clinic.example`."""

    def __init__(self) -> None:
        super().__init__(300)

    def _deserialize(self, value: object, *_: object, **__: object) -> str:
        origin = super()._deserialize(value).lower().removesuffix("/")
        if not _ORIGIN.fullmatch(origin):
            raise ValidationError("Must be scheme and host, such as https://clinic.example.")
        _require_https(urlsplit(origin))
        return origin


class WebAddress(Text):
    """URL of a page for the redirect after a submission."""

    def __init__(self, **options: Any) -> None:
        super().__init__(2000, **options)

    def _deserialize(self, value: object, *_: object, **__: object) -> str:
        address = super()._deserialize(value)
        try:
            parts = urlsplit(address)
        except ValueError:
            raise ValidationError("Not a valid URL.") from None
        if parts.scheme not in {"http", "https"} or not parts.hostname or " " in address:
            raise ValidationError("Must be a URL such as https://clinic.example/thanks.")
        _require_https(parts)
        return address


def _require_https(parts: SplitResult) -> None:
    """Allow http for this machine outside of production only, for development. Raises ValidationError."""
    is_development = get_settings().relance_env is not Environment.PRODUCTION
    if parts.scheme != "https" and not (is_development and parts.hostname in LOOPBACK):
        raise ValidationError("Must begin with https://.")


class FormFieldIn(Schema):
    """A field of the form."""

    name = fields.String(required=True, validate=OneOf([*ON_FORMS]))
    required = Boolean(load_default=False)


class WebFormIn(Schema):
    """A form on a website."""

    name = Text(100, least=1, required=True)
    allowed_origins = ListOf(
        Origin(), most=MOST_ORIGINS, required=True, metadata={"description": "Websites that may send the form."}
    )
    source_id = Id(required=True, metadata={"description": "Source of the leads, unless `utm_source` names another."})
    campaign = Text(200, allow_none=True, load_default=None)
    fields_ = ListOf(fields.Nested(FormFieldIn), least=1, most=len(ON_FORMS), required=True, data_key="fields")
    consent_text = Text(
        LONGEST_MESSAGE,
        lines=True,
        allow_none=True,
        load_default=None,
        metadata={"description": "Consent text for visitors. Stored with each consent and its time."},
    )
    thank_you = Text(LONGEST_MESSAGE, lines=True, allow_none=True, load_default=None)
    redirect_url = WebAddress(allow_none=True, load_default=None)
    is_active = Boolean(load_default=True)

    @validates_schema
    def _has_contact_field(self, data: JsonDict, **_: object) -> None:
        names = [field["name"] for field in data.get("fields_", ())]
        mistakes = []
        if names and not {"phone", "email"} & set(names):
            mistakes.append("Ask for a phone number or an e-mail address.")
        if len(names) != len(set(names)):
            mistakes.append("Each field may appear only once.")
        if mistakes:
            raise ValidationError({"fields": mistakes})


class FormFieldOut(Schema):
    """A field of the form."""

    name = fields.String(required=True, validate=OneOf([*ON_FORMS]))
    required = Boolean(required=True)


class WebFormOut(Schema):
    """A web form."""

    id = Id(required=True)
    name = fields.String(required=True)
    key = fields.String(required=True, metadata={"description": "Public: it is part of the page."})
    allowed_origins = fields.List(fields.String(), required=True)
    source_id = Id(required=True)
    campaign = fields.String(required=True, allow_none=True)
    fields_ = fields.List(fields.Nested(FormFieldOut), required=True, data_key="fields", attribute="fields")
    consent_text = fields.String(required=True, allow_none=True)
    thank_you = fields.String(required=True, allow_none=True)
    redirect_url = fields.String(required=True, allow_none=True)
    is_active = Boolean(required=True)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    version = Integer(required=True)


class FormHtmlOut(Schema):
    """A web form as HTML."""

    html = fields.String(required=True, metadata={"description": "For a page of an allowed website."})


class WebFormQuery(PageQuery):
    """Filter of web forms."""

    is_active = Boolean()


class TextWithoutAddress(Text):
    """Text that our mails may repeat. A visitor could send a link to other people with it, so it may have none."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.validators.append(_refuse_address)


def _refuse_address(text: str) -> None:
    if contains_address(text):
        raise ValidationError("Web and e-mail addresses are not allowed here.")


def _asked_fields() -> dict[str, fields.Field[Any]]:
    return {name: _asked(field) for name, field in ON_FORMS.items()}


def _asked(field: LeadField) -> fields.Field[Any]:
    is_plain = field.kind.form is Form.TEXT and field.form and field.form.type == "text"
    return TextWithoutAddress(field.kind.most) if is_plain else request_field(field)


class Submission(TouchDetails):
    """Submission of a visitor: the form's fields and attribution."""

    class Meta(TouchDetails.Meta):
        include = _asked_fields()

    consent = Boolean(metadata={"description": "Whether the visitor agrees to the form's consent text."})
    website = Text(
        2000, metadata={"description": "Honeypot: hide this field. Submissions that fill it in are ignored."}
    )


class SubmissionOut(Schema):
    """Confirmation of a submission."""

    accepted = Boolean(required=True)
    thank_you = fields.String(required=True, allow_none=True)
    redirect_url = fields.String(required=True, allow_none=True)
