"""Request and response schemas for saved views of the work queue."""

from marshmallow import ValidationError, fields
from werkzeug.datastructures import MultiDict

from app.api.tasks.queue_schemas import QueueFilters
from app.core.type_aliases import JsonDict
from app.core.validation.json_pointer import first_part
from app.errors import Invalid
from app.http.schemas import words
from app.http.schemas.fields import Boolean, Id, Instant, Integer, Text
from app.http.schemas.schema import Aliases, Schema

LONGEST_VALUE = 300


class ViewFilters(fields.Field[dict[str, str]]):
    """Query parameters of `GET /api/followups`, validated by its schema."""

    def __init__(self) -> None:
        super().__init__(
            required=True,
            metadata={
                "type": "object",
                "additionalProperties": {"type": "string", "maxLength": LONGEST_VALUE},
                "description": "Query parameters of `GET /api/followups`.",
                "examples": [{"status": "PENDING,OVERDUE", "assigned_to_id": "me"}],
            },
        )

    def _deserialize(self, value: object, *_: object, **__: object) -> dict[str, str]:
        if not isinstance(value, dict):
            raise self.make_error("validator_failed")
        texts = {name: text for name, text in value.items() if isinstance(text, str)}
        messages: JsonDict = {name: ["Not a valid string."] for name in value.keys() - texts.keys()}
        try:
            QueueFilters().read(MultiDict(texts))
        except Invalid as mistakes:
            messages |= {first_part(error.pointer): [error.message] for error in mistakes.errors}
        if messages:
            raise ValidationError(messages)
        return value


class ViewIn(Aliases, Schema):
    """A complete view. Missing fields get their default."""

    aliases = words.FILTERS

    name = Text(100, least=1, required=True)
    filters = ViewFilters()
    shared = Boolean(load_default=False, metadata={"description": "Share with all users of the clinic."})


class ViewOut(Schema):
    """A saved view."""

    id = Id(required=True)
    name = fields.String(required=True)
    filters = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    shared = Boolean(required=True)
    user_id = Id(required=True, metadata={"description": "Owner of the view."})
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    version = Integer(required=True)
