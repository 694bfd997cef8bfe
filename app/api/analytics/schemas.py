"""Request and response schemas for analytics."""

from marshmallow import fields

from app.analytics.metrics.measures import Basis
from app.analytics.metrics.metric import Unit
from app.analytics.periods import DEFAULT_DAYS, DEFAULT_MATURE_DAYS, By, Compare
from app.analytics.reports import Rows, Touch
from app.analytics.work.follow_ups import TaskRows
from app.api.analytics.files import DATA_FORMATS
from app.core.calendar.date_range import MOST_DAYS
from app.http.schemas import words
from app.http.schemas.common_fields import UserIdOrMe
from app.http.schemas.fields import BuiltList, Choice, Day, Id, Integer, Language, Money, Text
from app.http.schemas.schema import Aliases, QuerySchema, Schema
from app.leads.enums import CaptureChannel
from app.leads.fields import LONGEST_CAMPAIGN, LONGEST_TAG
from app.leads.search.history_filters import MOST_MINUTES

DEFAULT_TARGET = 60


class FormatQuery(QuerySchema):
    """Format of a report."""

    format = Choice(DATA_FORMATS, metadata={"description": "Instead of the header `Accept`."})


class FilterQuery(Aliases, FormatQuery):
    """Filters of a report."""

    aliases = words.STAGE

    source_id = Id()
    source_campaign = Text(LONGEST_CAMPAIGN, least=1)
    assigned_to_id = UserIdOrMe()
    stage = Text(100, least=1, metadata={"description": "A stage's slug: leads that are there now."})
    tag = Text(LONGEST_TAG, least=1)
    channel = Choice(CaptureChannel)
    language = Language()
    value_from = Money()
    value_to = Money()


class PeriodQuery(QuerySchema):
    """Period of a report, and the period to compare with."""

    from_ = Day(
        data_key="from",
        metadata={"description": f"First local day. By default {DEFAULT_DAYS} days before `to`."},
    )
    to = Day(metadata={"description": f"Exclusive; at most {MOST_DAYS} days after `from`. By default tomorrow."})
    compare = Choice(Compare, metadata={"description": "Also return the rows of an earlier period."})


class CohortQuery(FilterQuery, PeriodQuery):
    """Period, comparison and filters of a report about the leads created in the period."""

    mature_days = Integer(
        most=MOST_DAYS,
        load_default=DEFAULT_MATURE_DAYS,
        metadata={"description": "Rates leave out leads that are younger than this many days."},
    )


class ByQuery(CohortQuery):
    """As CohortQuery, also by parts of the period."""

    by = Choice(By, metadata={"description": "Also return the rows of each day, week or month."})


class ReportQuery(ByQuery):
    """As ByQuery, with a choice of the leads that count."""

    basis = Choice(
        Basis,
        load_default=Basis.COHORT,
        metadata={
            "description": "`cohort`: leads created in the period, with all that happened to them until now. `period`:"
            " what happened in the period, whenever the lead was created."
        },
    )


class ContactQuery(ByQuery):
    """As ByQuery, with the target for the first contact."""

    target_minutes = Integer(
        least=1,
        most=MOST_MINUTES,
        load_default=DEFAULT_TARGET,
        metadata={"description": "A first contact within this many minutes is in time."},
    )


class ResponseQuery(ByQuery):
    """As ByQuery, with the choice of rows."""

    rows = Choice(Rows, metadata={"description": "A row for each source or coordinator. By default one row."})


class AttributionQuery(ReportQuery):
    """As ReportQuery, with the touch that counts."""

    touch = Choice(
        Touch,
        load_default=Touch.LAST,
        metadata={"description": "A lead counts for the source of its `first` or `last` touch."},
    )


class FollowUpQuery(PeriodQuery, FormatQuery):
    """Period, filters and rows of the report about tasks."""

    source_id = Id()
    assigned_to_id = UserIdOrMe()
    stage = Text(100, least=1, metadata={"description": "A stage's slug: tasks of leads that are there now."})
    by = Choice(By, metadata={"description": "Also return the rows of each day, week or month."})
    rows = Choice(
        TaskRows, metadata={"description": "A row for each assignee, or for each type of tasks. By default one row."}
    )


class DefinitionOut(Schema):
    """The definition of a metric, as it was computed."""

    metric = fields.String(required=True, metadata={"examples": ["conversion_rate"]})
    label = fields.String(required=True, metadata={"examples": ["Conversion rate"]})
    unit = Choice(Unit, required=True)
    words = fields.String(required=True)


class LeadsBehindOut(Schema):
    """A number of leads, and the list of exactly these leads."""

    leads = Integer(
        required=True, metadata={"description": "Number of leads; in the report about follow-ups, of tasks."}
    )
    drill = fields.String(
        required=True,
        metadata={
            "description": "Path and query of the list with these leads.",
            "examples": ["/api/leads?status=CONVERTED&created_from=2026-01-01T05%3A00%3A00Z"],
        },
    )


class FigureOut(LeadsBehindOut):
    """A value, and the leads behind it. Of a share, `leads` are those it counts."""

    metric = fields.String(required=True, metadata={"examples": ["conversion_rate"]})
    unit = Choice(Unit, required=True)
    value = fields.Float(required=True, allow_none=True, metadata={"description": "Null: it cannot be computed."})
    among = fields.Nested(
        LeadsBehindOut,
        required=True,
        allow_none=True,
        metadata={"description": "Of a share: the leads by whose number it is divided."},
    )


class FigureRowOut(Schema):
    """Figures of a source, coordinator, reason or stage, or of all leads."""

    key = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "Id, two ids with a colon, slug or reason. Null: all leads, or leads without a coordinator."
        },
    )
    label = fields.String(required=True)
    figures = BuiltList(fields.Nested(FigureOut), required=True)


class PeriodRowsOut(Schema):
    """Local days from `from` to before `to`, with their rows."""

    from_ = Day(required=True, data_key="from")
    to = Day(required=True)
    mature = fields.Boolean(
        required=True, metadata={"description": "All leads of the days are old enough to count in rates."}
    )
    rows = fields.List(fields.Nested(FigureRowOut), required=True)


class AnalyticsOut(PeriodRowsOut):
    """A report: definitions, and rows of figures."""

    timezone = fields.String(required=True, metadata={"examples": ["America/New_York"]})
    basis = Choice(Basis, required=True)
    mature_before = Day(required=True, metadata={"description": "Rates count leads created before this day."})
    rates_begin = Day(
        required=True,
        allow_none=True,
        metadata={
            "description": "Null, unless all leads of the period are too young for rates. Then rates that need older"
            " leads are null until this day."
        },
    )
    definitions = fields.List(fields.Nested(DefinitionOut), required=True)
    buckets = fields.List(
        fields.Nested(PeriodRowsOut),
        required=True,
        allow_none=True,
        metadata={"description": "The same rows for each part of the period; null without `by`."},
    )
    comparison = fields.Nested(
        PeriodRowsOut, required=True, allow_none=True, metadata={"description": "Null without `compare`."}
    )
