"""Next best action: one act with its reason, accepted or dismissed, and counted."""

from datetime import timedelta
from typing import Any

from app.clock import now
from app.identity.models import Role
from tests.support.desk import Answer, Desk


def suggested(desk: Desk, lead: dict[str, Any]) -> dict[str, Any]:
    answer = desk.admin.get(f"/api/leads/{lead['id']}/next-action")
    assert answer.status == 200, answer.body
    shown: dict[str, Any] = answer.body
    return shown


def log(desk: Desk, lead: dict[str, Any], **entry: Any) -> None:
    answer = desk.admin.post(f"/api/leads/{lead['id']}/activities", entry)
    assert answer.status == 201, answer.body


def idle(desk: Desk, **more: Any) -> dict[str, Any]:
    """Return a lead without tasks and steps."""
    lead = desk.capture(**more)
    desk.sql("UPDATE steps SET state = 'cancelled'")
    desk.sql("UPDATE lead_tasks SET status = 'CANCELLED'")
    return lead


def say(desk: Desk, lead: dict[str, Any], act: str, answer: str, **more: Any) -> Answer:
    return desk.admin.post(f"/api/leads/{lead['id']}/next-action/{answer}", {"act": act, **more})


def test_reply_comes_first_and_ends_with_the_answer(desk: Desk):
    lead = idle(desk)
    assert suggested(desk, lead)["act"] == "first_contact"
    log(desk, lead, type="EMAIL", direction="INBOUND")
    shown = suggested(desk, lead)
    assert shown["act"] == "reply"
    assert "nobody has answered" in shown["reason"]
    assert [fact["field"] for fact in shown["facts"]] == ["lead.replied_at", "lead.contacted_at"]
    log(desk, lead, type="PHONE_CALL", outcome="spoke")
    desk.sql("UPDATE steps SET state = 'cancelled'")
    assert suggested(desk, lead)["act"] == "book_consultation"


def test_first_contact_is_not_suggested_after_an_opt_out(desk: Desk):
    lead = idle(desk)
    desk.sql("UPDATE leads SET opted_out_at = now() WHERE id = :id", id=lead["id"])
    assert suggested(desk, lead)["act"] == "none"
    desk.sql("UPDATE leads SET replied_at = now() WHERE id = :id", id=lead["id"])
    assert suggested(desk, lead)["act"] == "reply"


def test_due_task_is_named(desk: Desk):
    lead = idle(desk)
    desk.plan(lead, title="Send the offer", due_at=(now() + timedelta(hours=2)).isoformat())
    shown = suggested(desk, lead)
    assert shown["act"] == "do_task"
    assert "Send the offer" in shown["reason"]


def test_later_task_is_waited_for(desk: Desk):
    lead = idle(desk)
    log(desk, lead, type="PHONE_CALL", outcome="no_answer")
    desk.plan(lead, due_at=(now() + timedelta(days=4)).isoformat())
    assert suggested(desk, lead)["act"] == "wait"


def test_three_attempts_without_answer_suggest_to_close(desk: Desk):
    lead = idle(desk)
    for _ in range(3):
        log(desk, lead, type="PHONE_CALL", outcome="no_answer")
    desk.sql("UPDATE steps SET state = 'cancelled'")
    desk.sql("UPDATE lead_tasks SET status = 'CANCELLED'")
    assert suggested(desk, lead)["act"] == "close_as_lost"


def test_closed_lead_has_no_action(desk: Desk):
    lead = idle(desk)
    desk.admin.post(f"/api/leads/{lead['id']}/lost", {"reason": "OTHER"})
    assert suggested(desk, lead)["act"] == "none"
    assert say(desk, lead, "none", "accept").status == 409


def test_dismissed_act_returns_only_with_new_facts(desk: Desk):
    lead = idle(desk)
    log(desk, lead, type="EMAIL", direction="INBOUND")
    dismissed = say(desk, lead, "reply", "dismiss", reason="It was spam.")
    assert dismissed.status == 200, dismissed.body
    assert dismissed.body["act"] != "reply"
    assert say(desk, lead, "reply", "dismiss", reason="Again.").status == 409
    log(desk, lead, type="EMAIL", direction="INBOUND")
    assert suggested(desk, lead)["act"] == "reply"
    assert say(desk, lead, "reply", "dismiss").pointers == ["/reason"]


def test_answers_are_counted_by_act(desk: Desk):
    first, second, third = (idle(desk) for _ in range(3))
    say(desk, first, "first_contact", "accept")
    say(desk, second, "first_contact", "accept")
    say(desk, third, "first_contact", "dismiss", reason="Wrong number.")
    report = desk.admin.get("/api/leads/analytics/next-actions").body
    [row] = report["acts"]
    assert (row["act"], row["accepted"], row["dismissed"]) == ("first_contact", 2, 1)
    assert abs(row["acceptance_rate"] - 2 / 3) < 1e-9
    assert desk.admin.get("/api/leads/analytics/next-actions", to="2020-01-01").body["acts"] == []
    assert desk.hire(Role.SALES).get("/api/leads/analytics/next-actions").status == 403


def test_reason_of_a_dismissal_is_encrypted(desk: Desk):
    lead = idle(desk)
    say(desk, lead, "first_contact", "dismiss", reason="Ana is ill.")
    [row] = desk.sql("SELECT * FROM next_action_answers")
    assert b"Ana" not in bytes(row.sealed)
