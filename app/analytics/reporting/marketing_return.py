"""The return on marketing spend: a metric computed from the value of converted leads and the spend."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from app.analytics.metrics.definitions import CONVERTED_LEADS
from app.analytics.metrics.measures import CONVERSIONS, CONVERTED, Basis, Value
from app.analytics.metrics.metric import Formula, Metric, Unit, figure_of
from app.core.type_aliases import JsonDict, JsonObject

CONVERTED_VALUE: Final = Metric(
    "converted_value",
    "Value of converted leads",
    Unit.MONEY,
    {
        Basis.COHORT: Formula(
            "Sum of the values of the leads created in the period that became patients.", CONVERTED.of(Value.MONEY)
        ),
        Basis.PERIOD: Formula(
            "Sum of the values of the leads that became patients in the period.", CONVERSIONS.of(Value.MONEY)
        ),
    },
)
NAME: Final = "return_on_investment"
_WORDS: Final[Mapping[Basis, str]] = {
    basis: f"Value of converted leads minus marketing spend, divided by the spend. Null without a spend. {text}"
    for basis, text in {
        Basis.COHORT: "It counts the leads created in the period that became patients.",
        Basis.PERIOD: "It counts the leads that became patients in the period.",
    }.items()
}


def with_return(report: JsonObject) -> JsonDict:
    """Return the report with the figure `return_on_investment` in each row, best rows first.

    The rows need `converted_leads`, `converted_value` and `marketing_spend`.
    """
    words = _WORDS[Basis(report["basis"])]
    definition = {"metric": NAME, "label": "Return on investment", "unit": Unit.SHARE, "words": words}
    buckets, comparison = report["buckets"], report["comparison"]
    return {
        **report,
        "definitions": [*report["definitions"], definition],
        "rows": sorted(map(_with_figure, report["rows"]), key=_order),
        "buckets": None if buckets is None else [_with_figures(part) for part in buckets],
        "comparison": None if comparison is None else _with_figures(comparison),
    }


def _with_figures(part: JsonObject) -> JsonDict:
    return {**part, "rows": [_with_figure(row) for row in part["rows"]]}


def _with_figure(row: JsonObject) -> JsonDict:
    figures = {one["metric"]: one for one in row["figures"]}
    converted = figures[CONVERTED_LEADS.name]
    spend, won = figures["marketing_spend"]["value"], figures[CONVERTED_VALUE.name]["value"]
    value = round((won - spend) / spend, 4) if spend else None
    return {**row, "figures": [*row["figures"], figure_of(NAME, Unit.SHARE, value, converted, among=None)]}


def _order(row: JsonObject) -> tuple[bool, float, str]:
    value = value_of(row["figures"], NAME)
    return value is None, -(value or 0), row["label"]


def value_of(figures: Iterable[Mapping[str, Any]], metric: str) -> float | None:
    """Return the value of a metric among the figures of a row; None if it is missing or null."""
    return next((one["value"] for one in figures if one["metric"] == metric), None)
