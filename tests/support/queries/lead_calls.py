"""Calls of lead functions with sample values."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.core.calendar.date_range import DateRange
from app.identity.permissions import Scope
from app.leads.assignment.choose import load_roster
from app.leads.assignment.rules.rules import least_loaded_rule
from app.leads.capture.capture import capture_lead
from app.leads.search.by_text import find
from app.leads.search.by_text.query import TextQuery
from app.leads.search.listing import list_leads
from app.leads.search.without_next_action import without_next_action
from app.messaging.models import MessageTemplate
from app.messaging.rendering.variants import Variant
from app.messaging.templates import statistics
from tests.support.large_clinic import LargeClinic, now

A_YEAR = DateRange(now() - timedelta(days=366), now() + timedelta(days=1))

TEXT_WITH_FIELDS = Variant(None, None, "{{ lead.value }}", "{{ custom.school }} {{ coordinator.name }}")


def all_leads(session: Session, large: LargeClinic, query: Any) -> Any:
    return list_leads(session, large.actor, query)


def leads_without_next_action(session: Session, large: LargeClinic, query: Any) -> Any:
    return without_next_action(session, large.actor, query)


def leads_within(scope: Scope) -> Callable[[Session, LargeClinic, Any], Any]:
    return lambda session, large, query: list_leads(session, replace(large.actor, scope=scope), query)


def search_for(words: str) -> Callable[[Session, LargeClinic], object]:
    return lambda session, large: find.find_leads(session, large.actor, TextQuery(words, "US"))


def notes_with(words: str) -> Callable[[Session, LargeClinic], object]:
    return lambda session, large: find.find_notes(session, large.actor, TextQuery(words, "US"))


def capture_sample(session: Session, large: LargeClinic) -> None:
    person = {"first_name": "A", "last_name": "B", "phone": "+12125550143", "source_id": large.practice.source_id}
    capture_lead(session, large.actor, person)


def read_roster(session: Session, large: LargeClinic) -> None:
    team = session.scalars(text("SELECT id FROM users WHERE clinic_id = :c"), {"c": large.practice.clinic_id}).all()
    roster = load_roster(session, large.actor.clinic, [least_loaded_rule(team)], at=now())
    assert sum(person.open_leads for person in roster.people.values()) > 2_500


def template_statistics(session: Session, large: LargeClinic, *, scope: Scope = Scope.ALL) -> None:
    of_clinic = MessageTemplate.clinic_id == large.practice.clinic_id
    template = session.scalars(select(MessageTemplate).where(of_clinic, MessageTemplate.slug == "task-reminder")).one()
    held = dict.fromkeys(large.actor.permissions, scope)
    shown = statistics.statistics(session, replace(large.actor, permissions=held), template, A_YEAR)
    assert shown["written"] > (25_000 if scope is Scope.ALL else 250)
