"""Request and response schemas of custom events."""

from typing import Final

from marshmallow import ValidationError, fields, validates_schema

from app.core.type_aliases import JsonDict
from app.engine.events.events import CUSTOM_NAME
from app.http.schemas.common_fields import require_past
from app.http.schemas.fields import Id, Instant, Text
from app.http.schemas.map_of import MapOf
from app.http.schemas.schema import Schema

MOST_DATA: Final = 30


LONGEST: Final = 500


SLUG: Final = (f"^{CUSTOM_NAME.pattern}$", "Must be like custom.page_viewed.")


KEY: Final = (r"^[a-z][a-z0-9_]{0,62}$", "Must be a slug such as page_name.")


_PLAIN: Final = "Must be a text of at most 500 characters, a number, true or false."


class EventIn(Schema):
    """A custom event of a lead."""

    name = Text(80, required=True, form=SLUG, metadata={"examples": ["custom.page_viewed"]})
    lead_id = Id(required=True)
    key = Text(
        200,
        least=1,
        metadata={"description": "Idempotency key: a repeated name and key is ignored. Default: every event counts."},
    )
    occurred_at = Instant(validate=require_past, metadata={"description": "Default: now."})
    data = MapOf(
        keys=Text(63, form=KEY),
        values=fields.Raw(allow_none=True),
        load_default=dict,
        metadata={
            "description": "Codes and numbers, no personal data. Rules read them as `event.data.page`.",
            "examples": [{"page": "pricing", "views": 5}],
        },
    )

    @validates_schema
    def _has_plain_values(self, data: JsonDict, **_: object) -> None:
        given = data["data"]
        if len(given) > MOST_DATA:
            raise ValidationError({"data": [f"At most {MOST_DATA} values."]})
        if invalid := [key for key, value in given.items() if _is_invalid(value)]:
            raise ValidationError({"data": {key: [_PLAIN] for key in invalid}})


class EventOut(Schema):
    """Recorded event."""

    id = Id(required=True)
    name = fields.String(required=True)
    lead_id = Id(required=True)
    occurred_at = Instant(required=True)


def _is_invalid(value: object) -> bool:
    if isinstance(value, str):
        return len(value) > LONGEST
    return not (value is None or isinstance(value, int | float))
