"""What comes in when a lead is taken in, and what is told of those who came before."""

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from app.api.leads.out_schemas import LeadOut
from app.api.leads.schemas import LeadIn
from app.http.schemas.fields import LONGEST_EMAIL, Choice, Id, Integer, Text
from app.http.schemas.schema import Schema
from app.leads.attribution.touch_models import CaptureChannel
from app.leads.capture.capture import OnDuplicate
from app.leads.duplicates.search import UNKNOWN_CALLER
from app.leads.models import LONGEST_NOTE
from app.leads.search.search import MOST_FOUND


class _WithChoice(Schema):
    """What to do where somebody like it is there already."""

    on_duplicate = Choice(
        OnDuplicate,
        metadata={
            "description": "Where a lead has this phone or e-mail address already: `warn` (so it is without this) takes"
            " this one in all the same, `refuse` is 409. Names that are alike only ever warn."
        },
    )


class CaptureIn(LeadIn, _WithChoice):
    """A lead to be taken in, and what to do if it is there already."""


class QuickIn(_WithChoice):
    """A caller, in the words of the one who takes the call. Everything else can be added later."""

    first_name = Text(100, least=1, metadata={"description": "`Unknown`, unless it is given."})
    last_name = Text(100, least=1, metadata={"description": "`Caller`, unless it is given."})
    phone = Text(50, least=1, required=True)
    source_id = Id(required=True)
    source_detail = Text(500, allow_none=True)
    notes = Text(LONGEST_NOTE, lines=True, allow_none=True)

    def read(self, data: Any) -> Any:
        """With a name, if only of nobody, and the channel."""
        first, last = UNKNOWN_CALLER
        named = {"first_name": first, "last_name": last, "capture_channel": CaptureChannel.PHONE}
        return {**named, **super().read(data)}


class UpsertIn(LeadIn):
    """A lead as an integrator's system has it. Who looks after it is decided here."""

    class Meta(LeadIn.Meta):
        exclude = ("assigned_to_id",)

    external_source = Text(
        50, least=1, required=True, metadata={"description": "The system whose id it is.", "examples": ["hubspot"]}
    )


class MergeIn(Schema):
    """The duplicate."""

    lead_id = Id(required=True, metadata={"description": "The lead that becomes part of the one in the path."})


class SearchIn(Schema):
    """Whom to look for: by one of these, or by several that all hold."""

    phone = Text(50, least=1, metadata={"description": "As people write it; the same as the lead's first or second."})
    email = Text(LONGEST_EMAIL, least=1, metadata={"description": "The same, in upper or lower case."})
    name = Text(
        200,
        least=2,
        metadata={
            "description": "The beginning of a last name, or first names and last name; small slips are forgiven beyond"
            " the first three letters. Of fewer than three letters, the whole last name."
        },
    )
    limit = Integer(least=1, most=MOST_FOUND, load_default=20)

    @validates_schema
    def _looks_for_somebody(self, data: dict[str, Any], **_: Any) -> None:
        if not data.keys() & {"phone", "email", "name"}:
            raise ValidationError("Give phone, email or name.")


class SearchOut(Schema):
    """Who was found, the likeliest first."""

    items = fields.List(fields.Nested(LeadOut), required=True)


class DuplicateOut(Schema):
    """A lead that may be the same person."""

    lead_id = Id(required=True)
    match_on = fields.List(
        fields.String(validate=validate.OneOf(["phone", "email", "name"])),
        required=True,
        metadata={"description": "What is the same; a name is alike."},
    )
    score = Integer(
        required=True, metadata={"description": "100 where phone or e-mail address are the same, else of the names."}
    )


class DuplicatesOut(Schema):
    """Who may be the same person."""

    duplicates = fields.List(fields.Nested(DuplicateOut), required=True)
    hidden_duplicates = Integer(
        required=True,
        metadata={"description": "How many more have the same phone or e-mail address, whom you may not see."},
    )


class CapturedOut(LeadOut, DuplicatesOut):
    """A lead that was taken in, and who may be the same person."""
