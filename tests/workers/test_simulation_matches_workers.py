"""Simulations predict what workers do: the same lead and script, simulated and then replayed by workers."""

from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.automation.playbooks import shipped
from app.automation.simulation.service import simulate_playbook
from app.core.db import transaction
from tests.support.enrolling import call, mail, playbook, sequence
from tests.support.practice import TUESDAY, Practice, Watch, sql
from tests.support.simulation_replay import finished_and_pending_steps, replay, simulated_steps

pytest_plugins = ["tests.support.practice"]

Script = list[dict[str, Any]]


def at(days: float, event: str, **facts: Any) -> dict[str, Any]:
    given = {"facts": {name.replace("__", "."): value for name, value in facts.items()}} if facts else {}
    return {"at": TUESDAY + timedelta(days=days), "event": event, **given}


ANSWERED: Script = [
    at(0.01, "lead.attempt_failed"),
    at(1.5, "lead.attempt_failed"),
    at(2, "lead.replied"),
    at(2.1, "task.completed", event__outcome="callback_requested"),
    at(2.5, "lead.contacted"),
    at(3, "consultation.scheduled", event__scheduled_for=TUESDAY + timedelta(days=8)),
    at(8, "consultation.completed"),
    at(9, "lead.stage_changed", event__stage="pending_decision"),
    at(20, "task.completed"),
    at(24, "lead.converted"),
]
LEFT_ALONE: Script = []
TRIED_IN_VAIN: Script = [
    at(0.2, "lead.attempt_failed"),
    at(1.2, "lead.attempt_failed"),
    at(2.6, "lead.attempt_failed"),
    at(4, "task.retimed", task__due_at=TUESDAY + timedelta(days=6)),
    at(9, "lead.lost"),
]
QUOTED: Script = [
    at(0.5, "quote.sent"),
    at(1, "quote.sent"),
    at(4, "lead.updated", lead__tags=["urgent"]),
    at(5, "lead.stage_changed", event__stage="negotiating"),
    at(10, "lead.replied"),
    at(16, "task.cancelled"),
    at(25, "lead.lost"),
    at(26, "lead.reopened"),
]
IN_CONTACT = """
name: in-contact
rules:
  - name: in-contact
    on: lead.stage_entered
    when: [{ field: event.stage, equals: contacted }]
    do:
      - create_task: { type: CALL, title: Book a consultation }
"""
SPOKEN_WITH_WHILE_LOST: Script = [at(1, "lead.lost"), at(2, "lead.contacted"), at(3, "lead.reopened")]


def test_reopened_lead_is_in_the_simulated_stage(open_practice: Any, watch: Watch):
    practice = open_practice(playbook=IN_CONTACT)
    lead_id, until = practice.capture(), TUESDAY + timedelta(days=4)
    simulated = simulate(practice, lead_id, SPOKEN_WITH_WHILE_LOST, until=until)
    replay(practice, watch, lead_id, SPOKEN_WITH_WHILE_LOST, until=until)
    assert simulated_steps(simulated) == finished_and_pending_steps(practice, lead_id)
    assert [step.state for step in practice.steps(lead_id, name="in-contact")] == ["done"]


@pytest.mark.parametrize("name", shipped.names())
@pytest.mark.parametrize("script", [ANSWERED, QUOTED, TRIED_IN_VAIN, LEFT_ALONE])
def test_workers_run_the_simulated_steps(open_practice: Any, watch: Watch, name: str, script: Script):
    practice = open_practice(playbook=text_of(name))
    # Without a gateway, a run of the social nurture ends at once: its lead is none that it would take.
    lead_id = practice.capture(**({"score": 100} if name == "social_nurture" else {}))
    script = [entry for entry in script if is_possible(practice, entry)]
    until = TUESDAY + timedelta(days=30 if script else 10)
    simulated = simulate(practice, lead_id, script, until=until)
    replay(practice, watch, lead_id, script, until=until)
    assert simulated_steps(simulated) == finished_and_pending_steps(practice, lead_id)


def text_of(playbook: str) -> str:
    return (files("app.automation.playbooks") / f"{playbook}.yaml").read_text(encoding="utf-8")


def is_possible(practice: Practice, entry: dict[str, Any]) -> bool:
    stage = entry.get("facts", {}).get("event.stage")
    return stage is None or bool(practice.rows("pipeline_stages", slug=stage))


def simulate(practice: Practice, lead_id: UUID, script: Script, *, until: datetime, **given: Any) -> Any:
    days = (until - TUESDAY).days
    asked = {"lead_id": lead_id, "is_new": True, "facts": {}, "start": TUESDAY, "days": days, "script": script}
    with transaction() as session:
        return simulate_playbook(session, practice.actor(), "own", {**asked, **given})


EVERYTHING = """
name: everything
rules:
  - name: hello
    on: lead.created
    after: 1 hour
    priority: 10
    stop_on: [lead.replied]
    do:
      - send_message: {channel: email, template: hello}
  - name: newsletter
    on: lead.created
    after: { time: 1 day, at: "23:30" }
    every: 1 week
    stop_on: [lead.lost]
    do:
      - send_message: {channel: email, template: hello}
  - name: second-thoughts
    on: lead.created
    after: { time: 9 hours, clock: business }
    do:
      - branch:
          if: [{ field: lead.score, greater_than: 50 }]
          then:
            - change_stage: { stage: contacted }
            - update_lead: { add_tags: [hot] }
          else:
            - send_message: {channel: email, template: hello}
            - update_lead: { add_score: 60 }
  - name: promising
    on: lead.scored
    when: [{ field: event.score, greater_than: 50 }]
    only_if: [{ field: lead.status, equals: NEW }]
    do:
      - change_stage: { stage: contacted }
      - update_lead: { add_score: 5 }
  - name: moved
    on: lead.stage_entered
    when: [{ field: event.stage, equals: contacted }]
    after: 2 days
    stop_on: [lead.stage_left]
    do:
      - notify: { to: managers, channels: [in_app], template: hello }
      - complete_tasks: { types: [CALL, FOLLOW_UP] }
      - suggest_lost: { reason: NO_RESPONSE }
  - name: hot
    on: lead.updated
    when: [{ field: lead.tags, contains: hot }]
    skip_when_later_than: 1 hour
    do:
      - assign: { to: by_rules }
      - create_task: { type: CALL, title: Call them, due: { after: 2 hours, clock: business } }
  - name: missed-call
    on: [task.overdue]
    do:
      - escalate: { title: Nobody called, channels: [in_app], template: hello }
  - name: too-many-tasks
    on: task.created
    when: [{ field: task.priority, equals: URGENT }]
    after: 5 days
    only_if: [{ field: task.status, equals: OVERDUE }]
    do:
      - change_stage: { stage: lost, reason: NO_RESPONSE }
templates:
  hello: {subject: Hello, body: Hello}
"""
POLICY = '{"daily_cap": 1, "minimum_interval": "12 hours", "window": "1 day", "weekends": false, "holidays": false}'


@pytest.mark.parametrize("policy", ["{}", POLICY])
@pytest.mark.parametrize("score", [None, 70])
def test_each_step_kind_runs_as_simulated(open_practice: Any, watch: Watch, policy: str, score: int | None):
    practice = open_practice(playbook=EVERYTHING)
    sql(
        "UPDATE clinics SET contact_policy = CAST(:policy AS jsonb), rules_version = rules_version + 1 WHERE id = :id",
        policy=policy,
        id=practice.clinic_id,
    )
    lead_id = practice.capture(timezone="America/Los_Angeles", **({"score": score} if score else {}))
    script = [at(0.02, "lead.attempt_failed"), at(6, "lead.replied"), at(20, "lead.updated", lead__score=90)]
    until = TUESDAY + timedelta(days=30)
    simulated = simulate(practice, lead_id, script, until=until)
    replay(practice, watch, lead_id, script, until=until)
    assert simulated_steps(simulated) == finished_and_pending_steps(practice, lead_id)


def test_existing_lead_continues_as_simulated(open_practice: Any, watch: Watch):
    practice = open_practice(playbook=text_of("orthodontics"))
    lead_id = practice.capture()
    begun, until = TUESDAY + timedelta(days=3, hours=1), TUESDAY + timedelta(days=33, hours=1)
    replay(practice, watch, lead_id, [at(0.2, "lead.attempt_failed"), at(1, "lead.attempt_failed")], until=begun)
    watch.set(begun)
    before = finished_and_pending_steps(practice, lead_id)
    script = [at(3.5, "lead.attempt_failed"), at(9, "lead.contacted"), at(21, "task.completed")]
    asked = {"lead_id": lead_id, "is_new": False, "facts": {}, "days": 30, "script": script}
    with transaction() as session:
        simulated = simulate_playbook(session, practice.actor(), "own", asked)
    replay(practice, watch, lead_id, script, until=until)
    over = [step for step in before if step[3] != "pending"]
    assert sorted(over + simulated_steps(simulated)) == finished_and_pending_steps(practice, lead_id)


QUARTERS = st.integers(1, 32).map(lambda quarters: quarters / 4 + 0.003)
EVENTS = st.sampled_from(
    [
        *("lead.replied", "lead.contacted", "lead.attempt_failed", "lead.opted_out", "lead.lost", "lead.reopened"),
        *("consultation.completed", "quote.sent", "task.completed", "task.cancelled"),
    ]
)
SCRIPTS = st.lists(st.builds(at, QUARTERS, EVENTS), max_size=6, unique_by=lambda entry: entry["at"])


@settings(max_examples=8, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(script=SCRIPTS)
def test_random_events_run_as_simulated(practice: Practice, watch: Watch, script: Script):
    watch.set(TUESDAY)
    lead_id, until = practice.capture(), TUESDAY + timedelta(days=10)
    simulated = simulate(practice, lead_id, script, until=until)
    replay(practice, watch, lead_id, script, until=until)
    assert simulated_steps(simulated) == finished_and_pending_steps(practice, lead_id)


SEQUENCES = playbook(
    sequence(
        mail("hello", "2 hours"),
        call("call", "1 day", waits=True),
        {
            "name": "fork",
            "after": "1 day",
            "branch": {"if": [{"field": "lead.tags", "contains": "hot"}], "then": "offer", "else": "news"},
        },
        mail("offer", {"time": "2 days", "at": "23:00"}),
        mail("news", "1 week", unless=[{"field": "lead.failed_attempts", "greater_than": 1}]),
        {"name": "over", "change_stage": {"stage": "contacted"}},
        enroll={"on": "lead.created"},
        exclusive=True,
        label="in-welcome",
        goal=["consultation.completed"],
    ),
    sequence(mail("care", "3 days"), call("ring", "1 day"), name="care", re_entry={"after": "1 day"}),
    rules=[
        {"name": "caring", "on": "lead.stage_entered", "after": "1 hour", "do": [{"enroll": {"sequence": "care"}}]},
        {"name": "careless", "on": "lead.attempt_failed", "do": [{"unenroll": {"sequence": "care"}}]},
    ],
)


@pytest.mark.parametrize(
    "script",
    [
        [],
        [at(2.2, "task.completed"), at(14, "lead.stage_changed", event__stage="pending_decision")],
        [at(1.5, "lead.updated", lead__tags=["hot", "in-welcome"]), at(2.2, "task.cancelled")],
        [at(0.4, "lead.replied"), at(3, "lead.stage_changed", event__stage="contacted"), at(5, "lead.attempt_failed")],
        [at(0.4, "lead.attempt_failed"), at(0.5, "lead.attempt_failed"), at(2.2, "task.completed")],
        [at(2, "consultation.completed"), at(6, "lead.lost")],
        [at(2.1, "lead.opted_out")],
    ],
)
def test_sequences_run_as_simulated(open_practice: Any, watch: Watch, script: Script):
    practice = open_practice(playbook=SEQUENCES)
    lead_id = practice.capture()
    until = TUESDAY + timedelta(days=25)
    simulated = simulate(practice, lead_id, script, until=until)
    replay(practice, watch, lead_id, script, until=until)
    assert simulated_steps(simulated) == finished_and_pending_steps(practice, lead_id)
    left = {(entry["name"], entry["reason"]) for entry in simulated["timeline"] if entry["what"] == "left"}
    over = [row for row in practice.rows("enrollments") if row.ended_at]
    slugs = {row.id: row.slug for row in practice.rows("sequences")}
    assert left == {(slugs[row.sequence_id], row.reason or "completed") for row in over}


def test_enrolled_lead_has_a_next_action_as_simulated(open_practice: Any, watch: Watch):
    alarm = {
        "name": "alarm",
        "on": "lead.without_next_action",
        "do": [{"create_task": {"type": "CALL", "title": "Go on"}}],
    }
    rests = [{"name": name, "after": "1 day", "wait": {}} for name in ("rest", "more")]
    practice = open_practice(playbook=playbook(sequence(*rests, enroll={"on": "lead.created"}), rules=[alarm]))
    lead_id, until = practice.capture(), TUESDAY + timedelta(days=3)
    simulated = simulate(practice, lead_id, [], until=until)
    replay(practice, watch, lead_id, [], until=until)
    assert simulated_steps(simulated) == finished_and_pending_steps(practice, lead_id)
    assert practice.step(name="alarm").created_at >= TUESDAY + timedelta(days=2)


NURTURED = playbook(
    sequence(mail("one"), mail("two", {"time": "24 hours", "at": ["09:00", "14:00"]}), name="nurture"),
    nurtures=[
        {
            "name": "silent",
            "sequence": "nurture",
            "run_hours": ["09:00", "14:00"],
            "score_from": 20,
            "score_to": 60,
            "silent_for": "24 hours",
        }
    ],
)


@pytest.mark.parametrize(
    "script", [[], [at(0.9, "lead.replied")], [at(3, "lead.updated", lead__score=90)], [at(0.5, "lead.opted_out")]]
)
def test_nurtures_enroll_leads_as_simulated(open_practice: Any, watch: Watch, script: Script):
    practice = open_practice(playbook=NURTURED)
    lead_id = practice.capture(score=40)
    until = TUESDAY + timedelta(days=5)
    simulated = simulate(practice, lead_id, script, until=until)
    replay(practice, watch, lead_id, script, until=until)
    assert simulated_steps(simulated) == finished_and_pending_steps(practice, lead_id)
    assert bool(finished_and_pending_steps(practice, lead_id)) is (script != [at(0.5, "lead.opted_out")])
