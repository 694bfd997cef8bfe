"""Leads: stages, assignment, conversion, loss, opt-out and reopening."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from app.clock import now
from app.identity.models import Role
from tests.support.desk import Answer, Desk

pytest_plugins = ["tests.support.desk"]

Lead = dict[str, Any]


def move(desk: Desk, lead: Lead, stage: str, **more: Any) -> Answer:
    return desk.front_desk.post(f"/api/leads/{lead['id']}/stage", {"stage": stage, **more})


def convert(desk: Desk, lead: Lead, **more: Any) -> Answer:
    return desk.coordinator.post(f"/api/leads/{lead['id']}/convert", more)


def lose(desk: Desk, lead: Lead, **more: Any) -> Answer:
    return desk.front_desk.post(f"/api/leads/{lead['id']}/lost", {"reason": "NO_RESPONSE", **more})


def assign(desk: Desk, lead: Lead, user_id: str) -> Answer:
    return desk.coordinator.post(f"/api/leads/{lead['id']}/assign", {"assigned_to_id": user_id})


def last_entry(desk: Desk, lead: Lead) -> dict[str, Any]:
    return desk.timeline(lead)[-1]


def test_lead_moves_forward_and_may_skip_stages(desk: Desk):
    lead = desk.capture()
    moved = move(desk, lead, "pending_decision")
    assert moved.status == 200
    assert (moved.body["pipeline_stage"], moved.body["status"]) == ("pending_decision", "ACTIVE")
    assert moved.body["stage_entered_at"] > lead["stage_entered_at"]
    entry = last_entry(desk, lead)
    assert (entry["type"], entry["previous_stage"], entry["new_stage"]) == (
        "STAGE_CHANGE",
        "new_lead",
        "pending_decision",
    )
    assert entry["created_by"] == desk.front_desk.id


def test_lead_does_not_move_backwards(desk: Desk):
    lead = desk.capture()
    move(desk, lead, "pending_decision")
    refused = move(desk, lead, "contacted")
    assert (refused.status, refused.body["code"]) == (409, "no-way-back")
    assert desk.lead(lead)["pipeline_stage"] == "pending_decision"


def test_move_to_the_current_stage_changes_nothing(desk: Desk):
    lead = desk.capture()
    assert move(desk, lead, "new_lead").body == lead
    assert desk.timeline(lead) == []


def test_unknown_stage_is_refused(desk: Desk):
    assert move(desk, desk.capture(), "limbo").pointers == ["/stage"]


def test_lead_does_not_leave_a_final_stage(desk: Desk):
    desk.sql("UPDATE pipeline_stages SET is_terminal = true WHERE slug = 'contacted'")
    lead = desk.capture()
    move(desk, lead, "contacted")
    refused = move(desk, lead, "pending_decision")
    assert (refused.status, refused.body["code"]) == (409, "stage-is-final")


def test_lead_in_an_archived_stage_can_move_to_any_stage(desk: Desk):
    lead = desk.capture()
    desk.sql("UPDATE leads SET pipeline_stage = 'given_up'")
    assert move(desk, lead, "contacted").status == 200


def test_pending_decision_plans_a_check_in_until_the_lead_leaves_it(desk: Desk):
    lead = desk.capture()
    move(desk, lead, "pending_decision")
    assert [step["state"] for step in desk.steps(lead, name="pending-decision-check-in")] == ["planned"]
    move(desk, lead, "treatment_accepted")
    [step] = desk.steps(lead, name="pending-decision-check-in")
    assert (step["state"], step["reason"]) == ("cancelled", "left_stage")


def test_scheduled_consultation_is_confirmed_once(desk: Desk):
    lead = desk.capture(email="ana@people.example")
    day = (now() + timedelta(days=3)).replace(hour=15)
    move(desk, lead, "consultation_scheduled", scheduled_for=day.isoformat())
    logged = {"type": "CONSULTATION_SCHEDULED", "scheduled_for": day.isoformat()}
    desk.front_desk.post(f"/api/leads/{lead['id']}/activities", logged)
    assert len(desk.steps(lead, name="consultation-confirmation")) == 1
    logged["scheduled_for"] = (day + timedelta(hours=2)).isoformat()  # put off: another hour, another confirmation
    desk.front_desk.post(f"/api/leads/{lead['id']}/activities", logged)
    assert len(desk.steps(lead, name="consultation-confirmation")) == 2


def test_time_that_follows_the_stage_is_confirmed_once(desk: Desk):
    lead = desk.capture(email="ana@people.example")
    move(desk, lead, "consultation_scheduled")
    logged = {"type": "CONSULTATION_SCHEDULED"}
    desk.front_desk.post(f"/api/leads/{lead['id']}/activities", logged)  # the same event: changes nothing
    [waiting] = desk.steps(lead, name="consultation-confirmation-without-time")
    assert waiting["state"] in {"planned", "published"}
    logged["scheduled_for"] = (now() + timedelta(days=3)).isoformat()
    desk.front_desk.post(f"/api/leads/{lead['id']}/activities", logged)
    [without] = desk.steps(lead, name="consultation-confirmation-without-time")
    assert (without["state"], without["reason"]) == ("cancelled", "rescheduled")
    assert len(desk.steps(lead, name="consultation-confirmation")) == 1


def test_completed_consultation_is_followed_up(desk: Desk):
    lead = desk.capture()
    move(desk, lead, "consultation_completed")
    [step] = desk.steps(lead, name="post-consult-follow-up")
    assert step["due_at"] > (now() + timedelta(days=2, hours=23)).isoformat()


def test_stage_contacted_sets_the_contact(desk: Desk):
    lead = desk.capture()
    moved = move(desk, lead, "contacted").body
    assert moved["contacted_at"] == moved["stage_entered_at"]
    assert {(step["state"], step["reason"]) for step in desk.steps(lead)} == {("cancelled", "already_contacted")}
    assert [event["event"] for event in desk.admin.every(f"/api/leads/{lead['id']}/why")] == [
        "lead.contacted",
        "lead.stage_changed",
        "lead.created",
    ]


def test_losing_a_lead_requires_a_reason(desk: Desk):
    lead = desk.capture()
    assert desk.front_desk.post(f"/api/leads/{lead['id']}/lost", {}).pointers == ["/reason"]
    assert desk.front_desk.post(f"/api/leads/{lead['id']}/lost", {"reason": "MOOD"}).pointers == ["/reason"]
    assert move(desk, lead, "lost").pointers == ["/reason"]
    at = (now() + timedelta(days=2)).isoformat()
    assert move(desk, lead, "contacted", scheduled_for=at).pointers == ["/scheduled_for"]
    assert desk.lead(lead)["status"] == "NEW"


def test_lost_lead_keeps_its_reason_and_pending_work_is_cancelled(desk: Desk):
    lead = desk.capture()
    move(desk, lead, "pending_decision")
    task = desk.plan(lead)
    lost = lose(desk, lead, reason="RELOCATED", notes="To Ohio").body
    assert (lost["status"], lost["pipeline_stage"]) == ("LOST", "lost")
    assert (lost["lost_reason"], lost["lost_notes"]) == ("RELOCATED", "To Ohio")
    assert {(step["state"], step["reason"]) for step in desk.steps(lead)} == {
        ("cancelled", "already_contacted"),
        ("cancelled", "lost"),
    }
    [left] = desk.admin.every(f"/api/leads/{lead['id']}/tasks")
    assert (left["id"], left["status"], left["cancelled_reason"]) == (task["id"], "CANCELLED", "lost")
    assert last_entry(desk, lead)["new_stage"] == "lost"


def test_move_to_lost_with_a_reason_loses_the_lead(desk: Desk):
    lead = desk.capture()
    move(desk, lead, "pending_decision")
    lost = move(desk, lead, "lost", reason="COST_FINANCIAL").body
    assert (lost["status"], lost["lost_reason"]) == ("LOST", "COST_FINANCIAL")


def test_lost_lead_accepts_replies_but_no_work(desk: Desk):
    lead = desk.capture()
    lose(desk, lead)
    refused = [
        move(desk, lead, "contacted"),
        lose(desk, lead),
        convert(desk, lead),
        assign(desk, lead, desk.admin.id),
        desk.admin.post(f"/api/leads/{lead['id']}/activities", {"type": "CONSULTATION_COMPLETED"}),
        desk.admin.post(
            f"/api/leads/{lead['id']}/tasks", {"title": "Call", "type": "CALL", "due_at": now().isoformat()}
        ),
    ]
    assert {(answer.status, answer.body["code"]) for answer in refused} == {(409, "lead-is-closed")}
    reply = {"type": "EMAIL", "direction": "INBOUND"}
    assert desk.admin.post(f"/api/leads/{lead['id']}/activities", reply).status == 201
    assert desk.admin.put(f"/api/leads/{lead['id']}", {"city": "Columbus"}).status == 200
    assert desk.lead(lead)["status"] == "LOST"


def test_converted_lead_is_a_patient_and_pending_work_is_cancelled(desk: Desk):
    lead, patient_id = desk.capture(), str(uuid4())
    desk.plan(lead)
    converted = convert(desk, lead, converted_to_patient_id=patient_id).body
    assert (converted["status"], converted["pipeline_stage"]) == ("CONVERTED", "treatment_started")
    assert converted["converted_to_patient_id"] == patient_id
    assert {(step["state"], step["reason"]) for step in desk.steps(lead)} == {("cancelled", "converted")}
    [task] = desk.admin.every(f"/api/leads/{lead['id']}/tasks")
    assert (task["status"], task["cancelled_reason"]) == ("CANCELLED", "converted")


def test_converted_lead_is_read_only(desk: Desk):
    lead = desk.capture()
    task = f"/api/leads/tasks/{desk.plan(lead)['id']}"
    convert(desk, lead)
    path, before = f"/api/leads/{lead['id']}", desk.lead(lead)
    refused = [
        desk.admin.put(path, {"notes": "x"}),
        move(desk, lead, "lost", reason="OTHER"),
        convert(desk, lead),
        lose(desk, lead),
        assign(desk, lead, desk.admin.id),
        desk.admin.post(f"{path}/activities", {"type": "NOTE", "notes": "x"}),
        desk.admin.post(f"{path}/tasks", {"title": "Call", "type": "CALL", "due_at": now().isoformat()}),
        desk.admin.put(task, {"title": "x"}),
        desk.admin.post(f"{task}/complete", {}),
        desk.admin.post(f"{task}/cancel", {}),
        desk.admin.post(f"{task}/snooze", {"until": (now() + timedelta(hours=1)).isoformat()}),
    ]
    assert {(answer.status, answer.body["code"]) for answer in refused} == {(409, "lead-is-locked")}
    assert desk.lead(lead) == before
    assert desk.admin.get(f"{path}/automation").status == 200


def test_treatment_started_is_a_conversion_and_requires_its_permission(desk: Desk):
    lead = desk.capture()
    assert move(desk, lead, "treatment_started").status == 403
    moved = desk.coordinator.post(f"/api/leads/{lead['id']}/stage", {"stage": "treatment_started"})
    assert moved.body["status"] == "CONVERTED"


def test_assigned_lead_has_a_history(desk: Desk):
    ana, ben = desk.hire(Role.TREATMENT_COORDINATOR, "Ana"), desk.hire(Role.TREATMENT_COORDINATOR, "Ben")
    lead = desk.capture(assigned_to_id=ana.id)
    assigned = assign(desk, lead, ben.id).body
    assert assigned["assigned_to_id"] == ben.id
    assert assigned["assigned_at"] > lead["assigned_at"]
    entry = last_entry(desk, lead)
    assert (entry["type"], entry["notes"]) == ("ASSIGNMENT_CHANGE", "Ana → Ben")


def test_assignment_to_the_current_user_changes_nothing(desk: Desk):
    lead = desk.capture(assigned_to_id=desk.admin.id)
    assert assign(desk, lead, desk.admin.id).body == lead
    assert desk.timeline(lead) == []


def test_assignee_must_be_an_active_user_of_the_clinic(desk: Desk, other_desk: Desk):
    lead = desk.capture()
    gone = desk.hire(Role.TREATMENT_COORDINATOR, is_active=False)
    for user_id in (gone.id, other_desk.admin.id, str(uuid4())):
        assert assign(desk, lead, user_id).pointers == ["/assigned_to_id"]


@pytest.mark.parametrize(
    ("action", "allowed"),
    [
        ("assign", {Role.TREATMENT_COORDINATOR, Role.CLINIC_ADMIN, Role.MANAGER, Role.DISPATCHER}),
        ("convert", {Role.TREATMENT_COORDINATOR, Role.CLINIC_ADMIN, Role.MANAGER, Role.SALES}),
        ("lost", {Role.FRONT_DESK, Role.TREATMENT_COORDINATOR, Role.CLINIC_ADMIN, Role.MANAGER, Role.SALES}),
    ],
)
def test_actions_require_their_permissions(desk: Desk, action: str, allowed: set[Role]):
    body = {"assign": {"assigned_to_id": desk.admin.id}, "convert": {}, "lost": {"reason": "OTHER"}}[action]
    callers = {role: desk.caller(role) for role in Role}
    theirs = {role: desk.capture()["id"] for role in callers}
    for role, lead_id in theirs.items():
        desk.sql("UPDATE leads SET assigned_to_id = :user WHERE id = :id", user=callers[role].id, id=lead_id)
    statuses = {role: callers[role].post(f"/api/leads/{lead}/{action}", body).status for role, lead in theirs.items()}
    assert statuses == {role: 200 if role in allowed else 403 for role in Role}


def test_opt_out_cancels_messages_and_is_idempotent(desk: Desk):
    lead = desk.capture(email="ana@people.example")
    move(desk, lead, "consultation_scheduled", scheduled_for=(now() + timedelta(days=3)).isoformat())
    silent = desk.front_desk.post(f"/api/leads/{lead['id']}/opt-out")
    assert silent.status == 200
    [step] = desk.steps(lead, name="consultation-confirmation")
    assert (step["state"], step["reason"]) == ("cancelled", "opted_out")
    assert last_entry(desk, lead)["notes"] == "Opted out of messages."
    assert desk.front_desk.post(f"/api/leads/{lead['id']}/opt-out").body == silent.body


def test_opt_out_is_accepted_for_a_closed_lead(desk: Desk):
    lead = desk.capture()
    convert(desk, lead)
    assert desk.admin.post(f"/api/leads/{lead['id']}/opt-out").body["opted_out_at"] is not None


# --- reopening ---


def reopen(desk: Desk, lead: dict[str, Any], **given: Any) -> Any:
    return desk.coordinator.post(f"/api/leads/{lead['id']}/reopen", {"reason": "They called again.", **given})


def test_lost_lead_is_reopened_in_its_stage_before_the_loss(desk: Desk):
    lead = desk.capture()
    move(desk, lead, "pending_decision")
    lose(desk, lead, reason="RELOCATED", notes="To Ohio")
    answer = reopen(desk, lead)

    again = answer.body
    assert (answer.status, again["status"], again["pipeline_stage"]) == (200, "ACTIVE", "pending_decision")
    assert (again["lost_at"], again["lost_reason"], again["lost_notes"], again["failed_attempts"]) == (None,) * 3 + (0,)
    told = [(entry["type"], entry["new_stage"], entry["notes"]) for entry in desk.timeline(lead)][-2:]
    assert sorted(told, key=str) == [
        ("NOTE", None, "Reopened: They called again."),
        ("STAGE_CHANGE", "pending_decision", None),
    ]
    assert lose(desk, lead).status == 200


def test_lost_lead_is_reopened_in_the_first_stage_without_a_stage_before_the_loss(desk: Desk):
    lead = desk.capture()
    lose(desk, lead)
    desk.sql("DELETE FROM lead_activities WHERE type = 'STAGE_CHANGE'")
    assert reopen(desk, lead).body["pipeline_stage"] == "new_lead"


def test_lost_lead_is_reopened_in_the_stage_that_replaced_an_archived_one(desk: Desk):
    lead = desk.capture()
    move(desk, lead, "contacted")
    lose(desk, lead)
    desk.sql("UPDATE pipeline_stages SET archived_at = now(), moves_to = 'pending_decision' WHERE slug = 'contacted'")
    assert reopen(desk, lead).body["pipeline_stage"] == "pending_decision"


@pytest.mark.parametrize("name", ["reason", "notes"])
def test_reason_of_a_loss_is_refused_for_another_stage(desk: Desk, name: str):
    lead = desk.capture()
    given = {"stage": "contacted", name: "RELOCATED"}
    assert desk.admin.post(f"/api/leads/{lead['id']}/stage", given).pointers == [f"/{name}"]
    assert desk.lead(lead)["pipeline_stage"] == "new_lead"


def test_lead_is_reopened_in_the_named_stage(desk: Desk):
    lead = desk.capture()
    lose(desk, lead)
    assert reopen(desk, lead, stage="lost").pointers == ["/stage"]
    assert reopen(desk, lead, stage="nowhere").pointers == ["/stage"]
    assert reopen(desk, lead, stage="pending_decision").body["pipeline_stage"] == "pending_decision"
    assert [step["name"] for step in desk.steps(lead) if step["state"] in {"planned", "published"}] == [
        "pending-decision-check-in"
    ]


def test_cancelled_steps_stay_cancelled_after_reopening(desk: Desk):
    lead = desk.capture()
    lose(desk, lead)
    before = desk.steps(lead)
    reopen(desk, lead)
    assert desk.steps(lead) == before


@pytest.mark.parametrize("reason", [None, "", " "])
def test_reopening_requires_a_reason(desk: Desk, reason: str | None):
    lead = desk.capture()
    lose(desk, lead)
    given = {} if reason is None else {"reason": reason}
    assert desk.coordinator.post(f"/api/leads/{lead['id']}/reopen", given).pointers == ["/reason"]


def test_only_a_lost_lead_can_be_reopened(desk: Desk):
    lead = desk.capture()
    answer = reopen(desk, lead)
    assert (answer.status, answer.body["code"]) == (409, "lead-is-not-lost")
    desk.admin.post(f"/api/leads/{lead['id']}/convert", {})
    answer = reopen(desk, lead)
    assert (answer.status, answer.body["code"]) == (409, "lead-is-locked")
