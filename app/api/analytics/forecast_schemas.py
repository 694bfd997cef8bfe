"""Request and response schemas of the forecast."""

from marshmallow import fields

from app.analytics.forecast.backtest import Method
from app.api.analytics.schemas import CohortQuery
from app.http.schemas.fields import Choice, Day, Integer
from app.http.schemas.schema import Schema


class ForecastQuery(CohortQuery):
    """Filters of the leads that count."""

    class Meta:
        exclude = ("from_", "to", "compare", "mature_days", "format")


class NamedDefinitionOut(Schema):
    """The definition of a field of the response."""

    name = fields.String(required=True, metadata={"examples": ["conversions"]})
    words = fields.String(required=True)


class ForecastHistoryOut(Schema):
    """The past year, from which the forecast learned."""

    weeks = Integer(required=True, metadata={"description": "Weeks since the first lead, 52 at most count."})
    conversions = Integer(required=True)
    drill = fields.String(required=True, metadata={"description": "Path and query of the list of these conversions."})
    new_leads_per_week = fields.Float(required=True, metadata={"description": "Mean of the last eight weeks."})


class ForecastWeekOut(Schema):
    """Expected conversions from `from` to before `to`, and the sum of their values in the clinic's currency."""

    from_ = Day(required=True, data_key="from")
    to = Day(required=True)
    conversions = fields.Float(required=True, metadata={"examples": [17.4]})
    low = fields.Float(required=True, metadata={"examples": [12]})
    high = fields.Float(required=True, metadata={"examples": [23]})
    from_open = fields.Float(required=True, metadata={"description": "Of leads that are open now."})
    from_new = fields.Float(required=True, metadata={"description": "Of leads that are expected to come."})
    value = fields.Float(required=True)
    value_low = fields.Float(required=True)
    value_high = fields.Float(required=True)


class BacktestOut(Schema):
    """Quality of the same forecast for past weeks."""

    method = Choice(
        Method,
        required=True,
        metadata={
            "description": "`stages`, `recent_weeks` (mean of the last eight weeks) or `both` (mean of the two)."
        },
    )
    weeks = Integer(required=True, metadata={"description": "Number of forecasts of a week that were compared."})
    coverage = fields.Float(required=True, metadata={"description": "Share of them whose interval held the truth."})
    error = fields.Float(required=True, metadata={"description": "Mean distance from the truth, in conversions."})
    simple_error = fields.Float(
        required=True, metadata={"description": "`error` of the mean of the last eight weeks. Never below `error`."}
    )
    bias = fields.Float(required=True, metadata={"description": "Mean of forecast minus truth."})
    mean = fields.Float(required=True, metadata={"description": "Mean conversions of these weeks."})
    words = fields.String(required=True)


class ForecastOut(Schema):
    """A forecast of eight weeks, or the reason why there is none."""

    is_possible = fields.Boolean(required=True)
    words = fields.String(
        required=True,
        metadata={"examples": ["About 142 conversions in the next 8 weeks, with 80 % certainty from 121 to 164: …"]},
    )
    timezone = fields.String(required=True, metadata={"examples": ["America/New_York"]})
    definitions = fields.List(fields.Nested(NamedDefinitionOut), required=True)
    history = fields.Nested(ForecastHistoryOut, required=True)
    weeks = fields.List(fields.Nested(ForecastWeekOut), required=True, metadata={"description": "Empty: not possible."})
    total = fields.Nested(ForecastWeekOut, required=True, allow_none=True)
    backtest = fields.Nested(BacktestOut, required=True, allow_none=True)
