"""Count leads by groups: PostgreSQL reads the leads once, then decides for each group which measures count it.

Leads created in a past day or month are read from rollups, unless one of them has changed since.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    Double,
    Integer,
    Numeric,
    and_,
    cast,
    column,
    func,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import Session
from sqlalchemy.sql.visitors import iterate, replacement_traverse

from app.analytics.metrics.measures import Event, Measure, Value
from app.analytics.periods import edges_of
from app.analytics.report import Report
from app.analytics.statements.rolled_up.counted import (
    NotInRollups,
    Test,
    counted_leads,
    filter_on_counts,
    labels_on_counts,
    on_counts,
)
from app.analytics.statements.rolled_up.models import RollupGroup
from app.analytics.statements.rolled_up.spans import ALWAYS, Range, joined, leads_in, parts_of
from app.analytics.statements.selection import TIMES, Counted, Selection, tests_of
from app.leads.models import Lead
from app.leads.search.filters import condition_of, filter_conditions
from app.leads.timeline.responses import seconds_from_creation, seconds_to_contact

_ROLLED_UP: Final = frozenset({Event.CREATED, Event.OPEN})  # rollups are by the day of creation
_WAS_CONTACTED: Final[Test] = ("was_contacted", True)  # by a person, or by a message
_SECONDS_A_DAY: Final = 86_400
_SECONDS_A_MINUTE: Final = 60
# Columns with few values. A condition on other columns becomes a column of its own, true or false.
_OF_GROUP: Final = frozenset(
    {"status", "pipeline_stage", "past_stages", "source_id", "assigned_to_id", "capture_channel", "lost_reason"}
)


class _Tests(NamedTuple):
    """Columns to group by, by name, and each test as a condition on these columns.

    `computed` are the columns that have the result of a test.
    """

    columns: Mapping[str, Any]
    conditions: Mapping[Test, ColumnElement[bool]]
    computed: Mapping[str, Test]

    @property
    def has_messages(self) -> bool:
        """Whether messages decide about leads without a contact. Rollups have only leads with one then."""
        return _WAS_CONTACTED in self.conditions


def count_groups(session: Session, selection: Selection, measures: Sequence[Measure]) -> Iterator[Counted]:
    """Count leads, and sum up their values. The measures have the same event."""
    for row in session.execute(_statement(session, selection, measures)):
        key, bucket, is_total, *values = row
        yield Counted(key, bucket, bool(is_total), dict(zip(measures, values, strict=True)))


def _statement(session: Session, selection: Selection, measures: Sequence[Measure]) -> Any:
    tests = _tests(selection.report, measures)
    parts = _parts(session, selection, measures, tests)
    found: Any = union_all(*parts) if len(parts) > 1 else parts[0]
    groups = found.subquery("groups")
    columns = [_value(one, [tests.conditions[test] for test in tests_of(selection.report, one)]) for one in measures]
    return selection.by_levels(groups, *columns)


def _parts(session: Session, selection: Selection, measures: Sequence[Measure], tests: _Tests) -> list[Any]:
    """Return the statements of the groups: from rollups where these have the columns, and from the leads."""
    report, event = selection.report, measures[0].event
    sums = {name: value for one in measures for name, value in _SUMS[one.value].items()}
    labels = [*selection.labels(TIMES[event]), *(value.label(name) for name, value in tests.columns.items())]
    totals: list[Any] = [cast(func.count(), Integer).label("leads"), *(sums[name].label(name) for name in sums)]
    leads = select(*labels, *totals).group_by(*(label.name for label in labels))
    whole = [leads.where(*selection.in_period(measures[0]))]
    if event not in _ROLLED_UP:
        return whole
    shared = [*selection.shared, *filter_conditions({"is_open": True} if event is Event.OPEN else {}, report.actor)]
    try:
        columns, of_rollups = _on_rollups(selection, tests), [on_counts(one) for one in shared]
    except NotInRollups:
        return whole
    period = ALWAYS if event is Event.OPEN else Range(report.days.since, report.days.until)
    parts = parts_of(session, report, period, _edges(selection, tests))
    if not parts.counted:
        return whole
    live = [leads_in(leads, parts.rest).where(*shared)] if parts.rest else []
    if tests.has_messages:
        of_rollups.append(RollupGroup.has_contact)
        live.append(leads_in(leads, joined(parts.counted)).where(Lead.first_contact_at.is_(None), *shared))
    return [counted_leads(columns, parts.counted, of_rollups, sums), *live]


def _edges(selection: Selection, tests: _Tests) -> list[datetime]:
    """Return the times at which a bucket ends, or the leads are no longer mature."""
    mature = [value for name, value in tests.conditions if name == "created_to"]
    return [*mature, *(edges_of(selection.buckets) if selection.buckets else [])]


def _on_rollups(selection: Selection, tests: _Tests) -> list[Any]:
    """Return the columns to group by, of rollups. Raises NotInRollups."""

    def on_rollups(name: str, value: Any) -> Any:
        test = tests.computed.get(name)
        if test is None:
            return on_counts(value)
        return true() if test == _WAS_CONTACTED else filter_on_counts(test, selection.report)

    return [
        *labels_on_counts(selection),
        *(on_rollups(name, value).label(name) for name, value in tests.columns.items()),
    ]


def _tests(report: Report, measures: Sequence[Measure]) -> _Tests:
    columns: dict[str, Any] = {}
    conditions: dict[Test, ColumnElement[bool]] = {}
    computed: dict[str, Test] = {}
    for test in dict.fromkeys(test for one in measures for test in tests_of(report, one)):
        of_group = _group_condition(test)
        if of_group.columns:
            columns |= of_group.columns
            conditions[test] = of_group.condition
        else:
            name = f"test_{len(conditions)}"
            columns[name], conditions[test], computed[name] = of_group.condition, column(name), test
    return _Tests(columns, conditions, computed)


class _GroupCondition(NamedTuple):
    """A test on columns of groups; without these columns, on the lead's."""

    columns: Mapping[str, Any]
    condition: ColumnElement[bool]


@lru_cache(maxsize=1024)  # a funnel has dozens of tests, the same ones each time
def _group_condition(test: Test) -> _GroupCondition:
    condition = condition_of(*test)
    names = {one.name for one in iterate(condition) if isinstance(one, Column)}
    if not names or not names <= _OF_GROUP:
        return _GroupCondition({}, condition)
    columns = {name: getattr(Lead, name) for name in names}
    return _GroupCondition(columns, replacement_traverse(condition, {}, _of_group))


def _of_group(element: Any, **_: object) -> Any:
    """Return the column of the group in place of the lead's."""
    return column(element.name, element.type) if isinstance(element, Column) else None


def _value(measure: Measure, conditions: Sequence[ColumnElement[bool]]) -> Any:
    def total(name: str, kind: Any) -> Any:
        found = func.sum(column(name, kind))
        return found.filter(and_(true(), *conditions)) if conditions else found

    value = measure.value
    if value in _MEANS:
        return total(value, Double()) / func.nullif(total(f"{value}_of", Double()), 0)
    return total(value, Numeric() if value is Value.MONEY else Integer())


# Columns of which the mean is asked for; leads without a value do not count.
_MEANS: Final[Mapping[Value, Any]] = {
    Value.DAYS_TO_CONVERT: seconds_from_creation(Lead.converted_at) / _SECONDS_A_DAY,
    Value.DAYS_TO_LOSS: seconds_from_creation(Lead.lost_at) / _SECONDS_A_DAY,
    Value.MINUTES_MEAN: seconds_to_contact() / _SECONDS_A_MINUTE,
}
# What groups have besides the number of their leads.
_SUMS: Final[Mapping[Value, Mapping[str, Any]]] = {
    Value.LEADS: {},
    Value.MONEY: {Value.MONEY: func.sum(Lead.lead_value)},
    **{
        value: {value: func.sum(each), f"{value}_of": cast(func.count(each), Integer)} for value, each in _MEANS.items()
    },
}
