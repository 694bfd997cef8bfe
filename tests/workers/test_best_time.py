"""Best time to contact a lead: learned by the sweep, shown by the API, used by rules, explained by `/why`."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from app.core.db import transaction
from app.engine.models import StepState
from tests.support.desk import Answer, Desk, the_app
from tests.support.enrolling import call, mail, playbook, put, sequence
from tests.support.practice import Practice, Watch
from workers.sweeps.run import sweep

MISTAKES = [{"best_time": True, "on_day": 3}, {"best_time": False}]

pytest_plugins = ["tests.support.practice", "tests.support.desk"]

RULE = {
    "name": "call-at-the-best-time",
    "on": "lead.created",
    "after": "best_time",
    "do": [{"create_task": {"type": "CALL", "title": "Call", "due": {"after": "1 hour"}}}],
}
CALLS = """
INSERT INTO lead_activities (id, clinic_id, lead_id, type, direction, outcome, occurred_at, created_at, is_auto_reply)
SELECT uuidv7(at - clock_timestamp()), clinic_id, id, 'PHONE_CALL', 'OUTBOUND',
    CASE WHEN n % 10 < (CASE WHEN hour = 16 THEN 7 ELSE 2 END) THEN 'spoke' ELSE 'no_answer' END, at, at, false
FROM (SELECT leads.*, n, hour, (CAST(:day AS date) + make_interval(hours => hour, mins => n)) AT TIME ZONE :zone AS at
    FROM leads, generate_series(9, 17) AS hour, generate_series(0, 39) AS n WHERE leads.id = :lead) AS calls
"""


def desk_of(practice: Practice) -> Desk:
    return Desk(practice.clinic_id, the_app().test_client, source_id=str(practice.source_id))


def plant(practice: Practice) -> str:
    """Log calls of one lead: at 16:00 they reach a person in 70 % of the cases, else in 20 %. Returns its zone."""
    [clinic] = desk_of(practice).sql("SELECT timezone FROM clinics")
    lead = practice.capture()
    given = {"lead": lead, "day": "2026-02-16", "zone": clinic.timezone}
    with transaction() as session:
        session.execute(text(CALLS), given)
    sweep("learn_contact_hours")
    return str(clinic.timezone)


def best_time(practice: Practice, lead: UUID) -> Answer:
    return desk_of(practice).admin.get(f"/api/leads/{lead}/best-time")


@pytest.fixture
def practice(open_practice: Callable[..., Practice]) -> Practice:
    return open_practice()


def add_rule(practice: Practice, **more: Any) -> None:
    answer = desk_of(practice).admin.post("/api/follow-up-rules", {**RULE, **more})
    assert answer.status == 201, answer.body
    assert answer.body["is_active"]


def step_of(practice: Practice, lead: UUID) -> Any:
    [step] = practice.rows("steps", lead_id=lead, name=RULE["name"])
    return step


def test_a_rule_waits_for_the_best_hour_and_why_explains_it(practice: Practice):
    zone = ZoneInfo(plant(practice))
    add_rule(practice)

    lead = practice.capture()

    step = step_of(practice, lead)
    assert step.state in {StepState.PLANNED, StepState.PUBLISHED}
    assert step.due_at.astimezone(zone).hour == 16
    assert step.moves[-1]["by"] == "best_time"
    why = desk_of(practice).admin.get(f"/api/leads/{lead}/why").body
    assert "by the hours at which the lead is best reached" in str(why)


def test_the_api_shows_the_best_hours_with_counts_and_words(practice: Practice):
    plant(practice)
    lead = practice.capture()

    found = best_time(practice, lead).body

    assert found["is_known"]
    [hour] = found["hours"]
    assert (hour["part"], hour["hour"], hour["sureness"]) == ("weekday", 16, "sure")
    assert hour["clinic"] == {"tried": 40, "reached": 28, "answers": 0}
    assert hour["lead"] == {"tried": 0, "reached": 0, "answers": 0}
    assert found["words"].startswith("Best on weekdays from 16:00 to 17:00, by the contacts of leads of its source: ")
    assert datetime.fromisoformat(found["next_at"]).astimezone(ZoneInfo(found["timezone"])).hour == 16


def test_without_history_rules_use_the_next_opening(practice: Practice):
    sweep("learn_contact_hours")
    add_rule(practice)
    lead = practice.capture()

    found = best_time(practice, lead).body

    assert (found["is_known"], found["hours"]) == (False, [])
    assert found["words"] == "Not enough history: 0 of 50 contacts of the clinic in the past year."
    assert step_of(practice, lead).due_at == datetime.fromisoformat(found["next_at"])


def test_opens_and_automatic_replies_are_no_contacts(practice: Practice):
    lead = practice.capture()
    with transaction() as session:
        session.execute(
            text(
                "INSERT INTO lead_activities (id, clinic_id, lead_id, type, direction, occurred_at, created_at,"
                " is_auto_reply) SELECT gen_random_uuid(), clinic_id, id, 'EMAIL', 'INBOUND', now(), now(), true"
                " FROM leads, generate_series(1, 60) WHERE id = :lead"
            ),
            {"lead": lead},
        )
    sweep("learn_contact_hours")

    assert best_time(practice, lead).body["contacts"] == 0


def test_a_simulation_uses_the_same_hours(practice: Practice):
    zone = ZoneInfo(plant(practice))
    add_rule(practice)

    answer = desk_of(practice).admin.post("/api/playbooks/own/simulate", {"days": 5, "is_new": True})

    assert answer.status == 200, answer.body
    planned = [
        one for entry in answer.body["timeline"] for one in entry.get("planned", ()) if one["name"] == RULE["name"]
    ]
    assert planned
    assert datetime.fromisoformat(planned[0]["due_at"]).astimezone(zone).hour == 16


def test_hours_beside_the_best_time_are_refused(practice: Practice):
    desk = desk_of(practice)

    clash = desk.admin.post("/api/follow-up-rules", {**RULE, "after": {"best_time": True, "at": "09:00"}})
    of_steps = [{"name": "a", "after": after, "wait": {}} for after in MISTAKES]

    assert (clash.status, clash.pointers) == (422, ["/after/at"])
    answer = desk.admin.post("/api/sequences", {"name": "x", "steps": [{**of_steps[0]}]})
    assert answer.pointers == ["/steps/0/after/on_day"]
    assert desk.admin.post("/api/sequences", {"name": "x", "steps": [of_steps[1]]}).pointers == ["/steps/0/after/time"]
    add_rule(practice, after={"time": "1 day", "best_time": True})


SEQUENCE = sequence(call("now", "best_time"), mail("later", {"time": "22 hours", "best_time": True}), name="welcome")


def test_steps_of_a_sequence_wait_for_the_best_hour(open_practice: Callable[..., Practice], watch: Watch):
    """A lead from abroad is reached at the same local hour; the simulation says the same, and `/why` explains it."""
    practice = open_practice(playbook=playbook(SEQUENCE))
    zone = ZoneInfo(plant(practice))
    here, there = practice.capture(), practice.capture(timezone="America/Denver")
    [row] = practice.rows("sequences")
    said = [_simulated(practice, row.id, lead) for lead in (here, there)]
    put(practice, here, there)
    assert [len(practice.pending(lead)) for lead in (here, there)] == [1, 1]

    for lead in (here, there):
        lived = [practice.step(lead, name="welcome/now").due_at]
        watch.set(lived[0])
        practice.run_due()
        step = practice.step(lead, name="welcome/later")
        lived.append(step.due_at)
        assert said.pop(0) == lived
        at_hour = zone if lead == here else ZoneInfo("America/Denver")
        assert [due.astimezone(at_hour).hour for due in lived] == [16, 16]
        assert step.moves[-1]["by"] == "best_time"
    why = desk_of(practice).admin.get(f"/api/leads/{here}/why").body
    assert "by the hours at which the lead is best reached" in str(why)


def _simulated(practice: Practice, sequence_id: UUID, lead: UUID) -> list[datetime]:
    body = {"days": 5, "is_new": True, "lead_id": str(lead)}
    answer = desk_of(practice).admin.post(f"/api/sequences/{sequence_id}/simulate", body)
    assert answer.status == 200, answer.body
    planned = [one for entry in answer.body["timeline"] for one in entry.get("planned", ())]
    due = {one["name"]: datetime.fromisoformat(one["due_at"]) for one in planned}
    return [due["welcome/now"], due["welcome/later"]]
