"""How many open leads lack what a text needs: counted in one query, of the newest so many."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, false, func, not_, select
from sqlalchemy.orm import Session

from app.core.pagination import ordered_by
from app.identity.actor import Actor
from app.leads.assignment.coordinators import Colleague, colleagues, in_turn
from app.leads.lookup import NEWEST_FIRST, visible_to
from app.leads.models import STILL_OPEN, Lead
from app.messaging.rendering.variables import OWN

MOST_LOOKED_AT: Final = 20_000

_ASKED: Final = (Lead.first_name, Lead.last_name, Lead.patient_first_name, Lead.lead_value, Lead.custom)
_LACKS: Final[Mapping[str, Callable[[Any], ColumnElement[bool]]]] = {
    "lead.first_name": lambda lead: lead.first_name == "",
    "lead.last_name": lambda lead: lead.last_name == "",
    "lead.last_initial": lambda lead: lead.last_name == "",
    "lead.value": lambda lead: lead.lead_value.is_(None),
    "patient.first_name": lambda lead: lead.patient_first_name == "",
    **dict.fromkeys(("lead.stage", "lead.source", "clinic.name"), lambda _: false()),  # there always is one
}


class Lacking(NamedTuple):
    """How many leads were looked at, whether those are all, and how many of them lack which field."""

    looked_at: int
    is_all: bool
    of_field: Mapping[str, int]


def count_lacking(session: Session, actor: Actor, wanted: Collection[str]) -> Lacking:
    """Of the open leads within the actor's scope. Fields that come from elsewhere than a lead are left out."""
    newest = (
        select(*_ASKED, Lead.assigned_to_id)
        .where(*visible_to(actor), STILL_OPEN)
        .order_by(*ordered_by(NEWEST_FIRST))
        .limit(MOST_LOOKED_AT)
        .subquery()
    )
    team = colleagues(session, actor.clinic.id)
    tests = {field: test for field in sorted(wanted) if (test := _test(field, newest.c, team)) is not None}
    counts = (func.count().filter(test) for test in tests.values())
    looked_at, *lacking = session.execute(select(func.count(), *counts).select_from(newest)).one()
    return Lacking(looked_at, looked_at < MOST_LOOKED_AT, dict(zip(tests, lacking, strict=True)))


def _test(field: str, lead: Any, team: Mapping[UUID, Colleague]) -> ColumnElement[bool] | None:
    group, _, name = field.partition(".")
    if group == OWN:
        has_one: ColumnElement[bool] = lead.custom.has_key(name)
        return not_(has_one)
    if group == "coordinator":
        return _nobody_looks_after(lead, team)
    return _LACKS[field](lead) if field in _LACKS else None


def _nobody_looks_after(lead: Any, team: Mapping[UUID, Colleague]) -> ColumnElement[bool]:
    """Where somebody is in turn, every lead has a coordinator."""
    if in_turn(team):
        return false()
    test: ColumnElement[bool] = func.coalesce(lead.assigned_to_id.not_in(team), True)
    return test
