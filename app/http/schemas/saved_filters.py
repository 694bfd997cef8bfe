"""The field for the filters of a saved view: query parameters of a list."""

from typing import Final

from marshmallow import ValidationError, fields
from werkzeug.datastructures import MultiDict

from app.core.type_aliases import JsonDict
from app.core.validation.json_pointer import first_part
from app.errors import Invalid
from app.http.schemas.schema import Schema

LONGEST_VALUE: Final = 300


class SavedFilters(fields.Field[dict[str, str]]):
    """Query parameters of the list at `path`, validated by its schema."""

    def __init__(self, schema: type[Schema], path: str, example: dict[str, str]) -> None:
        self._schema = schema
        super().__init__(
            required=True,
            metadata={
                "type": "object",
                "additionalProperties": {"type": "string", "maxLength": LONGEST_VALUE},
                "description": f"Query parameters of `GET {path}`.",
                "examples": [example],
            },
        )

    def _deserialize(self, value: object, *_: object, **__: object) -> dict[str, str]:
        if not isinstance(value, dict):
            raise self.make_error("validator_failed")
        texts = {name: text for name, text in value.items() if isinstance(text, str)}
        messages: JsonDict = {name: ["Not a valid string."] for name in value.keys() - texts.keys()}
        try:
            self._schema().read(MultiDict(texts))
        except Invalid as mistakes:
            messages |= {first_part(error.pointer): [error.message] for error in mistakes.errors}
        if messages:
            raise ValidationError(messages)
        return value
