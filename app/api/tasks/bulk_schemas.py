"""Request and response schemas of bulk follow-ups and jobs."""

from datetime import datetime, timedelta
from typing import Final

from marshmallow import ValidationError, fields, validates_schema

from app.api.tasks.large_lists import LeadIds, NewLeads
from app.api.tasks.schemas import TaskIn
from app.clock import now
from app.core.type_aliases import JsonDict
from app.engine.jobs.models import MAX_ITEMS, ItemReason, ItemStatus, JobState
from app.http.schemas import words
from app.http.schemas.common_fields import UserIdOrMe, require_one_of
from app.http.schemas.fields import Choice, Id, Instant, Integer, ListOf, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Aliases, Schema
from app.leads.enums import ON_DUPLICATE_IN_IMPORTS, LeadStatus
from app.tasks.bulk.spec import AssigneeStrategy
from app.tasks.templates.rendering import TaskText, template_errors

MOST_ASSIGNEES: Final = 200
FARTHEST: Final = timedelta(days=3650)


class AssigneeIn(Schema):
    """Assignees of the follow-ups."""

    strategy = Choice(
        AssigneeStrategy,
        load_default=AssigneeStrategy.KEEP,
        metadata={
            "description": "keep: the lead's coordinator, else round robin; round_robin: `user_ids`, else the clinic's"
            " coordinators, in turn; user: `user_id`. Assigning to other users needs lead:assign."
        },
    )
    user_id = Id()
    user_ids = ListOf(Id(), least=1, most=MOST_ASSIGNEES)

    @validates_schema
    def _has_required_users(self, data: JsonDict, **_: object) -> None:
        strategy = data["strategy"]
        is_one = strategy == AssigneeStrategy.USER
        mistakes: dict[str, list[str]] = {}
        if is_one != ("user_id" in data):
            mistakes["user_id"] = [f"{'Required' if is_one else 'Only'} for the strategy {AssigneeStrategy.USER}."]
        if strategy != AssigneeStrategy.ROUND_ROBIN and "user_ids" in data:
            mistakes["user_ids"] = [f"Only for the strategy {AssigneeStrategy.ROUND_ROBIN}."]
        if mistakes:
            raise ValidationError(mistakes)


def _is_near(at: datetime) -> None:
    if at > now() + FARTHEST:
        raise ValidationError("Must be within the next ten years.")


class FollowUpIn(TaskIn):
    """Task to create for each lead."""

    class Meta(TaskIn.Meta):
        exclude = ("assigned_to_id",)

    due_at = Instant(validate=_is_near)
    due_in_minutes = Integer(
        most=FARTHEST // timedelta(minutes=1), metadata={"description": "Minutes from now, instead of `due_at`."}
    )
    assignee = fields.Nested(AssigneeIn, load_default=lambda: {"strategy": AssigneeStrategy.KEEP})

    @validates_schema
    def _is_due_once(self, data: JsonDict, **_: object) -> None:
        require_one_of(data, "due_at", "due_in_minutes")

    @validates_schema(skip_on_field_errors=True)
    def _has_known_merge_fields(self, data: JsonDict, **_: object) -> None:
        if mistakes := template_errors(TaskText(data["title"], data.get("description"))):
            raise ValidationError({name: [problem] for name, problem in mistakes.items()})


class FilterIn(Aliases, Schema):
    """Filter of leads, evaluated now; all conditions must hold. Without `status`: open leads."""

    aliases = words.STAGE

    status = Choice(LeadStatus)
    stage = Text(100, least=1, metadata={"description": "A stage's slug."})
    source_id = Id()
    assigned_to_id = UserIdOrMe()

    @validates_schema
    def _is_not_empty(self, data: JsonDict, **_: object) -> None:
        if not data:
            raise ValidationError("Give at least one condition, so that a mistake does not affect every lead.")


class BulkIn(Aliases, Schema):
    """A follow-up, and the leads to make it for: exactly one of `lead_ids`, `filter` and `leads`."""

    aliases = words.FILTER

    client_key = Text(
        200, least=1, metadata={"description": "Idempotency key: repeated requests with this key return the same job."}
    )
    lead_ids = LeadIds(metadata={"description": "A repeated id fails the second time."})
    filter = fields.Nested(FilterIn)
    leads = NewLeads(metadata={"description": "New leads (needs lead:create). An invalid lead fails alone."})
    on_duplicate = Choice(
        ON_DUPLICATE_IN_IMPORTS,
        metadata={
            "description": "For `leads`: a lead with the phone number or e-mail address of an existing lead or of an"
            " earlier lead of the list. `create` (default) creates another lead, `skip` creates nothing, `update`"
            " changes the existing lead and creates its follow-up, `refuse` fails the item. Each item names the lead"
            " in `matched_lead_id`."
        },
    )
    followup = fields.Nested(FollowUpIn, required=True)
    stagger_per_hour = Integer(
        least=1,
        most=MAX_ITEMS,
        metadata={"description": "Spread the due times: this many per hour, in the order given. Default: all at once."},
    )

    @validates_schema
    def _has_one_selection(self, data: JsonDict, **_: object) -> None:
        require_one_of(data, "lead_ids", "filter", "leads")
        if "on_duplicate" in data and "leads" not in data:
            raise ValidationError({"on_duplicate": ["Only for new leads."]})


class BulkPreviewOut(Schema):
    """Counts of a bulk follow-up."""

    leads = Integer(required=True, metadata={"description": "Ids, leads of the filter, or new leads of the call."})
    tasks = Integer(required=True, metadata={"description": "Tasks that would be created."})
    new_leads = Integer(required=True, metadata={"description": "Leads that would be created."})
    updated_leads = Integer(required=True, metadata={"description": "Existing leads that would be changed."})
    left_out = fields.Dict(
        keys=Choice(ItemReason),
        values=Integer(),
        required=True,
        metadata={"description": "Leads that get no task, by reason."},
    )
    first_due_at = Instant(required=True, allow_none=True, metadata={"description": "Earliest due time of a task."})
    last_due_at = Instant(required=True, allow_none=True, metadata={"description": "Latest due time of a task."})


class JobOut(Schema):
    """A job and its progress."""

    id = Id(required=True)
    client_key = fields.String(required=True, allow_none=True)
    state = Choice(JobState, required=True)
    total = Integer(required=True)
    pending = Integer(required=True)
    done = Integer(required=True)
    failed = Integer(required=True)
    cancelled = Integer(required=True)
    percent = fields.Float(required=True, metadata={"description": "Percentage of finished items."})
    created_at = Instant(required=True)
    created_by = Id(required=True, allow_none=True)
    started_at = Instant(required=True, allow_none=True)
    finished_at = Instant(required=True, allow_none=True)


class ItemOut(Schema):
    """One item of a job: a lead."""

    position = Integer(required=True, metadata={"description": "Position in the posted list, from 0."})
    status = Choice(ItemStatus, required=True)
    lead_id = Id(required=True, allow_none=True, metadata={"description": "Null until a new lead is created."})
    task_id = Id(required=True, allow_none=True)
    reason = Choice(ItemReason, required=True, allow_none=True, metadata={"description": "Reason of the failure."})
    error = fields.String(required=True, allow_none=True, metadata={"description": "The reason in plain words."})
    matched_lead_id = Id(
        required=True,
        allow_none=True,
        metadata={"description": "Of a new lead: the lead with the same phone number or e-mail address."},
    )


class ItemQuery(PageQuery):
    """Filter of a job's items."""

    status = Choice(ItemStatus)
