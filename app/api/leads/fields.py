"""Fields that leads are marked with."""

from typing import Any, Final

from marshmallow import fields, validate

from app.http.schemas.fields import ListOf, Text
from app.leads.models import MOST_TAGS

LONGEST_TAG: Final = 50
MOST_CUSTOM: Final = 100  # values of a clinic's own fields


class Tags(ListOf):
    """Words that leads are marked with, in lower case and each once."""

    def __init__(self, **options: Any) -> None:
        super().__init__(Text(LONGEST_TAG, least=1), most=MOST_TAGS, **options)

    def _deserialize(self, value: Any, *args: Any, **more: Any) -> list[Any]:
        return list(dict.fromkeys(tag.lower() for tag in super()._deserialize(value, *args, **more)))


class CustomValues(fields.Dict):
    """Values of the clinic's own fields, by their keys; what each may be, its definition says."""

    def __init__(self) -> None:
        super().__init__(
            keys=fields.String(),
            validate=validate.Length(max=MOST_CUSTOM),
            metadata={
                "description": "By the keys of `/api/custom-fields`. Those given are replaced, null takes one away.",
                "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
            },
        )
