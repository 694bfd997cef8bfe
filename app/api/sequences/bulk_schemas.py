"""Which leads to enroll, of any number."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from app.api.capture.bulk_schemas import require_one_of
from app.api.capture.large_lists import LeadIds
from app.api.leads.list_schemas import LeadTests
from app.http.schemas.fields import INT4_MAX, Integer, Text
from app.http.schemas.schema import Schema


class BulkEnrollIn(Schema):
    """The leads: exactly one of `lead_ids` and `filter`."""

    client_key = Text(
        200, least=1, metadata={"description": "The same key posted again is the same job, however often."}
    )
    lead_ids = LeadIds(
        most=INT4_MAX,
        metadata={"description": "As many as the body holds. An id that stands there twice fails the second time."},
    )
    filter = fields.Nested(
        LeadTests, metadata={"description": "As for the list of leads. At least one test: a slip reaches nobody."}
    )
    per_hour = Integer(
        least=1, metadata={"description": "Spread them: so many an hour, in the order given. Else all at once."}
    )

    @validates_schema
    def _says_whom(self, data: dict[str, Any], **_: Any) -> None:
        require_one_of(data, "lead_ids", "filter")
        if data.get("filter") == {}:
            raise ValidationError({"filter": ["Name at least one test: a slip of the pen is not to reach every lead."]})
