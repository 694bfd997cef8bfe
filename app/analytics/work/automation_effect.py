"""The effect of rules and sequences: replies and conversions after their messages, against leads without a message.

The leads were not chosen at random, so a difference is no proof. A rule or sequence is called a series.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, func, literal, select, union_all
from sqlalchemy.orm import Session

from app.analytics.counting import Cell, count, visible_leads
from app.analytics.drill import drill
from app.analytics.metrics.measures import CONVERTED, CREATED, Measure
from app.analytics.metrics.metric import Formula, Metric, Unit, define, figure_of
from app.analytics.report import Report, read_report
from app.analytics.statements.selection import WHOLE, tests_of
from app.analytics.tables import compared, definitions, heading, rates_begin
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.rules.models import RuleRow
from app.engine.sequences.models import SequenceRow
from app.identity.actor import Actor
from app.leads.enums import LeadStatus
from app.leads.models import Lead
from app.leads.search.creation_time import ID_CLOCK_SLACK, first_id_of
from app.leads.search.filters import filter_conditions
from app.leads.timeline.responses import REPLY_DAYS, REPLY_WINDOW, has_reply
from app.messaging.models import Notification

_LEADS: Final = "Leads created in the period"
_MATURE: Final = "Only leads created before `mature_before` count."
_REPLIED: Final = CREATED.where(has_replied=True)


def _metric(name: str, label: str, unit: Unit, words: str) -> Metric:
    return define(name, label, unit, Formula(words, CREATED))


METRICS: Final = (
    _metric("planned_leads", "Planned", Unit.LEADS, f"{_LEADS} for which it wrote a message, sent or not."),
    _metric("sent_leads", "Sent", Unit.LEADS, f"{_LEADS} to which it sent a message."),
    _metric(
        "reply_rate",
        "Reply rate",
        Unit.SHARE,
        f"{_LEADS} to which it sent a message: the share that replied within {REPLY_DAYS} days after one of them."
        " Automatic replies do not count.",
    ),
    _metric(
        "reply_rate_without",
        "Reply rate without it",
        Unit.SHARE,
        f"{_LEADS} to which it sent no message: the share that ever called or wrote after its creation.",
    ),
    _metric(
        "conversion_rate_after",
        "Conversion rate",
        Unit.SHARE,
        f"{_LEADS} to which it sent a message: the share that became patients after one of them. {_MATURE}",
    ),
    _metric(
        "conversion_rate_without",
        "Conversion rate without it",
        Unit.SHARE,
        f"{_LEADS} to which it sent no message: the share that became patients. {_MATURE} The leads were not chosen at"
        " random, so a difference is no proof of an effect.",
    ),
)


@dataclass(frozen=True)
class _Counts:
    """Numbers of leads with a message of a series, or (`without`) of all leads; those that are mature apart."""

    planned: int = 0
    sent: int = 0
    replied: int = 0  # to a message
    ever_replied: int = 0
    mature: int = 0
    mature_converted_after: int = 0
    mature_converted: int = 0


def automation_report(session: Session, actor: Actor, query: JsonObject) -> JsonDict:
    """Return the fields of AnalyticsOut, with a row for each rule and sequence with messages. Raises Invalid."""
    report = read_report(session, actor, query)
    return {
        **heading(report, rates_begin(session, report)),
        "definitions": definitions(report, METRICS),
        "rows": _rows(session, report),
        "buckets": None,
        "comparison": compared(report, query, lambda other: _rows(session, other)),
    }


def _rows(session: Session, report: Report) -> list[JsonDict]:
    found = {series: _Counts(*numbers) for series, *numbers in session.execute(_statement(session, report))}
    everyone = _everyone(session, report)
    labels = _labels(session, report)
    rows = [
        {
            "key": series,
            "label": labels.get(series, series),
            "figures": _Row(report, series, counts, everyone).figures(),
        }
        for series, counts in found.items()
    ]
    return sorted(rows, key=lambda row: (-row["figures"][1]["leads"], row["label"]))


def _everyone(session: Session, report: Report) -> _Counts:
    measures = (CREATED, _REPLIED, CREATED.matured, CONVERTED.matured)
    values = count(session, report, measures).cells.get(Cell(None, WHOLE), {})
    created, replied, mature, converted = (int(values.get(one) or 0) for one in measures)
    return _Counts(sent=created, ever_replied=replied, mature=mature, mature_converted=converted)


def _labels(session: Session, report: Report) -> Mapping[str, str]:
    """Return the slugs of rules and sequences, each with its kind."""
    parts = [
        select(model.slug, literal(kind)).where(model.clinic_id == report.actor.clinic.id)
        for model, kind in ((RuleRow, "rule"), (SequenceRow, "sequence"))
    ]
    return {slug: f"{slug} ({kind})" for slug, kind in session.execute(union_all(*parts))}


@dataclass(frozen=True)
class _Row:
    report: Report
    series: str
    counts: _Counts
    everyone: _Counts

    def figures(self) -> list[JsonDict]:
        """Return the figures, in the order of METRICS."""
        counts, everyone, series = self.counts, self.everyone, self.series
        sent, without = CREATED.where(messaged_by=series), CREATED.where(not_messaged_by=series)
        pairs = (
            (self._listed(CREATED.where(planned_by=series), counts.planned), None),
            (self._listed(sent, counts.sent), None),
            (self._listed(CREATED.where(replied_to=series), counts.replied), self._listed(sent, counts.sent)),
            (
                self._listed(without.where(has_replied=True), everyone.ever_replied - counts.ever_replied),
                self._listed(without, everyone.sent - counts.sent),
            ),
            (
                self._listed(CREATED.where(converted_after=series).matured, counts.mature_converted_after),
                self._listed(sent.matured, counts.mature),
            ),
            (
                self._listed(
                    CONVERTED.where(not_messaged_by=series).matured,
                    everyone.mature_converted - counts.mature_converted,
                ),
                self._listed(without.matured, everyone.mature - counts.mature),
            ),
        )
        return [_figure(metric, of, among) for metric, (of, among) in zip(METRICS, pairs, strict=True)]

    def _listed(self, measure: Measure, leads: int) -> JsonDict:
        return {"leads": leads, "drill": drill(self.report, measure, self.report.days, {})}


def _figure(metric: Metric, of: JsonDict, among: JsonDict | None) -> JsonDict:
    value = of["leads"] if among is None else of["leads"] / among["leads"] if among["leads"] else None
    return figure_of(metric.name, metric.unit, value, of, among=among)


def _is_replied_to() -> Any:
    """Return whether the lead replied to the message; null for most leads, who wrote nothing since: no look-up."""
    until = Notification.sent_at + REPLY_WINDOW
    found = has_reply(Notification.lead_id, after=Notification.sent_at, until=until)
    return case((Lead.replied_at > Notification.sent_at, found))


def _to_leads_created_in(report: Report) -> Sequence[ColumnElement[bool]]:
    """Return conditions by which PostgreSQL reads the messages from an index alone."""
    days = report.days_for(CREATED, report.days)
    first, end = (first_id_of(at) for at in (days.since - ID_CLOCK_SLACK, days.until + ID_CLOCK_SLACK))
    return (
        Notification.clinic_id == report.actor.clinic.id,
        Notification.lead_id >= first,
        Notification.lead_id < end,
        Notification.user_id.is_(None),
        Notification.series.is_not(None),
    )


def _statement(session: Session, report: Report) -> Any:
    """Count the leads of each series; its columns are those of _Counts."""
    is_mature = and_(*filter_conditions(dict(tests_of(report, CREATED.matured)), report.actor))
    of_lead = (
        select(
            Notification.series,
            func.bool_or(Notification.sent_at.is_not(None)).label("sent"),
            func.bool_or(_is_replied_to()).label("replied"),
            func.bool_or(Notification.sent_at < Lead.converted_at).label("after"),
            Lead.replied_at.is_not(None).label("ever"),
            (Lead.status == LeadStatus.CONVERTED).label("converted"),
            is_mature.label("mature"),
        )
        .join(Lead, Lead.id == Notification.lead_id)
        .where(*visible_leads(session, report), *filter_conditions(report.range_of(CREATED, report.days), report.actor))
        .where(*_to_leads_created_in(report))
        .group_by(Lead.id, Notification.series)
        .subquery("of_lead")
    )
    one = of_lead.c
    return select(
        one.series,
        func.count(),
        *(
            func.count().filter(*conditions)
            for conditions in (
                (one.sent,),
                (one.replied,),
                (one.sent, one.ever),
                (one.sent, one.mature),
                (one.after, one.mature),
                (one.sent, one.mature, one.converted),
            )
        ),
    ).group_by(one.series)
