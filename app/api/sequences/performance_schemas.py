"""Request and response schemas for sequence performance."""

from marshmallow import fields, validate

from app.api.messaging.template_report_schemas import PeriodQuery
from app.api.operations.kind_field import StepKindName
from app.automation.sequences.performance.comparison import LEAST, WORTH, Advice, Verdict
from app.http.schemas.fields import Choice, Instant, Integer
from app.http.schemas.schema import Schema
from app.leads.timeline.responses import REPLY_DAYS

_RATE_OF_REPORTED = "Rate of messages through a gateway and of tracked e-mails. Only persons count."


class PerformanceQuery(PeriodQuery):
    """Period of enrollment, and version."""

    version = Integer(
        least=1,
        metadata={"description": "Only enrollments and steps of this version."},
    )
    worth = fields.Float(
        load_default=WORTH,
        validate=validate.Range(0.001, 0.5),
        metadata={"description": "Smallest difference of two variants' rates that is worth it, such as 0.02."},
    )


class RateOut(Schema):
    """A rate: `count` out of `of`, with its 95 % confidence interval (Wilson)."""

    count = Integer(required=True)
    of = Integer(required=True)
    rate = fields.Float(required=True, allow_none=True, metadata={"description": "0 to 1. Null if `of` is 0."})
    low = fields.Float(required=True, allow_none=True)
    high = fields.Float(required=True, allow_none=True)


class ReasonCountOut(Schema):
    """A reason and its number."""

    reason = fields.String(required=True, metadata={"examples": ["replied"]})
    count = Integer(required=True)


class SentFiguresOut(Schema):
    """Results of messages."""

    sent = Integer(required=True, metadata={"description": "Accepted by the provider, including later bounces."})
    failed = Integer(required=True, metadata={"description": "Refused or bounced."})
    delivered = fields.Nested(
        RateOut,
        required=True,
        metadata={"description": "Rate of messages sent through a gateway. E-mail is not counted."},
    )
    opened = fields.Nested(RateOut, required=True, metadata={"description": _RATE_OF_REPORTED})
    clicked = fields.Nested(RateOut, required=True, metadata={"description": _RATE_OF_REPORTED})
    machine_opened = Integer(
        required=True, metadata={"description": "E-mails that a program opened, such as a mail filter."}
    )
    machine_clicked = Integer(required=True, metadata={"description": "E-mails with links that a program followed."})
    replied = fields.Nested(
        RateOut,
        required=True,
        metadata={
            "description": f"Rate of messages with a reply within {REPLY_DAYS} days. Automatic replies do not count."
        },
    )
    converted = fields.Nested(
        RateOut, required=True, metadata={"description": "Rate of messages with a conversion after them."}
    )


class StepFiguresOut(Schema):
    """Figures of a step: its outcomes and messages."""

    came = Integer(required=True)
    done = Integer(required=True)
    skipped = Integer(required=True)
    skip_reasons = fields.List(fields.Nested(ReasonCountOut), required=True)
    messages = fields.Nested(SentFiguresOut, required=True)


class VariantPerformanceOut(StepFiguresOut):
    """Figures of a variant."""

    variant = fields.String(required=True)


class VariantComparisonOut(Schema):
    """A variant compared with the first one."""

    variant = fields.String(required=True)
    against = fields.String(required=True)
    measure = fields.String(required=True, metadata={"examples": ["replied"]})
    verdict = Choice(
        Verdict, required=True, metadata={"description": f"`not_enough_data` below {LEAST} messages of each variant."}
    )
    advice = Choice(
        Advice,
        required=True,
        metadata={
            "description": "What to do with the test. It holds however often you look. `no_difference_worth_it`: the"
            " difference is smaller than `worth`."
        },
    )
    difference = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "Difference of the rates, -1 to 1. Null: not enough data."},
    )
    low = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "`low` to `high`: always-valid interval of the difference (mixture SPRT)."},
    )
    high = fields.Float(required=True, allow_none=True)
    confidence = fields.Float(
        required=True, metadata={"description": "Confidence of this comparison. All comparisons together have 0.95."}
    )
    words = fields.String(required=True, metadata={"description": "The result as a sentence."})


class SampleRatioOut(Schema):
    """Whether the variants of the published version got the leads that their weights intend."""

    is_alarm = fields.Boolean(required=True, metadata={"description": "True: do not trust the comparisons."})
    chance = fields.Float(
        required=True, metadata={"description": "Chance of such shares, 0 to 1; an alarm is below 0.001."}
    )
    words = fields.String(required=True)


class StepPerformanceOut(StepFiguresOut):
    """Figures of a step."""

    step = fields.String(required=True)
    kind = StepKindName(required=True)
    is_in_text = fields.Boolean(required=True, metadata={"description": "False: only another version has it."})
    exit_reasons = fields.List(
        fields.Nested(ReasonCountOut),
        required=True,
        metadata={"description": "Why leads left while this step was next or running."},
    )
    variants = fields.List(fields.Nested(VariantPerformanceOut), required=True)
    comparisons = fields.List(fields.Nested(VariantComparisonOut), required=True)
    sample_ratio = fields.Nested(
        SampleRatioOut, required=True, allow_none=True, metadata={"description": "Null without variants."}
    )


class PerformanceOut(Schema):
    """Performance of a sequence."""

    since = Instant(required=True)
    until = Instant(required=True)
    version = Integer(required=True, allow_none=True, metadata={"description": "Null: all versions."})
    enrolled = Integer(required=True)
    active = Integer(required=True)
    paused = Integer(required=True)
    completed = Integer(required=True)
    exited = Integer(required=True)
    replied = fields.Nested(
        RateOut,
        required=True,
        metadata={"description": f"Rate of leads that replied, up to {REPLY_DAYS} days after their enrollment ended."},
    )
    converted = fields.Nested(
        RateOut, required=True, metadata={"description": "Rate of leads that converted after enrollment."}
    )
    exit_reasons = fields.List(fields.Nested(ReasonCountOut), required=True)
    messages = fields.Nested(SentFiguresOut, required=True)
    steps = fields.List(fields.Nested(StepPerformanceOut), required=True)
