"""What is asked of a sequence's performance, and told of it."""

from marshmallow import fields

from app.api.messaging.template_report_schemas import PeriodQuery
from app.api.operations.kind_field import StepKindName
from app.automation.sequences.performance.comparison import LEAST, Verdict
from app.http.schemas.fields import Choice, Instant, Integer
from app.http.schemas.schema import Schema
from app.leads.timeline.responses import REPLY_DAYS


class PerformanceQuery(PeriodQuery):
    """Of the leads that began it when, and of which version."""

    version = Integer(
        least=1,
        metadata={"description": "Enrollments that are in it, and steps that were gone through in it."},
    )


class RateOut(Schema):
    """How many of how many; what share that is, and from where to where the true one lies (95 %, Wilson)."""

    count = Integer(required=True)
    of = Integer(required=True)
    rate = fields.Float(required=True, allow_none=True, metadata={"description": "From 0 to 1; null: of none."})
    low = fields.Float(required=True, allow_none=True)
    high = fields.Float(required=True, allow_none=True)


class ReasonCountOut(Schema):
    """How often."""

    reason = fields.String(required=True, metadata={"examples": ["replied"]})
    count = Integer(required=True)


class SentFiguresOut(Schema):
    """What became of messages."""

    sent = Integer(required=True, metadata={"description": "Taken by their providers, also if they came back later."})
    failed = Integer(required=True, metadata={"description": "Refused, or came back."})
    delivered = fields.Nested(
        RateOut, required=True, metadata={"description": "Of those sent by a gateway: mail servers do not tell."}
    )
    opened = fields.Nested(RateOut, required=True, metadata={"description": "Of the same."})
    clicked = fields.Nested(RateOut, required=True, metadata={"description": "Of the same."})
    replied = fields.Nested(
        RateOut,
        required=True,
        metadata={
            "description": f"Sent to leads who were heard of within {REPLY_DAYS} days. That a machine answered is none."
        },
    )
    converted = fields.Nested(
        RateOut, required=True, metadata={"description": "Sent to leads who were converted after it."}
    )


class StepFiguresOut(Schema):
    """How many came by a step, and what became of it."""

    came = Integer(required=True)
    done = Integer(required=True)
    skipped = Integer(required=True)
    skip_reasons = fields.List(fields.Nested(ReasonCountOut), required=True)
    messages = fields.Nested(SentFiguresOut, required=True)


class VariantPerformanceOut(StepFiguresOut):
    """Those of one of its texts."""

    variant = fields.String(required=True)


class VariantComparisonOut(Schema):
    """A variant beside the first one."""

    variant = fields.String(required=True)
    against = fields.String(required=True)
    measure = fields.String(required=True, metadata={"examples": ["replied"]})
    verdict = Choice(
        Verdict, required=True, metadata={"description": f"Nothing is said of fewer than {LEAST} messages of each."}
    )
    difference = fields.Float(
        required=True, allow_none=True, metadata={"description": "Of the shares, from -1 to 1; null: not enough data."}
    )
    low = fields.Float(required=True, allow_none=True)
    high = fields.Float(required=True, allow_none=True)
    confidence = fields.Float(
        required=True, metadata={"description": "The more variants, the more sure each: 0.95 for all together."}
    )
    words = fields.String(required=True, metadata={"description": "The same, in a sentence."})


class StepPerformanceOut(StepFiguresOut):
    """Those of a step."""

    step = fields.String(required=True)
    kind = StepKindName(required=True)
    is_in_text = fields.Boolean(
        required=True, metadata={"description": "False: only an earlier version, or a later one, has it."}
    )
    exit_reasons = fields.List(
        fields.Nested(ReasonCountOut),
        required=True,
        metadata={"description": "Why leads left while this step was their next one, or under way."},
    )
    variants = fields.List(fields.Nested(VariantPerformanceOut), required=True)
    comparisons = fields.List(fields.Nested(VariantComparisonOut), required=True)


class PerformanceOut(Schema):
    """How a sequence did."""

    since = Instant(required=True)
    until = Instant(required=True)
    version = Integer(required=True, allow_none=True, metadata={"description": "Null: all of them."})
    enrolled = Integer(required=True)
    active = Integer(required=True)
    paused = Integer(required=True)
    completed = Integer(required=True)
    exited = Integer(required=True)
    replied = fields.Nested(
        RateOut,
        required=True,
        metadata={"description": f"Leads who were heard of since, up to {REPLY_DAYS} days after it ended for them."},
    )
    converted = fields.Nested(RateOut, required=True, metadata={"description": "Leads who were converted since."})
    exit_reasons = fields.List(fields.Nested(ReasonCountOut), required=True)
    messages = fields.Nested(SentFiguresOut, required=True)
    steps = fields.List(fields.Nested(StepPerformanceOut), required=True)
