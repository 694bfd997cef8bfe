"""Workload of users, reassignment of their work, and unassigned leads."""

from collections import Counter
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.clock import now
from app.identity.models import Role
from tests.support.assigning import add_rule, given_out, history, member, send_away
from tests.support.concurrency import run_concurrently
from tests.support.desk import Caller, Desk

pytest_plugins = ["tests.support.desk"]

REASSIGN = "/api/leads/reassign"


@pytest.fixture
def team(desk: Desk) -> list[Caller]:
    return [desk.hire(Role.TREATMENT_COORDINATOR, name) for name in ("Ana", "Ben", "Cleo", "Dan")]


def leads_of(desk: Desk, person: Caller, how_many: int, **more: Any) -> list[dict[str, Any]]:
    return [desk.capture(assigned_to_id=person.id, **more) for _ in range(how_many)]


def reassign(desk: Desk, person: Caller, *to: Caller, **more: Any) -> Any:
    named = {"to_ids": [taker.id for taker in to]} if to else {}
    answer = desk.coordinator.post(REASSIGN, {"from_id": person.id, **named, **more})
    assert answer.status == 200, answer.body
    return answer.body


def shares(done: dict[str, Any], what: str = "leads") -> dict[str, int]:
    return {share["user_id"]: share[what] for share in done["shares"]}


# --- reassignment of all work of a user ---


def test_open_work_is_spread_over_named_users_by_load(desk: Desk, team: list[Caller]):
    ana, ben, cleo, dan = team
    leads_of(desk, ben, 4)
    leads_of(desk, cleo, 1)
    lost, *_ = leads_of(desk, ana, 7)
    desk.admin.post(f"/api/leads/{lost['id']}/lost", {"reason": "OTHER"})
    done = reassign(desk, ana, ben, cleo, dan)
    # ben has 4, cleo 1, dan 0; of six leads dan gets 4 or 3 and cleo 2 or 3, for all have as many as they can then
    assert (done["leads"], done["left"], sum(shares(done).values())) == (6, 0, 6)
    loads = given_out(desk)
    assert sorted([loads[ben.id], loads[cleo.id], loads[dan.id]]) == [3, 4, 4]
    assert loads[ana.id] == 1  # the lost lead keeps its owner


def test_reassignment_is_recorded_like_a_manual_one(desk: Desk, team: list[Caller]):
    ana, ben, *_ = team
    [lead] = leads_of(desk, ana, 1)
    done = reassign(desk, ana, ben, reason="Ana is ill.")
    assert shares(done) == {ben.id: 1}
    after = desk.lead(lead)
    assert (after["assigned_to_id"], after["version"], after["updated_by"]) == (ben.id, 2, desk.coordinator.id)
    assert after["assigned_at"] == after["updated_at"] == after["last_activity_at"] > lead["assigned_at"]
    entry = desk.timeline(lead)[0]
    assert (entry["type"], entry["notes"], entry["created_by"]) == (
        "ASSIGNMENT_CHANGE",
        "Ana → Ben: Ana is ill.",
        desk.coordinator.id,
    )
    newest = history(desk, lead)[0]
    assert (newest["why"], newest["from_id"], newest["to_id"], newest["reason"]) == (
        "reassigned",
        ana.id,
        ben.id,
        "Ana is ill.",
    )


def test_open_tasks_move_with_their_lead_and_closed_ones_stay(desk: Desk, team: list[Caller]):
    ana, ben, *_ = team
    [lead] = leads_of(desk, ana, 1)
    open_task, done_task = desk.plan(lead), desk.plan(lead)
    of_somebody_else = desk.plan(lead, assigned_to_id=desk.admin.id)
    desk.admin.post(f"/api/leads/tasks/{done_task['id']}/complete")
    done = reassign(desk, ana, ben)
    assert shares(done, "tasks") == {ben.id: 1}
    whose = {task["id"]: (task["assigned_to_id"], task["version"]) for task in desk.admin.every(tasks(lead))}
    assert whose == {
        open_task["id"]: (ben.id, 2),
        done_task["id"]: (ana.id, 2),
        of_somebody_else["id"]: (desk.admin.id, 1),
    }


def tasks(lead: dict[str, Any]) -> str:
    return f"/api/leads/{lead['id']}/tasks"


def test_task_on_a_lead_of_another_user_goes_to_the_leads_owner_if_active(desk: Desk, team: list[Caller]):
    ana, ben, cleo, dan = team
    [bens], [cleos] = leads_of(desk, ben, 1), leads_of(desk, cleo, 1)
    for lead in (bens, cleos):
        desk.plan(lead, assigned_to_id=ana.id)
    send_away(desk, cleo)
    done = reassign(desk, ana, dan)
    assert (done["leads"], shares(done, "tasks")) == (0, {ben.id: 1, dan.id: 1})
    assert given_out(desk) == {ben.id: 1, cleo.id: 1}  # the leads stay where they are


def test_work_goes_by_rules_then_by_load_without_named_users(desk: Desk, team: list[Caller]):
    ana, ben, _, dan = team
    near = leads_of(desk, ana, 3, postal_code="10017")
    leads_of(desk, ana, 4, postal_code="94105")
    rule = add_rule(desk, ana, member(ben, ceiling=2), conditions={"postal_prefixes": ["100"]}, name="Near")
    send_away(desk, dan)
    done = reassign(desk, ana)
    # two of the three to ben by the rule; of the rest all by load: cleo has none yet, coordinator is one more
    assert (done["leads"], shares(done)[ben.id] >= 2, dan.id in shares(done)) == (7, True, False)
    entries = [history(desk, lead)[0] for lead in near]
    assert Counter((entry["why"], entry["rule_id"]) for entry in entries) == {
        ("reassigned", rule["id"]): 2,
        ("reassigned", None): 1,
    }


def test_work_stays_when_no_user_is_eligible(desk: Desk, team: list[Caller]):
    leads_of(desk, team[0], 2)
    caller = desk.coordinator
    for person in [*team[1:], desk.admin, caller]:
        send_away(desk, person)
    done = reassign(desk, team[0])
    assert (done["leads"], done["tasks"], done["left"], done["shares"]) == (0, 0, 2, [])


@pytest.mark.parametrize("who", ["foreign", "inactive", "away", "the same"])
def test_only_active_users_of_the_clinic_receive_work(desk: Desk, other_desk: Desk, team: list[Caller], who: str):
    ana, ben, cleo, dan = team
    leads_of(desk, ana, 1)
    send_away(desk, cleo)
    desk.sql("UPDATE users SET is_active = false WHERE id = :id", id=dan.id)
    wrong = {"foreign": other_desk.admin, "inactive": dan, "away": cleo, "the same": ana}[who]
    answer = desk.admin.post(REASSIGN, {"from_id": ana.id, "to_ids": [ben.id, wrong.id]})
    assert answer.pointers == ["/to_ids/1"]
    assert given_out(desk) == {ana.id: 1}


def test_user_of_another_clinic_is_not_found(desk: Desk, other_desk: Desk):
    theirs = other_desk.capture(phone="+34600111222", assigned_to_id=other_desk.coordinator.id)
    answer = desk.admin.post(REASSIGN, {"from_id": other_desk.coordinator.id, "to_ids": [desk.admin.id]})
    assert answer.pointers == ["/from_id"]
    assert other_desk.lead(theirs)["assigned_to_id"] == other_desk.coordinator.id


def test_second_of_two_concurrent_reassignments_moves_nothing(desk: Desk, team: list[Caller]):
    ana, ben, cleo, _ = team
    leads_of(desk, ana, 6)
    done = run_concurrently(lambda: reassign(desk, ana, ben), lambda: reassign(desk, ana, cleo))
    assert sorted(one["leads"] for one in done) == [0, 6]


def test_reassignment_of_a_thousand_leads_is_set_based(desk: Desk, team: list[Caller]):
    ana, ben, cleo, dan = team
    [first] = leads_of(desk, ana, 1)
    desk.multiply(first, 2399)
    done = reassign(desk, ana, ben, cleo, dan)
    assert shares(done) == {ben.id: 800, cleo.id: 800, dan.id: 800}
    assert desk.sql("SELECT count(*) AS n FROM assignment_history WHERE why = 'reassigned'")[0].n == 2400


# --- workload ---


def workload(desk: Desk) -> dict[str, Any]:
    answer = desk.admin.get("/api/leads/workload")
    assert answer.status == 200, answer.body
    return {row["name"]: row for row in answer.body["items"]}


def test_workload_counts_open_overdue_and_due_today(desk: Desk, team: list[Caller]):
    ana, *_ = team
    lead, lost = leads_of(desk, ana, 2)
    desk.admin.post(f"/api/leads/{lost['id']}/lost", {"reason": "OTHER"})
    midnight = datetime.combine(now().astimezone(ZoneInfo("America/New_York")).date(), time.min)
    local = midnight.replace(tzinfo=ZoneInfo("America/New_York"))
    for due_at in (
        now() - timedelta(days=3),
        local,
        local + timedelta(hours=23, minutes=59),
        local + timedelta(days=2),
    ):
        desk.plan(lead, due_at=due_at.isoformat())
    done = desk.plan(lead, due_at=local.isoformat())
    desk.admin.post(f"/api/leads/tasks/{done['id']}/complete")
    row = workload(desk)["Ana"]
    assert (row["open_leads"], row["open_tasks"], row["due_today"], row["overdue_tasks"]) == (1, 4, 2, 2)
    assert (workload(desk)["Ben"]["open_leads"], workload(desk)["Ben"]["open_tasks"]) == (0, 0)


def test_workload_shows_ceilings_and_absences(desk: Desk, team: list[Caller]):
    ana, ben, *_ = team
    add_rule(desk, member(ana, ceiling=40), ben)
    add_rule(desk, member(ana, ceiling=25))
    send_away(desk, ben)
    rows = workload(desk)
    assert (rows["Ana"]["ceiling"], rows["Ben"]["ceiling"]) == (25, None)
    assert rows["Ana"]["out_of_office_until"] is None
    assert rows["Ben"]["out_of_office_until"] > now().isoformat()


def test_workload_lists_coordinators_and_other_users_with_work(desk: Desk, team: list[Caller]):
    ana, ben, *_ = team
    leads_of(desk, ana, 1)
    leads_of(desk, desk.admin, 1)
    desk.sql("UPDATE users SET is_active = false WHERE id = ANY(:ids)", ids=[ana.id, ben.id])
    desk.caller(Role.DOCTOR)
    assert set(workload(desk)) == {"Ana", "Cleo", "Dan", desk.admin.actor.name}


# --- unassigned leads ---


def unassigned(desk: Desk) -> list[str]:
    return [lead["id"] for lead in desk.front_desk.every("/api/leads/unassigned", limit=1)]


def test_leads_without_an_active_coordinator_are_listed(desk: Desk, other_desk: Desk, team: list[Caller]):
    ana, ben, *_ = team
    [nobodys], [gone], [fine] = (leads_of(desk, person, 1) for person in (ana, ana, ben))
    [lost] = leads_of(desk, ana, 1)
    other_desk.capture(phone="+34600111222")
    desk.admin.post(f"/api/leads/{lost['id']}/lost", {"reason": "OTHER"})
    assert unassigned(desk) == []
    desk.sql("UPDATE leads SET assigned_to_id = NULL WHERE id = :id", id=nobodys["id"])
    desk.sql("UPDATE users SET is_active = false WHERE id = :id", id=ana.id)
    assert unassigned(desk) == [gone["id"], nobodys["id"]]
    assert fine["id"] not in unassigned(desk)
