"""What comes in and goes out about jobs."""

from datetime import datetime, timedelta
from typing import Any, Final

from marshmallow import ValidationError, fields, validates_schema

from app.api.capture.lists import LeadIds, NewLeads
from app.api.leads.schemas import Somebody
from app.api.tasks.schemas import TaskIn
from app.clock import now
from app.engine.jobs.models import MOST_ITEMS, ItemReason, ItemStatus, JobState
from app.http.schemas.fields import Choice, Id, Instant, Integer, ListOf, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Schema
from app.leads.assignment.staff import Strategy
from app.leads.models import LeadStatus

MOST_ASSIGNEES: Final = 200
FARTHEST: Final = timedelta(days=3650)


class AssigneeIn(Schema):
    """Who is to do the follow-ups."""

    strategy = Choice(
        Strategy,
        load_default=Strategy.KEEP,
        metadata={
            "description": "keep: the lead's coordinator, or one in turn; round_robin: in turn, `user_ids` or the"
            " clinic's coordinators; user: `user_id`. Naming somebody else needs lead:assign."
        },
    )
    user_id = Id()
    user_ids = ListOf(Id(), least=1, most=MOST_ASSIGNEES)

    @validates_schema
    def _names_who_is_needed(self, data: dict[str, Any], **_: Any) -> None:
        strategy = data["strategy"]
        if strategy == Strategy.USER and "user_id" not in data:
            raise ValidationError({"user_id": ["Say who."]})
        if strategy != Strategy.USER and "user_id" in data:
            raise ValidationError({"user_id": [f"Only for the strategy {Strategy.USER}."]})
        if strategy != Strategy.ROUND_ROBIN and "user_ids" in data:
            raise ValidationError({"user_ids": [f"Only for the strategy {Strategy.ROUND_ROBIN}."]})


def _is_near(at: datetime) -> None:
    if at > now() + FARTHEST:
        raise ValidationError("Lies more than ten years ahead.")


class FollowUpIn(TaskIn):
    """The task that each lead gets."""

    class Meta(TaskIn.Meta):
        exclude = ("assigned_to_id",)

    due_at = Instant(validate=_is_near)
    due_in_minutes = Integer(
        most=FARTHEST // timedelta(minutes=1), metadata={"description": "From now; in place of `due_at`."}
    )
    assignee = fields.Nested(AssigneeIn, load_default=lambda: {"strategy": Strategy.KEEP})

    @validates_schema
    def _is_due_once(self, data: dict[str, Any], **_: Any) -> None:
        require_one_of(data, "due_at", "due_in_minutes")


class FilterIn(Schema):
    """Which leads: all that pass every test, as they are now. Without `status`, those that are open."""

    status = Choice(LeadStatus)
    stage = Text(100, least=1, metadata={"description": "A stage's slug."})
    source_id = Id()
    assigned_to_id = Somebody()

    @validates_schema
    def _is_a_choice(self, data: dict[str, Any], **_: Any) -> None:
        if not data:
            raise ValidationError("Name at least one test: a slip of the pen is not to reach every lead.")


class BulkIn(Schema):
    """A follow-up, and the leads to make it for: exactly one of `lead_ids`, `filter` and `leads`."""

    client_key = Text(
        200, least=1, metadata={"description": "The same key posted again is the same job, however often."}
    )
    lead_ids = LeadIds(metadata={"description": "An id that stands there twice fails the second time."})
    filter = fields.Nested(FilterIn)
    leads = NewLeads(metadata={"description": "New leads (needs lead:create); a mistake fails that one only."})
    followup = fields.Nested(FollowUpIn, required=True)
    stagger_per_hour = Integer(
        least=1,
        most=MOST_ITEMS,
        metadata={"description": "Spread the due times: so many an hour, in the order given. Else all at once."},
    )

    @validates_schema
    def _says_for_whom(self, data: dict[str, Any], **_: Any) -> None:
        require_one_of(data, "lead_ids", "filter", "leads")


class JobOut(Schema):
    """A job and how far it is."""

    id = Id(required=True)
    client_key = fields.String(required=True, allow_none=True)
    state = Choice(JobState, required=True)
    total = Integer(required=True)
    pending = Integer(required=True)
    done = Integer(required=True)
    failed = Integer(required=True)
    cancelled = Integer(required=True)
    percent = fields.Float(required=True, metadata={"description": "Of the items, how many have ended."})
    created_at = Instant(required=True)
    created_by = Id(required=True, allow_none=True)
    started_at = Instant(required=True, allow_none=True)
    finished_at = Instant(required=True, allow_none=True)


class ItemOut(Schema):
    """One lead of a job."""

    position = Integer(required=True, metadata={"description": "Its place in the list that was posted, from 0."})
    status = Choice(ItemStatus, required=True)
    lead_id = Id(required=True, allow_none=True, metadata={"description": "Null while a new lead is none yet."})
    task_id = Id(required=True, allow_none=True)
    reason = Choice(ItemReason, required=True, allow_none=True, metadata={"description": "Why it failed."})
    error = fields.String(required=True, allow_none=True, metadata={"description": "The same, in words."})


class ItemQuery(PageQuery):
    """Which items of a job to list."""

    status = Choice(ItemStatus)


def require_one_of(data: dict[str, Any], *names: str) -> None:
    """Raises ValidationError, for each of them."""
    if sum(name in data for name in names) != 1:
        raise ValidationError({name: [f"Give exactly one of {', '.join(names)}."] for name in names})
