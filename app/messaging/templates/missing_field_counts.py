"""Count open leads that lack a field, with one query over the newest leads."""

from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, false, func, not_, select
from sqlalchemy.orm import Session

from app.core.pagination import ordered_by
from app.identity.actor import Actor
from app.identity.users.lookup import ActiveUser, active_users
from app.leads.assignment.coordinators import rotation_team
from app.leads.facts.template_values import TEMPLATE_COLUMNS
from app.leads.fields import IN_TEMPLATES, Form, LeadField
from app.leads.models import IS_OPEN_LEAD, Lead
from app.leads.search.lookup import NEWEST_FIRST, visible_to
from app.messaging.rendering.variables import CUSTOM_GROUP

MAX_LEADS_CHECKED: Final = 20_000

_DECLARED: Final = {path: field for path, field in IN_TEMPLATES.items() if not field.is_encrypted}
_COLUMNS: Final = tuple(getattr(Lead, name) for name in TEMPLATE_COLUMNS)
_NEVER: Final = ("lead.stage", "lead.source", "clinic.name")  # never missing


class MissingFieldCounts(NamedTuple):
    """Number of checked leads, whether these are all open leads, and the number that lack a field, by field."""

    checked: int
    is_all: bool
    by_field: Mapping[str, int]


def count_missing_fields(session: Session, actor: Actor, fields: Collection[str]) -> MissingFieldCounts:
    """Count the open leads in the actor's scope that lack these fields.

    Fields that do not come from a lead are left out.
    """
    newest = (
        select(*_COLUMNS, Lead.assigned_to_id)
        .where(*visible_to(actor), IS_OPEN_LEAD)
        .order_by(*ordered_by(NEWEST_FIRST))
        .limit(MAX_LEADS_CHECKED)
        .subquery()
    )
    team = active_users(session, actor.clinic.id)
    tests = {field: test for field in sorted(fields) if (test := _lacks(field, newest.c, team)) is not None}
    counts = (func.count().filter(test) for test in tests.values())
    checked, *missing = session.execute(select(func.count(), *counts).select_from(newest)).one()
    return MissingFieldCounts(checked, checked < MAX_LEADS_CHECKED, dict(zip(tests, missing, strict=True)))


def _lacks(field: str, lead: Any, team: Mapping[UUID, ActiveUser]) -> ColumnElement[bool] | None:
    group, _, name = field.partition(".")
    if group == CUSTOM_GROUP:
        has_one: ColumnElement[bool] = lead.custom.has_key(name)
        return not_(has_one)
    if group == "coordinator":
        return _has_no_coordinator(lead, team)
    if field in _NEVER:
        return false()
    declared = _DECLARED.get("lead.last_name" if field == "lead.last_initial" else field)
    return None if declared is None else _is_empty(declared, lead[declared.name])


def _is_empty(field: LeadField, column: ColumnElement[Any]) -> ColumnElement[bool]:
    if field.is_nullable:
        return column.is_(None)
    return func.cardinality(column) == 0 if field.kind.form in {Form.TAGS, Form.CHOICES} else column == ""


def _has_no_coordinator(lead: Any, team: Mapping[UUID, ActiveUser]) -> ColumnElement[bool]:
    """Return the condition for leads without a coordinator. With round robin, every lead has one."""
    if rotation_team(team):
        return false()
    test: ColumnElement[bool] = func.coalesce(lead.assigned_to_id.not_in(team), True)
    return test
