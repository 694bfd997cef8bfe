"""Request and response schemas for saved reports."""

from typing import Final

from marshmallow import ValidationError, fields, validates_schema

from app.analytics.reporting.catalogue import report_names
from app.analytics.reporting.saved.schedules import AttachedFile, Every, Weekday
from app.api.analytics.files import ReportFormat
from app.api.analytics.report_schemas import NamedReportOut, NamedReportQuery
from app.api.messaging.notices.preference_schemas import LocalTime
from app.automation.language.types.primitives import HOUR
from app.core.type_aliases import JsonDict
from app.http.schemas.fields import Boolean, Choice, Id, Instant, Integer, ListOf, RegisteredName, Text
from app.http.schemas.schema import QuerySchema, Schema

MOST_RECIPIENTS: Final = 50
LONGEST_MONTH: Final = 31
_HOLDS_FOR: Final = {Every.WEEK: ("weekday", "day"), Every.MONTH: ("day", "weekday")}


class ReportParameters(NamedReportQuery):
    """Parameters of a report, as JSON values. Without `period` and `from`: the last 90 days."""

    is_query = False  # numbers are no text

    class Meta(NamedReportQuery.Meta):
        exclude = ("format",)


class ReportSchedule(Schema):
    """E-mails with the report: one a week or a month to each recipient."""

    every = Choice(Every, required=True)
    weekday = Choice(Weekday, allow_none=True, load_default=None, metadata={"description": "For `every: week`."})
    day = Integer(
        least=1,
        most=LONGEST_MONTH,
        allow_none=True,
        load_default=None,
        metadata={"description": "For `every: month`; in a shorter month, the last day."},
    )
    at = LocalTime(
        allow_none=True,
        load_default=None,
        metadata={
            "pattern": HOUR,
            "examples": ["07:30"],
            "description": "Local time of each recipient. Null: the hour of their digest.",
        },
    )
    recipients = ListOf(
        Id(),
        least=1,
        most=MOST_RECIPIENTS,
        required=True,
        metadata={"description": "Users with `lead:analytics`. Each gets the figures of the leads that they may see."},
    )
    attach = Choice(
        AttachedFile, allow_none=True, load_default=None, metadata={"description": "The file that the e-mail has."}
    )
    is_paused = Boolean(
        load_default=False,
        metadata={"description": "No e-mail is sent while it is true; those left out are not sent later."},
    )

    @validates_schema
    def _fits_its_interval(self, data: JsonDict, **_: object) -> None:
        needed, unused = _HOLDS_FOR[data["every"]]
        if data[needed] is None:
            raise ValidationError({needed: [f"Required for {data['every']}."]})
        if data[unused] is not None:
            raise ValidationError({unused: [f"Not allowed for {data['every']}."]})

    @validates_schema
    def _names_each_user_once(self, data: JsonDict, **_: object) -> None:
        if len(set(data["recipients"])) < len(data["recipients"]):
            raise ValidationError({"recipients": ["Each user at most once."]})


class SavedReportIn(Schema):
    """A complete saved report. Missing fields get their default."""

    name = Text(100, least=1, required=True)
    report = RegisteredName(report_names, required=True, metadata={"examples": ["marketing-roi"]})
    parameters = fields.Nested(ReportParameters, load_default=dict)
    shared = Boolean(load_default=False, metadata={"description": "Share with all users of the clinic."})
    schedule = fields.Nested(ReportSchedule, allow_none=True, load_default=None)

    @validates_schema
    def _is_relative_if_mailed(self, data: JsonDict, **_: object) -> None:
        fixed = [name for field, name in (("from_", "from"), ("to", "to")) if field in data["parameters"]]
        if data["schedule"] and fixed:
            words = "A scheduled report needs a relative `period`."
            raise ValidationError({"parameters": {name: [words] for name in fixed}})


class SavedReportOut(Schema):
    """A saved report."""

    id = Id(required=True)
    name = fields.String(required=True)
    report = fields.String(required=True)
    parameters = fields.Dict(required=True, metadata={"examples": [{"period": "last_month", "by": "week"}]})
    shared = Boolean(required=True)
    schedule = fields.Nested(ReportSchedule, required=True, allow_none=True)
    last_sent_at = Instant(
        required=True,
        allow_none=True,
        metadata={"description": "Last e-mail, if one was sent in the last ten weeks to a present recipient."},
    )
    user_id = Id(required=True, metadata={"description": "Owner of the report."})
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    version = Integer(required=True)


class SavedRunQuery(QuerySchema):
    """Format of the run."""

    format = Choice(ReportFormat, metadata={"description": "Instead of the header `Accept`."})


class SavedRunOut(NamedReportOut):
    """The figures of a saved report now."""

    saved_report_id = Id(required=True)
    saved_name = fields.String(required=True)
