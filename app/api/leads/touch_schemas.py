"""Request and response schemas of touches."""

from typing import Any, Final
from urllib.parse import urlsplit

from marshmallow import ValidationError, fields

from app.http.schemas.common_fields import require_past
from app.http.schemas.fields import Choice, Id, Instant, Text
from app.http.schemas.schema import Schema
from app.leads.enums import CaptureChannel

LONGEST_ADDRESS: Final = 2000
LONGEST_UTM: Final = 200


class PageAddress(Text):
    """URL of a page, without query, fragment and credentials, which may hold personal data."""

    def __init__(self, **options: Any) -> None:
        super().__init__(LONGEST_ADDRESS, **options)

    def _deserialize(self, value: object, *_: object, **__: object) -> str:
        try:
            parts = urlsplit(super()._deserialize(value))
        except ValueError:
            raise ValidationError("Not a valid URL.") from None
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValidationError("Must be a URL such as https://clinic.example/braces.")
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


class TouchDetails(Schema):
    """Attribution details of a touch, as known to a website."""

    medium = Text(LONGEST_UTM, allow_none=True)
    utm_source = Text(LONGEST_UTM, allow_none=True)
    utm_medium = Text(LONGEST_UTM, allow_none=True)
    utm_campaign = Text(LONGEST_UTM, allow_none=True)
    utm_term = Text(LONGEST_UTM, allow_none=True)
    utm_content = Text(LONGEST_UTM, allow_none=True)
    referrer = PageAddress(allow_none=True, metadata={"description": "Stored without its query and fragment."})
    landing_page = PageAddress(allow_none=True, metadata={"description": "Stored without its query and fragment."})


class TouchIn(TouchDetails):
    """A touch to add to a lead."""

    source_id = Id(metadata={"description": "Source of the touch. Default: the lead's source."})
    channel = Choice(CaptureChannel, metadata={"description": "Default: API for API keys, else MANUAL."})
    campaign = Text(200, allow_none=True)
    detail = Text(500, allow_none=True)
    occurred_at = Instant(validate=require_past, metadata={"description": "Default: now."})


class TouchOut(Schema):
    """A touch of a lead."""

    id = Id(required=True)
    lead_id = Id(required=True)
    source_id = Id(required=True)
    channel = Choice(CaptureChannel, required=True)
    campaign = fields.String(required=True, allow_none=True)
    detail = fields.String(required=True, allow_none=True)
    medium = fields.String(required=True, allow_none=True)
    utm_source = fields.String(required=True, allow_none=True)
    utm_medium = fields.String(required=True, allow_none=True)
    utm_campaign = fields.String(required=True, allow_none=True)
    utm_term = fields.String(required=True, allow_none=True)
    utm_content = fields.String(required=True, allow_none=True)
    referrer = fields.String(required=True, allow_none=True)
    landing_page = fields.String(required=True, allow_none=True)
    form_id = Id(required=True, allow_none=True)
    consent_text = fields.String(required=True, allow_none=True)
    consent_at = Instant(required=True, allow_none=True)
    occurred_at = Instant(required=True)
    created_at = Instant(required=True)
    created_by = Id(required=True, allow_none=True)
