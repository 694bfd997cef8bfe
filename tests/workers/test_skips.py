"""Guards of due steps, and reasons to skip them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from app.engine.models import Kind, Reason
from tests.support.practice import TUESDAY, Practice, Watch, at, sql
from workers.sweeps.run import sweep

OURS = """
name: ours
rules:
  - name: first-call
    on: lead.created
    after: 1 hour
    only_if: [{field: lead.email, exists: true}]
    skip_when_later_than: 2 hours
    do: [{create_task: {type: CALL, title: Call}}]
"""


def disable_stops(step: Any) -> Any:
    """Disable cancellation, as if the stop and the step happened at the same moment; only the guard remains."""
    sql("UPDATE steps SET stop_on = '{}' WHERE id = :id", id=step.id)
    return step


def escalation(practice: Practice, watch: Watch) -> Any:
    step = disable_stops(practice.step(practice.capture(), name="no-contact-24h"))
    watch.advance(hours=24)
    return step


def reminder(practice: Practice, watch: Watch) -> Any:
    lead = practice.capture()
    practice.plan(lead, TUESDAY + timedelta(hours=1))
    step = disable_stops(practice.step(lead, kind="remind"))
    watch.set(step.due_at)
    return step


def overdue_escalation(practice: Practice, watch: Watch) -> Any:
    lead = practice.capture()
    practice.plan(lead, TUESDAY + timedelta(hours=1), type="FOLLOW_UP")  # which a conversation does not complete
    watch.advance(hours=2)
    sweep("mark_overdue_tasks")
    step = disable_stops(practice.step(lead, name="overdue-24h"))
    watch.advance(hours=24)
    return step


def follow_up(practice: Practice, watch: Watch) -> Any:
    lead = practice.capture()
    practice.log(lead, "CONSULTATION_COMPLETED")
    step = disable_stops(practice.step(lead, name="post-consult-follow-up"))
    watch.advance(days=3)
    return step


def check_in(practice: Practice, watch: Watch) -> Any:
    lead = practice.capture()
    practice.move(lead, "pending_decision")
    step = disable_stops(practice.step(lead, name="pending-decision-check-in"))
    watch.advance(days=7)
    return step


def break_up(practice: Practice, watch: Watch) -> Any:
    lead = practice.capture()
    practice.fail_to_reach(lead)
    return disable_stops(practice.step(lead, kind="send_message"))


def confirmation(practice: Practice, watch: Watch) -> Any:
    lead = practice.capture()
    practice.log(lead, "CONSULTATION_SCHEDULED", scheduled_for=TUESDAY + timedelta(days=2))
    return disable_stops(practice.step(lead, name="consultation-confirmation"))


def suggestion(practice: Practice, watch: Watch) -> Any:
    lead = practice.capture()
    practice.fail_to_reach(lead)
    return disable_stops(practice.step(lead, kind="suggest_lost"))


def first_call(practice: Practice, watch: Watch) -> Any:
    return practice.step(practice.capture(), name="speed-to-lead")


def lead_is(**columns: Any) -> Callable[[Practice, Any], None]:
    sets = ", ".join(f"{name} = :{name}" for name in columns)
    return lambda _, step: sql(f"UPDATE leads SET {sets} WHERE id = :lead", lead=step.lead_id, **columns) and None


@pytest.mark.parametrize(
    ("plan", "meanwhile", "reason"),
    [
        (escalation, lambda ours, step: ours.speak_with(step.lead_id), Reason.ALREADY_CONTACTED),
        (overdue_escalation, lambda ours, step: ours.speak_with(step.lead_id), Reason.ALREADY_CONTACTED),
        (overdue_escalation, lambda ours, step: ours.complete(step.params["task_id"]), Reason.TASK_DONE),
        (break_up, lambda ours, step: ours.speak_with(step.lead_id), Reason.ALREADY_CONTACTED),
        (break_up, lambda ours, step: ours.hear_from(step.lead_id), Reason.ALREADY_CONTACTED),
        (break_up, lambda ours, step: ours.opt_out(step.lead_id), Reason.OPTED_OUT),
        (break_up, lead_is(sealed=None), Reason.NO_ADDRESS),
        (confirmation, lambda ours, step: ours.opt_out(step.lead_id), Reason.OPTED_OUT),
        (follow_up, lambda ours, step: ours.move(step.lead_id, "pending_decision"), Reason.LEFT_STAGE),
        (check_in, lambda ours, step: ours.move(step.lead_id, "treatment_accepted"), Reason.LEFT_STAGE),
        (check_in, lambda ours, step: ours.convert(step.lead_id), Reason.CONVERTED),
        (check_in, lambda ours, step: ours.lose(step.lead_id), Reason.LOST),
        (check_in, lead_is(status="ARCHIVED"), Reason.ARCHIVED),
        (check_in, lead_is(deleted_at=TUESDAY), Reason.LEAD_GONE),
        (suggestion, lead_is(lost_suggested_at=TUESDAY), Reason.ALREADY_SUGGESTED),
        (reminder, lambda ours, step: ours.complete(step.params["task_id"]), Reason.TASK_DONE),
        (reminder, lambda ours, step: ours.cancel(step.params["task_id"]), Reason.TASK_CANCELLED),
        (reminder, lambda ours, step: ours.retime(step.params["task_id"], at("2026-03-12 10:00")), Reason.TASK_MOVED),
        (reminder, lambda *_: sql("DELETE FROM lead_tasks") and None, Reason.TASK_GONE),
        (reminder, lambda ours, _: ours.rehire(is_active=False), Reason.NOBODY_TO_TELL),
        (reminder, lambda ours, _: ours.change_rule("task-reminder", active=False), Reason.RULE_INACTIVE),
        (escalation, lambda ours, _: ours.rehire(role="doctor"), Reason.NOBODY_TO_TELL),
        (first_call, lambda ours, _: ours.rehire(is_active=False), Reason.NOBODY_TO_TELL),
        (first_call, lambda ours, _: ours.change_rule("speed-to-lead", active=False), Reason.RULE_INACTIVE),
    ],
)  # fmt: skip
def test_obsolete_step_is_skipped_with_a_reason(
    practice: Practice, watch: Watch, plan: Callable[..., Any], meanwhile: Callable[..., None], reason: Reason
):
    step = plan(practice, watch)
    meanwhile(practice, step)
    practice.run(step.kind, step)

    after = practice.step(id=step.id)
    assert (after.state, after.reason) == ("skipped", reason)
    assert (after.error, after.attempts, after.finished_at) == (None, 1, after.due_at)
    for table in ("lead_tasks", "notifications", "lead_activities"):
        assert not practice.rows(table, step_id=step.id)


def test_reminder_of_a_past_time_is_not_sent(practice: Practice, watch: Watch):
    lead = practice.capture()
    practice.plan(lead, TUESDAY + timedelta(hours=1))
    watch.advance(hours=1)  # it did not run in time

    practice.run(Kind.REMIND)

    assert practice.step(lead, kind="remind").reason == Reason.TOO_LATE
    assert not practice.rows("notifications")


@pytest.mark.parametrize(
    ("hours", "state", "reason", "outcome"),
    [
        (1, "done", None, None),
        (3, "done", None, None),  # exactly as late as is allowed
        (3.001, "skipped", Reason.TOO_LATE, {"late_seconds": 7203}),  # 2.001 h
    ],
)
def test_each_rule_has_its_own_lateness_limit(
    open_practice: Callable[..., Practice], watch: Watch, hours: float, state: str, reason: str, outcome: Any
):
    practice = open_practice(playbook=OURS)
    practice.capture()
    watch.advance(hours=hours)
    practice.run(Kind.CREATE_TASK)

    step = practice.step()
    assert (step.state, step.reason) == (state, reason)
    assert outcome is None or step.outcome == outcome


def test_step_without_a_lateness_policy_always_runs(practice: Practice, watch: Watch):
    lead = practice.capture()
    watch.advance(days=30)
    practice.run(Kind.CREATE_TASK)

    assert practice.step(lead, name="speed-to-lead").state == "done"


def test_unmet_custom_condition_is_named(open_practice: Callable[..., Practice], watch: Watch):
    practice = open_practice(playbook=OURS)
    practice.capture(email=None)
    watch.advance(hours=1)
    practice.run(Kind.CREATE_TASK)

    step = practice.step()
    assert (step.state, step.reason) == ("skipped", Reason.CONDITION_NOT_MET)
    assert step.outcome == {"unmet": {"field": "lead.email", "exists": True}}


def test_message_at_night_is_snoozed_until_morning(practice: Practice, watch: Watch):
    lead = practice.capture()
    practice.fail_to_reach(lead)
    sql("UPDATE leads SET timezone = 'Pacific/Honolulu'")  # found out after the step was planned: it is 5:00 there
    practice.run(Kind.SEND_MESSAGE)

    step = practice.step(lead, kind="send_message")
    assert (step.state, step.reason, step.attempts) == ("planned", Reason.OUTSIDE_HOURS, 0)
    assert (step.due_at, step.finished_at, step.published_at) == (at("2026-03-10 14:00"), None, None)
    assert not practice.rows("notifications")

    watch.set(step.due_at)
    practice.run(Kind.SEND_MESSAGE)

    step = practice.step(lead, kind="send_message")
    assert (step.state, step.reason, step.attempts) == ("done", None, 1)


def test_transactional_message_is_sent_at_night(practice: Practice, watch: Watch):
    watch.set(at("2026-03-10 02:00"))
    lead = practice.capture()
    practice.log(lead, "CONSULTATION_SCHEDULED", scheduled_for=at("2026-03-12 10:00"))
    practice.run(Kind.SEND_MESSAGE)

    assert practice.step(lead, kind="send_message").state == "done"
    assert "Thursday, March 12, 2026 at 10:00 AM" in practice.row("notifications").body


def test_reactivated_rule_runs_its_planned_steps(practice: Practice):
    lead = practice.capture()
    practice.change_rule("speed-to-lead", active=False)
    practice.change_rule("speed-to-lead", active=True)
    practice.run(Kind.CREATE_TASK)

    assert practice.step(lead, name="speed-to-lead").state == "done"
