"""Request schema of bulk enrollment."""

from marshmallow import ValidationError, fields, validates_schema

from app.api.leads.list_schemas import LeadTests
from app.api.tasks.large_lists import LeadIds
from app.core.type_aliases import JsonDict
from app.http.schemas import words
from app.http.schemas.common_fields import require_one_of
from app.http.schemas.fields import INT4_MAX, Integer, Text
from app.http.schemas.schema import Aliases, Schema


class BulkEnrollIn(Aliases, Schema):
    """The leads: exactly one of `lead_ids` and `filter`."""

    aliases = words.FILTER

    client_key = Text(200, least=1, metadata={"description": "Posting the same key again returns the same job."})
    lead_ids = LeadIds(
        most=INT4_MAX,
        metadata={"description": "As many as the body holds. A repeated id fails the second time."},
    )
    filter = fields.Nested(
        LeadTests, metadata={"description": "Filters of the list of leads. At least one is required."}
    )
    per_hour = Integer(
        least=1,
        metadata={"description": "Number of leads that start per hour, in the order given. Default: all at once."},
    )

    @validates_schema
    def _names_leads(self, data: JsonDict, **_: object) -> None:
        require_one_of(data, "lead_ids", "filter")
        if data.get("filter") == {}:
            raise ValidationError({"filter": ["Name at least one test: a slip of the pen is not to reach every lead."]})
