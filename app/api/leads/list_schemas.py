"""Which leads are asked for, in which order, and along with what."""

from typing import Final

from app.api.leads.fields import LONGEST_TAG
from app.api.leads.schemas import Somebody
from app.http.schemas.fields import Boolean, Choice, Choices, Id, Instant, Language, Money, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import QuerySchema, Schema
from app.leads.attribution.touch_models import CaptureChannel
from app.leads.models import (
    LONGEST_EXTERNAL_ID,
    LeadStatus,
)
from app.leads.search.listing import LeadPart, LeadSort

EXPAND_LEAD: Final = {"description": "Show these along with each lead."}


class OneLeadQuery(QuerySchema):
    """How to show a lead."""

    expand = Choices(LeadPart, metadata=EXPAND_LEAD)


class IdleLeadQuery(PageQuery):
    """Whose leads without a next action to list: everybody's, unless somebody is named."""

    expand = Choices(LeadPart, metadata=EXPAND_LEAD)
    assigned_to_id = Somebody()


class LeadTests(Schema):
    """Which leads: all that pass every test, as they are now."""

    status = Choice(LeadStatus)
    stage = Text(100, least=1, metadata={"description": "A stage's slug."})
    source_id = Id()
    assigned_to_id = Somebody()
    created_from = Instant()
    created_to = Instant(metadata={"description": "Exclusive."})
    tag = Text(LONGEST_TAG, least=1)
    language = Language(metadata={"description": "This one alone: `fr` is not `fr-CA`."})
    channel = Choice(CaptureChannel)
    external_id = Text(LONGEST_EXTERNAL_ID, least=1)
    value_from = Money()
    value_to = Money()
    rotting = Boolean(metadata={"description": "Open leads that are rotten by now (true), or not yet (false)."})
    next_follow_up_from = Instant(metadata={"description": "Leads whose next open task is due then, or later."})
    next_follow_up_to = Instant(metadata={"description": "Exclusive."})


class LeadQuery(PageQuery, LeadTests):
    """Which leads to list, in which order."""

    sort = Choice(
        LeadSort,
        load_default=LeadSort.NEWEST,
        metadata={
            "description": "By value, `rots_at` or next follow-up there are only leads that have one: a value, an open"
            " state, an open task."
        },
    )
    expand = Choices(LeadPart, metadata=EXPAND_LEAD)
