"""Request and response schemas of custom events."""

from typing import Any, Final

from marshmallow import ValidationError, fields, validates_schema

from app.api.activities.schemas import is_past
from app.engine.events.events import CUSTOM
from app.http.schemas.fields import Id, Instant, Text
from app.http.schemas.schema import Schema

MOST_DATA: Final = 30


LONGEST: Final = 500


SLUG: Final = (f"^{CUSTOM.pattern}$", "Must be like custom.page_viewed.")


KEY: Final = (r"^[a-z][a-z0-9_]{0,62}$", "Must be a slug such as page_name.")


_PLAIN: Final = "Must be a text of at most 500 characters, a number, or true or false."


class EventIn(Schema):
    """Something that happened to a lead, in the integrator's own words."""

    name = Text(80, required=True, form=SLUG, metadata={"examples": ["custom.page_viewed"]})
    lead_id = Id(required=True)
    key = Text(
        200,
        least=1,
        metadata={
            "description": "Tells two events of one name apart; the same again changes nothing. Else each counts."
        },
    )
    occurred_at = Instant(validate=is_past, metadata={"description": "Now, unless it is given."})
    data = fields.Dict(
        keys=Text(63, form=KEY),
        values=fields.Raw(allow_none=True),
        load_default=dict,
        metadata={
            "description": "Codes and numbers, no personal data: rules ask for them as `event.data.page`.",
            "examples": [{"page": "pricing", "views": 5}],
        },
    )

    @validates_schema(skip_on_field_errors=True)
    def _is_small_and_plain(self, data: dict[str, Any], **_: Any) -> None:
        given = data["data"]
        if len(given) > MOST_DATA:
            raise ValidationError({"data": [f"At most {MOST_DATA} values."]})
        if odd := [key for key, value in given.items() if _is_odd(value)]:
            raise ValidationError({"data": {key: [_PLAIN] for key in odd}})


class EventOut(Schema):
    """What was noted."""

    id = Id(required=True)
    name = fields.String(required=True)
    lead_id = Id(required=True)
    occurred_at = Instant(required=True)


def _is_odd(value: object) -> bool:
    if isinstance(value, str):
        return len(value) > LONGEST
    return not (value is None or isinstance(value, int | float))
