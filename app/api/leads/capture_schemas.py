"""Request and response schemas of lead capture and upsert."""

from typing import Any

from app.api.leads.duplicate_schemas import DuplicatesOut
from app.api.leads.out_schemas import LeadOut
from app.api.leads.schemas import LeadIn
from app.http.schemas.fields import Choice, Id, Text
from app.http.schemas.schema import Schema
from app.leads.duplicates.search import UNKNOWN_CALLER
from app.leads.enums import ON_DUPLICATE_IN_CAPTURE, ON_DUPLICATE_IN_IMPORTS, CaptureChannel
from app.leads.fields import LONGEST_NOTE


class _WithOnDuplicate(Schema):
    """Adds the field `on_duplicate`."""

    on_duplicate = Choice(
        ON_DUPLICATE_IN_CAPTURE,
        metadata={
            "description": "If a lead with this phone number or e-mail address exists: `warn` (default) creates the"
            " lead anyway, `refuse` answers 409. Similar names only warn."
        },
    )


class CaptureIn(LeadIn, _WithOnDuplicate):
    """A new lead, and how to handle duplicates."""


class QuickIn(_WithOnDuplicate):
    """A caller, as captured during the phone call. Further fields can be added later."""

    first_name = Text(100, least=1, metadata={"description": "Default: `Unknown`."})
    last_name = Text(100, least=1, metadata={"description": "Default: `Caller`."})
    phone = Text(50, least=1, required=True)
    source_id = Id(required=True)
    source_detail = Text(500, allow_none=True)
    notes = Text(LONGEST_NOTE, lines=True, allow_none=True)

    def read(self, data: object) -> Any:
        """Add the placeholder name and the channel PHONE."""
        first, last = UNKNOWN_CALLER
        named = {"first_name": first, "last_name": last, "capture_channel": CaptureChannel.PHONE}
        return {**named, **super().read(data)}


class UpsertIn(LeadIn):
    """A lead of an external system. The assignee is chosen by this clinic's rules."""

    class Meta(LeadIn.Meta):
        exclude = ("assigned_to_id",)

    external_source = Text(
        50, least=1, required=True, metadata={"description": "Name of the external system.", "examples": ["hubspot"]}
    )
    on_duplicate = Choice(
        ON_DUPLICATE_IN_IMPORTS,
        metadata={
            "description": "If no lead has this id, but one has the phone number or e-mail address: `create` (default)"
            " creates another lead, `update` changes that lead and gives it the id if it has none, `skip` returns it"
            " unchanged, `refuse` answers 409."
        },
    )


class CapturedOut(LeadOut, DuplicatesOut):
    """A created lead and its possible duplicates."""
