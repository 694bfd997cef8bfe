"""Schema fields for tags and custom values."""

from typing import Any, Final

from marshmallow import fields, validate

from app.http.schemas.fields import ListOf, Text
from app.http.schemas.map_of import MapOf
from app.leads.models import LONGEST_TAG, MOST_TAGS

MOST_CUSTOM: Final = 100  # custom values of one lead


class Tags(ListOf):
    """List of tags, in lower case, without repetitions."""

    def __init__(self, **options: Any) -> None:
        super().__init__(Text(LONGEST_TAG, least=1), most=MOST_TAGS, **options)

    def _deserialize(self, value: object, *args: object, **more: object) -> list[Any]:
        return list(dict.fromkeys(tag.lower() for tag in super()._deserialize(value, *args, **more)))


class CustomValues(MapOf):
    """Values of custom fields by key. Each is validated by its definition."""

    def __init__(self) -> None:
        super().__init__(
            keys=fields.String(),
            validate=validate.Length(max=MOST_CUSTOM),
            metadata={
                "description": "Values by key (see `/api/custom-fields`). Given values are replaced; null removes one.",
                "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
            },
        )
