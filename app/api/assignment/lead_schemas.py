"""Who has how much, and moving it, in and out."""

from marshmallow import fields

from app.api.assignment.rule_schemas import MOST_MEMBERS
from app.http.schemas.fields import Boolean, Choice, Id, Instant, Integer, ListOf, Text
from app.http.schemas.schema import Schema
from app.identity.models import Role


class ReassignIn(Schema):
    """Whose open leads and tasks go to others."""

    from_id = Id(required=True)
    to_ids = ListOf(
        Id(),
        least=1,
        most=MOST_MEMBERS,
        metadata={"description": "To whoever of them has the fewest open leads. Left out: by the assignment rules."},
    )
    reason = Text(500, allow_none=True, load_default=None, metadata={"examples": ["Ana is ill."]})


class ShareOut(Schema):
    """What somebody got of it."""

    user_id = Id(required=True)
    leads = Integer(required=True)
    tasks = Integer(required=True)


class ReassignedOut(Schema):
    """What went to whom."""

    leads = Integer(required=True)
    tasks = Integer(required=True)
    left = Integer(required=True, metadata={"description": "Leads that nobody could take: they stay where they are."})
    shares = fields.List(fields.Nested(ShareOut), required=True)


class WorkloadOut(Schema):
    """How much somebody has to do."""

    user_id = Id(required=True)
    name = fields.String(required=True)
    role = Choice(Role, required=True)
    is_active = Boolean(required=True)
    open_leads = Integer(required=True)
    open_tasks = Integer(required=True)
    overdue_tasks = Integer(required=True)
    due_today = Integer(required=True, metadata={"description": "Due between two midnights at the clinic."})
    ceiling = Integer(
        required=True,
        allow_none=True,
        metadata={"description": "The lowest ceiling that an active assignment rule sets them."},
    )
    out_of_office_until = Instant(required=True, allow_none=True, metadata={"description": "Null: they are there."})


class WorkloadsOut(Schema):
    """Everybody's workload, by name."""

    items = fields.List(fields.Nested(WorkloadOut), required=True)
