"""Request and response schemas for reports by name."""

from marshmallow import ValidationError, fields, validates_schema

from app.analytics.reporting.catalogue import ReportKind
from app.analytics.reporting.relative_periods import RelativePeriod
from app.api.analytics.files import ReportFormat
from app.api.analytics.schemas import AnalyticsOut, ReportQuery
from app.core.type_aliases import JsonDict
from app.http.schemas.fields import Choice
from app.http.schemas.schema import Schema


class NamedReportQuery(ReportQuery):
    """As ReportQuery, also for a relative period."""

    period = Choice(
        RelativePeriod,
        metadata={
            "description": "Instead of `from` and `to`. Periods with `last` and `yesterday` end before today; those"
            " with `this` end with today. Weeks begin on Monday."
        },
    )
    format = Choice(ReportFormat, metadata={"description": "Instead of the header `Accept`."})

    @validates_schema
    def _has_one_period(self, data: JsonDict, **_: object) -> None:
        if "period" in data and not data.keys().isdisjoint({"from_", "to"}):
            raise ValidationError({"period": ["Give either this, or `from` and `to`."]})


class NamedReportSummaryOut(Schema):
    """A report that can be run by its name."""

    name = fields.String(required=True, metadata={"examples": ["marketing-roi"]})
    title = fields.String(required=True, metadata={"examples": ["Marketing ROI"]})
    words = fields.String(required=True)
    kind = Choice(ReportKind, required=True, metadata={"description": "`metric`: a report of one metric."})


class NamedReportsOut(Schema):
    """All reports: first those of several metrics, then those of one metric."""

    reports = fields.List(fields.Nested(NamedReportSummaryOut), required=True)


class NamedReportOut(AnalyticsOut):
    """A report with its name."""

    name = fields.String(required=True)
    title = fields.String(required=True)
    words = fields.String(required=True)
