"""The funnel: for each stage in order, leads that reached it, skipped it, are in it, or never came so far."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy.orm import Session

from app.analytics.counting import count
from app.analytics.figures import Figures, measures_of
from app.analytics.metrics.measures import CREATED, Basis, Measure, Value, entries, reached
from app.analytics.metrics.metric import Formula, Metric, Unit
from app.analytics.periods import Days, buckets_of
from app.analytics.report import Report
from app.analytics.statements.selection import WHOLE
from app.analytics.tables import compared, definitions, heading, rates_begin, span
from app.core.type_aliases import JsonDict, JsonObject
from app.leads.enums import LeadStatus

StageMetrics = Mapping[str, Sequence[Metric]]  # by slug, in order

_MATURE: Final = "Only leads created before `mature_before` count."


def funnel(session: Session, report: Report, query: JsonObject) -> JsonDict:
    """Return the fields of AnalyticsOut, with a row for each stage. `query` may have `by` and `compare`."""
    metrics = stage_metrics(report)
    buckets = buckets_of(report.days, query["by"]) if "by" in query else []
    figures = _count(session, report, metrics, buckets)
    return {
        **heading(report, rates_begin(session, report)),
        "definitions": definitions(report, next(iter(metrics.values()), ())),
        "rows": _rows(figures, metrics, report.days),
        "buckets": [
            {**span(report, days), "rows": _rows(figures, metrics, days, bucket=place)}
            for place, days in enumerate(buckets)
        ]
        or None,
        "comparison": compared(
            report, query, lambda other: _rows(_count(session, other, metrics, ()), metrics, other.days)
        ),
    }


def stage_metrics(report: Report) -> StageMetrics:
    """Return the metrics of each stage, by its slug, in order."""
    stages = report.progress
    before = [None, *stages]
    of_stage = _of_cohort if report.basis is Basis.COHORT else _of_period
    return {stage: of_stage(stage, previous, report) for previous, stage in zip(before, stages, strict=False)}


def _count(session: Session, report: Report, metrics: StageMetrics, buckets: Sequence[Days]) -> Figures:
    measures = measures_of([one for of_stage in metrics.values() for one in of_stage], report)
    return Figures(report, count(session, report, measures, buckets=buckets), buckets)


def _rows(figures: Figures, metrics: StageMetrics, days: Days, *, bucket: int = WHOLE) -> list[JsonDict]:
    names = {stage.slug: stage.name for stage in figures.report.stages}
    return [
        {"key": slug, "label": names[slug], "figures": figures.part(of_stage, days, bucket=bucket).row(None)}
        for slug, of_stage in metrics.items()
    ]


def _of_cohort(stage: str, previous: str | None, report: Report) -> Sequence[Metric]:
    later = report.at_or_after(stage)[1:] or (stage,)
    before = reached(previous) if previous else CREATED
    never = replace(CREATED, passed_over=stage)
    dropped = replace(before, passed_over=stage)
    skipped = CREATED.where(reached_stage=later, not_reached_stage=(stage,))
    return (
        _leads("reached", "Reached", "reached this stage or a later one.", reached(stage)),
        _leads("entered", "Entered", "are or were in this stage.", CREATED.where(reached_stage=(stage,))),
        _leads("skipped", "Skipped", "reached a later stage, and never were in this one.", skipped),
        _leads("still_in", "Still in", "are in this stage now.", CREATED.where(stage=stage)),
        _leads("never_reached", "Never reached", "came neither to this stage nor to a later one.", never),
        _leads(
            "never_reached_lost",
            "Lost before",
            "came neither to this stage nor to a later one, and are lost now.",
            never.where(status=LeadStatus.LOST),
        ),
        _share(
            "conversion", "Conversion", "that reached this stage or a later one", measure=reached(stage), before=before
        ),
        _share("drop_off", "Drop-off", "that did not reach this stage or a later one", measure=dropped, before=before),
        _cohort(
            "value",
            "Value",
            Unit.MONEY,
            Formula(
                "Sum of the values of the leads created in the period that reached this stage or a later one.",
                reached(stage).of(Value.MONEY),
            ),
        ),
    )


def _leads(name: str, label: str, words: str, measure: Measure) -> Metric:
    return _cohort(name, label, Unit.LEADS, Formula(f"Leads created in the period that {words}", measure))


def _share(name: str, label: str, words: str, *, measure: Measure, before: Measure) -> Metric:
    text = (
        "Of the leads created in the period that reached the previous stage or a later one (for the first stage: of"
        f" all), the share {words}. Leads that are still in an earlier stage may come yet. {_MATURE}"
    )
    return _cohort(name, label, Unit.SHARE, Formula(text, measure.matured, before.matured))


def _cohort(name: str, label: str, unit: Unit, formula: Formula) -> Metric:
    return Metric(name, label, unit, {Basis.COHORT: formula})


def _of_period(stage: str, previous: str | None, _: Report) -> Sequence[Metric]:
    words = "Leads that entered this stage in the period, whenever they were created."
    share = (
        "Leads that entered this stage in the period, divided by those that entered the previous stage in it (for the"
        " first stage: by the leads created in it)."
    )
    before = entries(previous) if previous else CREATED
    return (
        Metric("entered", "Entered", Unit.LEADS, {Basis.PERIOD: Formula(words, entries(stage))}),
        Metric("conversion", "Conversion", Unit.SHARE, {Basis.PERIOD: Formula(share, entries(stage), before)}),
    )
