"""Request and response schemas of workload and reassignment."""

from marshmallow import fields

from app.api.assignment.rule_schemas import MOST_MEMBERS
from app.http.schemas.fields import Boolean, Choice, Id, Instant, Integer, ListOf, Text
from app.http.schemas.schema import Schema
from app.identity.models import Role


class ReassignIn(Schema):
    """Reassignment of a user's open leads and tasks."""

    from_id = Id(required=True)
    to_ids = ListOf(
        Id(),
        least=1,
        most=MOST_MEMBERS,
        metadata={"description": "Users to assign to, fewest open leads first. Default: by the assignment rules."},
    )
    reason = Text(500, allow_none=True, load_default=None, metadata={"examples": ["Ana is ill."]})


class ShareOut(Schema):
    """Numbers of leads and tasks that a user received."""

    user_id = Id(required=True)
    leads = Integer(required=True)
    tasks = Integer(required=True)


class ReassignedOut(Schema):
    """Result of a reassignment."""

    leads = Integer(required=True)
    tasks = Integer(required=True)
    left = Integer(required=True, metadata={"description": "Leads without an eligible user; they keep their owner."})
    shares = fields.List(fields.Nested(ShareOut), required=True)


class WorkloadOut(Schema):
    """Workload of a user."""

    user_id = Id(required=True)
    name = fields.String(required=True)
    role = Choice(Role, required=True)
    is_active = Boolean(required=True)
    open_leads = Integer(required=True)
    open_tasks = Integer(required=True)
    overdue_tasks = Integer(required=True)
    due_today = Integer(required=True, metadata={"description": "Due today in the clinic's time zone."})
    ceiling = Integer(
        required=True,
        allow_none=True,
        metadata={"description": "Lowest ceiling of the user in active assignment rules."},
    )
    out_of_office_until = Instant(required=True, allow_none=True, metadata={"description": "Null: not out of office."})


class WorkloadsOut(Schema):
    """Workload of all users, ordered by name."""

    items = fields.List(fields.Nested(WorkloadOut), required=True)
