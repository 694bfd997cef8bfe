"""Deactivation of a user: leads and tasks go to other users, also under concurrency."""

from collections import Counter
from typing import Any
from uuid import UUID

import pytest

from app.core.db import transaction
from app.identity.models import Role
from app.tasks.workload.handover import HandedOver, hand_over
from tests.support.assigning import add_rule, given_out, history
from tests.support.concurrency import run_concurrently
from tests.support.desk import Caller, Desk


@pytest.fixture
def team(desk: Desk) -> list[Caller]:
    return [desk.hire(Role.TREATMENT_COORDINATOR, name) for name in ("Ana", "Ben", "Cleo")]


def deactivate(desk: Desk, person: Caller, *to: Caller) -> HandedOver:
    """Deactivate a user and hand over leads and tasks."""
    with transaction() as session:
        named = [UUID(taker.id) for taker in to] or None
        return hand_over(session, desk.admin.actor, UUID(person.id), to=named, reason="Ana has left.")


def test_deactivated_user_keeps_nothing_open(desk: Desk, team: list[Caller]):
    ana, ben, cleo = team
    leads = [desk.capture(assigned_to_id=ana.id) for _ in range(4)]
    for lead in leads:
        desk.plan(lead)
    done = deactivate(desk, ana)
    assert (done.leads.total(), done.tasks.total(), done.left) == (4, 4, 0)
    assert given_out(desk) == {ben.id: 2, cleo.id: 2}
    assert desk.sql("SELECT 1 FROM lead_tasks WHERE assigned_to_id = :id", id=ana.id) == []
    newest = history(desk, leads[0])[0]
    assert (newest["why"], newest["reason"]) == ("deactivation", "Ana has left.")


def test_admin_takes_over_from_the_only_coordinator(desk: Desk):
    desk.capture(assigned_to_id=desk.coordinator.id)
    assert deactivate(desk, desk.coordinator).leads == Counter({UUID(desk.admin.id): 1})


def test_user_without_work_is_deactivated(desk: Desk, team: list[Caller]):
    done = deactivate(desk, team[0], team[1])
    assert (done.leads.total(), done.tasks.total(), done.left) == (0, 0, 0)


def test_handover_does_not_deadlock_with_concurrent_work(desk: Desk, team: list[Caller]):
    """Capturing, assigning and finishing tasks continue, and nothing is lost."""
    ana, ben, cleo = team
    add_rule(desk, ben, cleo)
    leads = [desk.capture(assigned_to_id=ana.id) for _ in range(12)]
    planned = [desk.plan(lead) for lead in leads]

    def take_in() -> list[int]:
        return [desk.admin.post("/api/leads", desk.lead_data()).status for _ in range(8)]

    def give_to_cleo() -> list[int]:
        body: dict[str, Any] = {"assigned_to_id": cleo.id}
        return [cleo.post(f"/api/leads/{lead['id']}/assign", body).status for lead in reversed(leads)]

    def finish() -> list[int]:
        return [ben.post(f"/api/leads/tasks/{task['id']}/complete").status for task in planned]

    done, again, *answers = run_concurrently(
        lambda: deactivate(desk, ana), lambda: deactivate(desk, ana, ben, cleo), take_in, give_to_cleo, finish
    )
    assert [set(statuses) for statuses in answers] == [{201}, {200}, {200}]
    assert done.leads.total() + again.leads.total() <= 12
    assert (given_out(desk)[ana.id], sum(given_out(desk).values())) == (0, 20)
