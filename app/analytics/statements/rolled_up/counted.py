"""Read rollups: conditions on leads become conditions on groups of leads, where these have the columns for it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    ColumnElement,
    DateTime,
    Integer,
    TextClause,
    and_,
    bindparam,
    cast,
    func,
    literal_column,
    null,
    select,
)
from sqlalchemy.orm import QueryableAttribute
from sqlalchemy.sql.visitors import iterate, replacement_traverse

from app.analytics.report import Report
from app.analytics.statements.rolled_up.models import RollupCount, RollupGroup
from app.analytics.statements.rolled_up.spans import Counted
from app.analytics.statements.selection import Selection
from app.identity.models import User
from app.leads.models import Lead
from app.leads.search.filters import filter_conditions

Test = tuple[str, Any]  # name and value of a filter
# Rollups have only leads that are not deleted, so the condition on this column always holds.
_ALWAYS_NULL: Final = "deleted_at"
_COLUMNS: Final[Mapping[str, Any]] = {
    name: getattr(RollupGroup, name)
    for name in (
        *("clinic_id", "source_id", "assigned_to_id", "first_touch_source_id", "last_touch_source_id"),
        *("status", "pipeline_stage", "past_stages", "capture_channel", "lost_reason"),
    )
}
_SPANS: Final = "spans"  # the days and months that are read: PostgreSQL sees how few they are
_SPAN_STARTS_AT: Final = literal_column(f"{_SPANS}.starts_at", DateTime(timezone=True))
_FLAGS: Final[Mapping[str, Any]] = {
    "has_contact": RollupGroup.has_contact,
    "has_answered": RollupGroup.has_answered,
    "has_replied": RollupGroup.has_replied,
}


class NotInRollups(Exception):
    """A condition on leads needs a column that rollups do not have."""


def on_counts(element: Any) -> Any:
    """Return the element with columns of rollups in place of the lead's. Raises NotInRollups."""
    if isinstance(element, QueryableAttribute):
        element = element.expression
    for one in iterate(element):
        if isinstance(one, TextClause) or (isinstance(one, Column) and not _is_known(one)):
            raise NotInRollups
    found = _replace(element)  # traversing leaves the element itself as it is
    return replacement_traverse(element, {}, _replace) if found is None else found


def filter_on_counts(test: Test, report: Report) -> ColumnElement[bool]:
    """Return the condition that a filter has on rollups. Raises NotInRollups."""
    name, value = test
    if name == "created_to":  # an edge of the parts of the period
        is_before: ColumnElement[bool] = value > _SPAN_STARTS_AT
        return is_before
    if name in _FLAGS:
        flag: ColumnElement[bool] = _FLAGS[name].is_(value)
        return flag
    found: ColumnElement[bool] = on_counts(and_(*filter_conditions({name: value}, report.actor)))
    return found


def labels_on_counts(selection: Selection) -> list[Any]:
    """Return `selection.labels` of rollups. Raises NotInRollups."""
    keyed = selection if selection.key is None else replace(selection, key=on_counts(selection.key))
    return keyed.labels(_SPAN_STARTS_AT)


def counted_leads(
    columns: Sequence[Any], spans: Sequence[Counted], shared: Iterable[ColumnElement[bool]], sums: Iterable[str]
) -> Any:
    """Select `columns` (labels), `leads` and `sums` of the groups in these days and months.

    `columns` and `shared` (conditions) are of rollups: see `on_counts`.
    """
    totals = [func.sum(getattr(RollupCount, name)).label(name) for name in sums]
    return _of_groups(
        [*columns, cast(func.sum(RollupCount.leads), Integer).label("leads"), *totals], columns, spans, shared
    )


def contact_times(
    columns: Sequence[Any], spans: Sequence[Counted], shared: Iterable[ColumnElement[bool]], kinds: Iterable[str]
) -> Any:
    """Select `columns`, the number of leads with a first contact (`leads`), and their times of each kind.

    The arguments are those of `counted_leads`; a kind is `elapsed` or `business`.
    """
    leads = cast(func.coalesce(func.sum(RollupCount.minutes_mean_of), 0), Integer).label("leads")
    times = [func.string_agg(getattr(RollupCount, f"{kind}_seconds"), b"").label(kind) for kind in kinds]
    return _of_groups([*columns, leads, *times], columns, spans, shared)


def _of_groups(
    selected: Sequence[Any],
    columns: Sequence[Any],
    spans: Sequence[Counted],
    shared: Iterable[ColumnElement[bool]],
) -> Any:
    ids = bindparam(None, [one.span_id for one in spans], type_=ARRAY(BigInteger))
    starts = bindparam(None, [one.since for one in spans], type_=ARRAY(DateTime(timezone=True)))
    read = func.unnest(ids, starts).table_valued("id", "starts_at").render_derived(name=_SPANS)
    return (
        select(*selected)
        .select_from(read)
        .join(RollupCount, RollupCount.span_id == read.c.id)
        .join(RollupGroup, RollupGroup.id == RollupCount.group_id)
        .where(*shared)
        .group_by(*(one.name for one in columns))
    )


def _is_known(one: Column[Any]) -> bool:
    if one.table.name == Lead.__tablename__:
        return one.name in _COLUMNS or one.name == _ALWAYS_NULL
    return bool(one.table.name == User.__tablename__)


def _replace(element: Any, **_: object) -> Any:
    if not isinstance(element, Column) or element.table.name != Lead.__tablename__:
        return None
    return null() if element.name == _ALWAYS_NULL else _COLUMNS[element.name]
