"""Request and response schemas for backfills."""

from typing import Final

from marshmallow import fields

from app.api.tasks.bulk_schemas import JobOut
from app.http.schemas.fields import Boolean, Instant, Integer
from app.http.schemas.schema import Schema

MOST_PER_HOUR: Final = 100_000


class BackfillIn(Schema):
    """Rate of the backfill, and dry run."""

    per_hour = Integer(
        least=1,
        most=MOST_PER_HOUR,
        load_default=200,
        metadata={"description": "Leads that start per hour. Leads with a wait or date still ahead do not count."},
    )
    dry_run = Boolean(load_default=False, metadata={"description": "Return a preview; write nothing."})


class BackfillPreviewOut(Schema):
    """Preview of a backfill."""

    leads = Integer(required=True, metadata={"description": "Open leads that were evaluated."})
    is_complete = Boolean(required=True, metadata={"description": "False: only the first 10,000 leads were evaluated."})
    matched = Integer(required=True, metadata={"description": "Leads that would get steps."})
    have_steps = Integer(required=True, metadata={"description": "Leads that already have steps of the rule."})
    steps = fields.Dict(keys=fields.String(), values=Integer(), required=True, metadata={"description": "By kind."})
    blocked = fields.Dict(
        keys=fields.String(),
        values=Integer(),
        required=True,
        metadata={"description": "Messages that the gate blocks, by reason, as far as known now."},
    )
    put_off = fields.Dict(
        keys=fields.String(),
        values=Integer(),
        required=True,
        metadata={
            "description": "Messages that the gate postpones, by reason, such as contact hours and frequency caps."
        },
    )
    last_due_at = Instant(required=True, allow_none=True)


class BackfillOut(Schema):
    """The job, or the preview of a dry run."""

    job = fields.Nested(JobOut, required=True, allow_none=True)
    preview = fields.Nested(BackfillPreviewOut, required=True, allow_none=True)
