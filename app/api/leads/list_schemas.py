"""Query parameters of lead lists: filters, sort order, embedded objects."""

from typing import Any, Final

from marshmallow import ValidationError, validates_schema

from app.automation.language.types.primitives import LONGEST_SLUG
from app.core.files.exports import FileFormat
from app.http.schemas import words
from app.http.schemas.common_fields import UserIdOrMe
from app.http.schemas.fields import Boolean, Choice, Choices, Id, Instant, Integer, Language, Money, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Aliases, QuerySchema, Schema
from app.http.schemas.search_text import SearchText
from app.leads.enums import CaptureChannel, LeadStatus, LostReason
from app.leads.fields import HIGHEST_SCORE, LONGEST_CAMPAIGN, LONGEST_EXTERNAL_ID, LONGEST_TAG
from app.leads.pipeline.models import LONGEST_STAGE_SLUG, MOST_STAGES
from app.leads.search.history_filters import MOST_MINUTES
from app.leads.search.listing import LeadPart, LeadSort

EXPAND_LEAD: Final = {"description": "Objects to embed in each lead."}


class OneLeadQuery(QuerySchema):
    """Options of a single lead."""

    expand = Choices(LeadPart, metadata=EXPAND_LEAD)


class IdleLeadQuery(PageQuery):
    """Filter of leads without a next action; by default of all users."""

    expand = Choices(LeadPart, metadata=EXPAND_LEAD)
    assigned_to_id = UserIdOrMe()


class LeadTests(Aliases, Schema):
    """Filters of leads; all must hold."""

    aliases = words.STAGE

    status = Choice(LeadStatus)
    stage = Text(100, least=1, metadata={"description": "A stage's slug."})
    source_id = Id()
    source_campaign = Text(LONGEST_CAMPAIGN, least=1, metadata={"description": "Exact match."})
    assigned_to_id = UserIdOrMe()
    created_from = Instant()
    created_to = Instant(metadata={"description": "Exclusive."})
    tag = Text(LONGEST_TAG, least=1)
    language = Language(metadata={"description": "Exact match: `fr` does not match `fr-CA`."})
    channel = Choice(CaptureChannel)
    external_id = Text(LONGEST_EXTERNAL_ID, least=1)
    value_from = Money()
    value_to = Money()
    score_from = Integer(most=HIGHEST_SCORE, metadata={"description": "Leads with this score or a higher one."})
    score_to = Integer(most=HIGHEST_SCORE, metadata={"description": "Leads with this score or a lower one."})
    rotting = Boolean(metadata={"description": "Open leads that are rotting now (true), or not yet (false)."})
    rules_wait = Boolean(
        metadata={
            "description": "Leads whose rules wait, because they were imported without follow-ups (true), or not."
        }
    )
    next_follow_up_from = Instant(metadata={"description": "Leads whose next open task is due at this time or later."})
    next_follow_up_to = Instant(metadata={"description": "Exclusive."})


class StageSlugs(Text):
    """Slugs of stages, separated by commas."""

    def __init__(self, description: str) -> None:
        metadata = {"description": description, "examples": ["consultation_completed,treatment_started"]}
        super().__init__(MOST_STAGES * (LONGEST_STAGE_SLUG + 1), least=1, metadata=metadata)

    def _deserialize(self, value: object, *args: object, **more: object) -> Any:
        return tuple(super()._deserialize(value, *args, **more).split(","))


def _Series(description: str) -> Text:  # noqa: N802  (a field)
    """Return a field for the slug of a rule or a sequence."""
    return Text(LONGEST_SLUG, least=1, metadata={"description": description, "examples": ["break-up-email"]})


class LeadHistoryTests(Schema):
    """Filters by the history of leads. The figures of `/api/leads/analytics` link to lists with them."""

    reached_stage = StageSlugs("Leads that are, or once were, in any of these stages.")
    not_reached_stage = StageSlugs("Leads that never were in any of these stages.")
    entered_stage = Text(LONGEST_STAGE_SLUG, least=1, metadata={"description": "Leads that entered this stage."})
    entered_from = Instant(metadata={"description": "With `entered_stage`: entered at this time or later."})
    entered_to = Instant(metadata={"description": "With `entered_stage`. Exclusive."})
    converted_from = Instant()
    converted_to = Instant(metadata={"description": "Exclusive."})
    lost_from = Instant(metadata={"description": "Leads that are lost, since this time or later."})
    lost_to = Instant(metadata={"description": "Exclusive."})
    lost_reason = Choice(LostReason)
    has_coordinator = Boolean(metadata={"description": "Leads with (true) or without (false) a coordinator."})
    is_imported = Boolean(metadata={"description": "Leads that an import created (true), or all others (false)."})
    has_contact = Boolean(
        metadata={"description": "Leads with (true) or without (false) a first contact or attempt by a person."}
    )
    was_contacted = Boolean(
        metadata={
            "description": "Leads with (true) or without (false) outbound contact: by a person, or by a sent message of"
            " a rule or a sequence."
        }
    )
    has_answered = Boolean(
        metadata={"description": "Leads that spoke with a person, called or wrote (true), or none of these (false)."}
    )
    has_replied = Boolean(metadata={"description": "Leads that called or wrote (true), or did not (false)."})
    is_open = Boolean(metadata={"description": "Leads that are open (true), or closed (false)."})
    first_touch_source_id = Id(metadata={"description": "The source of the first touch; without touches, the source."})
    last_touch_source_id = Id(metadata={"description": "The source of the last touch; without touches, the source."})
    planned_by = _Series("Leads with a message that this rule or sequence wrote, sent or not.")
    messaged_by = _Series("Leads to which this rule or sequence sent a message.")
    not_messaged_by = _Series("Leads to which this rule or sequence sent no message.")
    replied_to = _Series("Leads that replied within 7 days to a message of this rule or sequence.")
    converted_after = _Series("Leads that converted after a message of this rule or sequence was sent.")
    first_contact_within = Integer(
        least=1,
        most=MOST_MINUTES,
        metadata={"description": "Leads whose first contact was within this many minutes of their creation."},
    )

    @validates_schema
    def _require_stage(self, data: Any, **_: object) -> None:
        if given := [name for name in ("entered_from", "entered_to") if name in data and "entered_stage" not in data]:
            raise ValidationError({name: ["Give entered_stage, too."] for name in given})


def _sort() -> Choice:
    return Choice(
        LeadSort,
        load_default=LeadSort.NEWEST,
        metadata={
            "description": "Sorting by value, score, `rots_at` or next follow-up lists only leads with a value, leads"
            " with a score, open leads, or leads with an open task."
        },
    )


class LeadExportQuery(QuerySchema, LeadTests, LeadHistoryTests):
    """Filters, sort order and file format of the export of leads."""

    sort = _sort()
    format = Choice(FileFormat, load_default=FileFormat.CSV)


class LeadQuery(PageQuery, LeadTests, LeadHistoryTests):
    """Filters and sort order of the list of leads."""

    q = SearchText()
    sort = _sort()
    expand = Choices(LeadPart, metadata=EXPAND_LEAD)
