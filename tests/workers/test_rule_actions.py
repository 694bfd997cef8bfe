"""Actions of rules other than tasks and messages, run by workers."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from app.clock import now
from app.core.db import new_id, transaction
from app.identity.models import Role
from app.leads.changes import update_lead
from app.tasks.service import complete
from tests.support.practice import TUESDAY, Practice, Watch, at, sql

pytest_plugins = ["tests.support.practice"]

CALL = "{create_task: {type: CALL, title: Call}}"
TEMPLATES = """
templates:
  told: {subject: About a lead, body: "{{ lead.first_name }} is waiting."}
"""


@pytest.fixture
def open_with(open_practice: Callable[..., Practice]) -> Callable[[str], Practice]:
    def open_playbook(rules: str) -> Practice:
        return open_practice(playbook=f"name: ours\nrules:\n{rules}{TEMPLATES}")

    return open_playbook


def rule(name: str, on: str, do: str, **more: str) -> str:
    parts = "".join(f"\n    {key}: {value}" for key, value in more.items())
    return f"  - name: {name}\n    on: {on}\n    do: [{do}]{parts}\n"


def names(practice: Practice, lead: Any, *states: str) -> list[str]:
    return [step.name for step in practice.steps(lead) if not states or step.state in states]


def lead_of(practice: Practice, lead: Any) -> Any:
    return practice.row("leads", id=lead)


@pytest.mark.parametrize(
    ("to", "told"),
    [("coordinator", Role.TREATMENT_COORDINATOR), ("managers", Role.MANAGER), ("admins", Role.CLINIC_ADMIN)],
)
def test_users_are_notified(open_with: Callable[[str], Practice], to: str, told: Role):
    practice = open_with(rule("tell", "lead.created", f"{{notify: {{to: {to}, channels: [in_app], template: told}}}}"))
    practice.capture()
    practice.run_due()
    note = practice.row("notifications")
    assert (note.user_id, note.body) == (practice.people[told], "Mia is waiting.")


def test_task_of_a_rule_has_its_assignee_and_reminders(open_with: Callable[[str], Practice]):
    practice = open_with(rule("call", "lead.created", CALL))
    admin, doctor = practice.people[Role.CLINIC_ADMIN], practice.people[Role.DOCTOR]
    for user_id, made in ((admin, 1), (doctor, 0)):
        settings = {"type": "CALL", "title": "Call", "assignee": str(user_id), "reminder_minutes": [60, 15]}
        definition = {"name": "call", "on": "lead.created", "do": [{"create_task": settings}]}
        practice.change_rule("call", definition=Jsonb(definition))
        lead = practice.capture()
        practice.run_due()
        tasks = practice.rows("lead_tasks", lead_id=lead)
        assert [(task.assigned_to_id, task.reminder_minutes) for task in tasks] == [(admin, [60, 15])] * made
    assert practice.step(lead, name="call").reason == "nobody_to_tell"


def test_tasks_of_a_rule_go_round_the_team(open_with: Callable[[str], Practice]):
    rotation = "{create_task: {type: CALL, title: Call, assignee: rotation}}"
    practice = open_with(rule("call", "lead.created", rotation) + rule("again", "lead.replied", rotation))
    team = sorted([practice.people[Role.TREATMENT_COORDINATOR], practice.people[Role.MANAGER], hire(practice)])
    sql("UPDATE users SET role = :sales WHERE id = ANY(:ids)", sales=Role.SALES, ids=team)

    def got() -> list[UUID]:
        return [task.assigned_to_id for task in practice.rows("lead_tasks")]

    leads = [practice.capture(assigned_to_id=team[0]) for _ in range(4)]
    practice.run_due()
    for lead in leads:
        practice.hear_from(lead)
        practice.run_due()
    assert got() == (team * 3)[:8]

    sql("INSERT INTO absences (id, clinic_id, user_id, starts_at, ends_at, tasks, created_at) VALUES"
        " (gen_random_uuid(), :clinic, :user, :at, :at + interval '1 day', 'leave', :at)",
        clinic=practice.clinic_id, user=team[2], at=now())  # fmt: skip
    for _ in range(3):
        practice.capture(assigned_to_id=team[0])
        practice.run_due()
    assert got()[8:] == [team[0], team[1], team[0]]


def hire(practice: Practice) -> UUID:
    """Add another user, with the settings of the manager."""
    [one] = sql(
        "INSERT INTO users (id, clinic_id, email, name, role, password_hash, is_active, created_at, version)"
        " SELECT :id, clinic_id, :email, 'Ben', role, password_hash, true, created_at, 1 FROM users WHERE id = :like"
        " RETURNING id",
        id=new_id(),
        email=f"{new_id()}@clinic.example",
        like=practice.people[Role.MANAGER],
    )
    found: UUID = one.id
    return found


@pytest.mark.parametrize("kind", ["create_task", "escalate"])
def test_merge_fields_of_a_task_are_filled_in(open_with: Callable[[str], Practice], kind: str):
    more = "type: CALL" if kind == "create_task" else "channels: [in_app], template: told"
    practice = open_with(
        rule("call", "lead.created", f"{{{kind}: {{title: 'Call {{{{ lead.first_name }}}}', {more}}}}}")
    )
    lead = practice.capture()
    practice.run_due()
    assert practice.row("lead_tasks", lead_id=lead).title == "Call Mia"


def test_task_of_a_rule_has_a_description_and_tags(open_with: Callable[[str], Practice]):
    more = "description: 'Ask {{ lead.first_name }} for X-rays', tags: [vip]"
    practice = open_with(rule("call", "lead.created", f"{{create_task: {{type: CALL, title: Call, {more}}}}}"))
    lead = practice.capture()
    practice.run_due()
    task = practice.row("lead_tasks", lead_id=lead)
    assert (task.description, task.tags) == ("Ask Mia for X-rays", ["vip"])


def test_task_without_due_leaves_four_opening_hours(open_with: Callable[[str], Practice]):
    practice = open_with(rule("call", "lead.created", CALL))
    lead = practice.capture()
    practice.run_due()
    assert practice.row("lead_tasks", lead_id=lead).due_at == TUESDAY + timedelta(hours=4)


def test_moved_lead_triggers_rules_about_its_stage(open_with: Callable[[str], Practice]):
    practice = open_with(
        rule("move", "lead.created", "{change_stage: {stage: contacted}}")
        + rule("welcome", "lead.stage_entered", CALL, when="[{field: event.stage, equals: contacted}]")
    )
    lead = practice.capture()
    practice.run_due()
    assert lead_of(practice, lead).pipeline_stage == "contacted"
    assert names(practice, lead, "done") == ["move", "welcome"]
    [moved] = [event for event in practice.rows("events", lead_id=lead) if event.name == "lead.stage_changed"]
    assert (moved.chain["rules"], moved.chain["depth"]) == (["move"], 1)
    [entry] = practice.rows("lead_activities", lead_id=lead, type="STAGE_CHANGE")
    assert (entry.previous_stage, entry.new_stage, entry.created_by) == ("new_lead", "contacted", None)


@pytest.mark.parametrize(
    ("stage", "reason"), [("new_lead", "already_so"), ("nowhere", "not_possible"), ("contacted", "not_possible")]
)
def test_lead_moves_forward_only(open_with: Callable[[str], Practice], stage: str, reason: str):
    practice = open_with(rule("move", "lead.created", f"{{change_stage: {{stage: {stage}}}}}", after="1 hour"))
    lead = practice.capture()
    if stage == "contacted":
        practice.move(lead, "consultation_scheduled")
    sql("UPDATE steps SET due_at = :now", now=TUESDAY)
    practice.run_due()
    step = practice.step(lead, name="move")
    assert (step.state, step.reason) == ("skipped", reason)


def test_lead_is_closed_as_lost_with_a_reason(open_with: Callable[[str], Practice]):
    lose = "{change_stage: {stage: lost, reason: NO_RESPONSE}}"
    practice = open_with(rule("give-up", "lead.created", lose) + rule("win-back", "lead.lost", CALL, after="30 days"))
    lead = practice.capture()
    practice.run_due()
    found = lead_of(practice, lead)
    assert (found.status, found.lost_reason) == ("LOST", "NO_RESPONSE")
    assert names(practice, lead, "planned") == ["win-back"]


def test_lost_lead_is_called_after_thirty_days(open_with: Callable[[str], Practice], watch: Watch):
    """simplepro-follow-up-automation.md, example 3; the assignee can complete the call."""
    practice = open_with(rule("lost-lead-re-engagement", "lead.lost", CALL, after="30 days", stop_on="[lead.reopened]"))
    lead = practice.capture()
    practice.lose(lead)
    watch.advance(days=30)
    practice.run_due()
    task = practice.row("lead_tasks", lead_id=lead)
    assert task.created_at == TUESDAY + timedelta(days=30)
    practice.complete(task.id)
    assert practice.row("lead_tasks", lead_id=lead).status == "COMPLETED"


def test_lead_is_assigned_to_a_user(open_with: Callable[[str], Practice]):
    practice = open_with(rule("give", "lead.created", "{assign: {to: by_rules}}", after="1 hour"))
    somebody = practice.people[Role.CLINIC_ADMIN]
    lead = practice.capture()
    sql(
        "UPDATE steps SET params = CAST(:params AS jsonb), due_at = :now", params=f'{{"to": "{somebody}"}}', now=TUESDAY
    )
    practice.run_due()
    assert lead_of(practice, lead).assigned_to_id == somebody
    [entry] = [row for row in practice.rows("assignment_history", lead_id=lead) if row.to_id == somebody]
    assert entry.why == "automation"


def test_lead_is_assigned_by_the_assignment_rules(open_with: Callable[[str], Practice]):
    practice = open_with(rule("give", "lead.created", "{assign: {to: by_rules}}"))
    lead = practice.capture()
    sql("UPDATE leads SET assigned_to_id = :doctor", doctor=practice.people[Role.DOCTOR])
    practice.run_due()
    assert lead_of(practice, lead).assigned_to_id == practice.people[Role.TREATMENT_COORDINATOR]


def test_tags_score_and_custom_fields_are_set_and_trigger_rules(open_with: Callable[[str], Practice]):
    amend = "{update_lead: {add_tags: [Hot], remove_tags: [cold], add_score: 30}}"
    scored = "[{field: event.score, greater_than: 79}]"
    practice = open_with(rule("amend", "lead.replied", amend) + rule("hot", "lead.scored", CALL, when=scored))
    lead = practice.capture(tags=["cold", "berlin"], score=60)
    practice.hear_from(lead)
    practice.run_due()
    found = lead_of(practice, lead)
    assert (found.tags, found.score) == (["berlin", "hot"], 90)
    assert names(practice, lead) == ["amend", "hot"]
    practice.hear_from(lead)
    practice.run_due()
    assert lead_of(practice, lead).score == 100  # no more than that


def test_step_is_skipped_when_its_effect_already_exists(open_with: Callable[[str], Practice]):
    done = "{complete_tasks: {types: [PAYMENT, EMAIL]}}"
    paid = "[{field: event.type, equals: PAYMENT}]"
    practice = open_with(rule("settled", "lead.replied", done) + rule("thanks", "task.completed", CALL, when=paid))
    lead, other = practice.capture(), practice.capture()
    for type_ in ("PAYMENT", "EMAIL", "VISA_STATUS"):
        practice.plan(lead, TUESDAY + timedelta(days=1), type=type_)
    practice.plan(other, TUESDAY + timedelta(days=1), type="PAYMENT")
    practice.hear_from(lead)
    practice.run_due()
    assert {task.type: task.status for task in practice.rows("lead_tasks", lead_id=lead)} == {
        "PAYMENT": "COMPLETED",
        "EMAIL": "COMPLETED",
        "VISA_STATUS": "PENDING",
        "CALL": "PENDING",  # rules on completed tasks are triggered
    }
    assert practice.row("lead_tasks", lead_id=other).status == "PENDING"
    assert names(practice, lead) == ["settled", "thanks"]


BRANCH = """
  - name: check
    on: lead.created
    after: 2 days
    do:
      - branch:
          if: [{field: lead.contacted_at, exists: true}]
          then: [{create_task: {type: DOCUMENT_REVIEW, title: Review}}]
          else: [{notify: {to: admins, channels: [in_app], template: told}}, {update_lead: {add_tags: [silent]}}]
"""


@pytest.mark.parametrize(("was_contacted", "kinds"), [(True, ["create_task"]), (False, ["notify", "update_lead"])])
def test_branch_is_chosen_when_the_step_is_due(
    open_with: Callable[[str], Practice], watch: Watch, was_contacted: bool, kinds: list[str]
):
    practice = open_with(BRANCH)
    lead = practice.capture()
    if was_contacted:
        practice.speak_with(lead)
    watch.advance(days=2)
    practice.run_due()
    branch, *rest = practice.steps(lead)
    assert (branch.outcome["way"], sorted(step.kind for step in rest)) == ("then" if was_contacted else "else", kinds)
    assert {step.state for step in rest} == {"done"}


def test_loop_of_rules_is_refused_with_its_chain(open_with: Callable[[str], Practice]):
    practice = open_with(
        rule("ping", "lead.updated", "{update_lead: {add_score: 1}}")
        + rule("pong", "lead.scored", "{update_lead: {add_tags: [scored]}}")
        + rule("start", "lead.created", "{update_lead: {score: 1}}")
    )
    lead = practice.capture()
    practice.run_due()
    events = practice.rows("events", lead_id=lead)
    refused = [d for event in events for d in event.decisions if d["verdict"] == "loop"]
    assert {d["rule"] for d in refused} >= {"ping"}
    assert all(d["rule"] in d["chain"] and d["chain"][0] == "start" for d in refused)
    assert practice.pending(lead) == []


def test_user_action_starts_a_new_chain(open_with: Callable[[str], Practice]):
    """simplepro-follow-up-automation.md, rule 3: each requested callback plans the next call."""
    asked = "[{field: event.outcome, equals: callback_requested}]"
    practice = open_with(rule("callback", "task.completed", CALL, when=asked))
    lead = practice.capture()
    task = practice.plan(lead, TUESDAY + timedelta(days=1))
    for calls in (1, 2, 3):
        with_outcome(practice, task)
        practice.run_due()
        assert len(practice.steps(lead, name="callback")) == calls
        task = practice.rows("lead_tasks", lead_id=lead)[-1].id


def with_outcome(practice: Practice, task: Any) -> None:
    with transaction() as session:
        complete(session, practice.actor(), task, {"outcome": "callback_requested"})


def test_step_repeats_until_it_is_stopped(open_with: Callable[[str], Practice], watch: Watch):
    """simplepro-follow-up-automation.md: a negotiating lead is called every week."""
    left = "[lead.stage_left]"
    practice = open_with(rule("weekly", "lead.created", CALL, after="1 week", every="1 week", stop_on=left))
    lead = practice.capture()
    for weeks in (1, 2, 3):
        watch.set(TUESDAY + timedelta(weeks=weeks, minutes=5))  # workers were late: the hour stays
        practice.run_due()
        assert [step.due_at for step in practice.pending(lead)] == [TUESDAY + timedelta(weeks=weeks + 1)]
    assert len(practice.rows("lead_tasks", lead_id=lead)) == 3
    practice.move(lead, "contacted")
    assert practice.pending(lead) == []


def test_skipped_step_repeats(open_with: Callable[[str], Practice], watch: Watch):
    """bansalcrm2-follow-up-guide.md, use case 7: no check-in where there was contact in the week before it."""
    recently = "[{field: lead.contacted_at, days_since: {less_than: 7}}]"
    monthly = "{on_day: 1, at: '10:00'}"
    practice = open_with(rule("monthly", "lead.created", CALL, after=monthly, every="1 month", unless=recently))
    lead = practice.capture()
    watch.set(at("2026-03-31 10:00"))
    practice.speak_with(lead)
    for day in ("2026-04-01", "2026-05-01"):
        watch.set(at(f"{day} 10:00"))
        practice.run_due()
    states = {str(step.due_at.date()): (step.state, step.reason) for step in practice.steps(lead)}
    assert states == {
        "2026-04-01": ("skipped", "already_contacted"),
        "2026-05-01": ("done", None),
        "2026-06-01": ("planned", None),
    }


def test_step_is_planned_before_a_date_of_the_lead(open_with: Callable[[str], Practice], watch: Watch):
    """bansalcrm2-follow-up-guide.md, use case 4: 180 days before the passport expires."""
    before = "{time: 180 days, of: lead.custom.passport_expiry, at: '09:00'}"
    practice = open_with(rule("passport", "date.reached", CALL, before=before))
    sql(
        "INSERT INTO custom_fields (id, clinic_id, key, label, type, options, required, archived, created_at,"
        " updated_at, version) VALUES (gen_random_uuid(), :clinic, 'passport_expiry', 'x', 'date', '{}', false,"
        " false, now(), now(), 1)",
        clinic=practice.clinic_id,
    )
    sql("UPDATE clinics SET rules_version = rules_version + 1")

    def update(**data: Any) -> None:
        with transaction() as session:
            update_lead(session, practice.actor(), lead, data)

    lead = practice.capture()
    assert practice.steps(lead) == []
    update(custom={"passport_expiry": "2026-12-01"})  # 180 days before: 4 June
    update(last_name="Keller-Ruiz")
    update(custom={"passport_expiry": "2027-12-01"})  # renewed: 4 June of the next year
    first, second = practice.steps(lead)
    assert [first.due_at, second.due_at] == [at("2026-06-04 09:00"), at("2027-06-04 09:00")]
    watch.set(first.due_at)
    practice.run_due()
    watch.set(second.due_at)
    practice.run_due()
    first, second = practice.steps(lead)
    assert [(first.state, first.reason), (second.state, second.reason)] == [
        ("skipped", "condition_not_met"),
        ("done", None),
    ]
