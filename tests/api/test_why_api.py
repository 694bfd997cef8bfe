"""Explanations of automation, and custom events of integrations."""

from typing import Any

import pytest

from tests.support.desk import Desk

pytest_plugins = ["tests.support.desk"]

RULES = "/api/follow-up-rules"
CALL = {"create_task": {"type": "CALL", "title": "Call"}}


def rule(desk: Desk, **parts: Any) -> dict[str, Any]:
    answer = desk.admin.post(RULES, {"on": "lead.created", "do": [CALL], **parts})
    assert answer.status == 201, answer.body
    made: dict[str, Any] = answer.body
    return made


def why(desk: Desk, lead: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    return desk.admin.every(f"/api/leads/{lead['id']}/why", **query)


def test_explanation_of_a_matching_rule_lists_its_steps(desk: Desk):
    rule(desk, name="call-soon", after={"time": "1 day", "at": "09:00"})
    lead = desk.capture()
    [event] = why(desk, lead, rule="call-soon")
    [decision] = event["decisions"]
    [step] = event["steps"]
    assert (event["event"], event["led_by"], decision["verdict"]) == ("lead.created", [], "matched")
    assert decision["because"].startswith("call-soon (version 1) acted on lead.created: it planned create_task for")
    assert "by the hour of the day that the rule names" in decision["because"]
    assert (step["state"], step["because"].startswith("call-soon: create_task is planned for")) == ("planned", True)


def test_automation_of_a_lead_names_rule_version_and_events(desk: Desk):
    made = rule(desk, name="call-soon", after={"time": "1 day", "at": "09:00"})
    desk.admin.patch(f"{RULES}/{made['id']}", {"after": {"time": "2 days", "at": "09:00"}})
    rule(desk, name="call-now")
    lead = desk.capture()
    [soon] = desk.steps(lead, name="call-soon")
    assert (soon["rule"], soon["rule_version"], soon["state"], soon["reason"]) == ("call-soon", 2, "planned", None)
    assert [move["by"] for move in soon["moves"]] == ["hour_of_day"]
    assert (soon["moves"][0]["to"], soon["wanted_at"] != soon["due_at"]) == (soon["due_at"], True)
    [at_once] = desk.steps(lead, name="call-now")
    assert (at_once["rule"], at_once["rule_version"], at_once["wanted_at"], at_once["moves"]) == (
        "call-now",
        1,
        None,
        [],
    )


def test_steps_without_a_rule_or_with_a_deleted_event_are_listed(desk: Desk):
    rule(desk, name="call-soon", after={"time": "1 day", "at": "09:00"})
    lead = desk.capture()
    desk.sql("DELETE FROM events WHERE lead_id = :l", l=lead["id"])
    desk.sql("UPDATE steps SET cause = '{}' WHERE lead_id = :l AND name <> 'call-soon'", l=lead["id"])
    assert {step["rule"] for step in desk.steps(lead)} == {"call-soon", None}
    [soon] = desk.steps(lead, name="call-soon")
    assert [move["by"] for move in soon["moves"]] == ["hour_of_day"]


def test_explanation_names_the_unmet_condition(desk: Desk):
    asked = [{"field": "lead.status", "equals": "NEW"}, {"field": "lead.tags", "contains": "vip"}]
    rule(desk, name="vip", when=asked)
    [event] = why(desk, desk.capture(tags=["new", "berlin"]), rule="vip")
    [decision] = event["decisions"]
    assert decision["because"] == (
        "vip (version 1) did not act on lead.created: lead.tags is new, berlin, but must contain vip."
    )
    assert decision["details"] == {"condition": asked[1], "value": ["new", "berlin"]}
    assert event["steps"] == []


def test_empty_value_is_shown_as_null(desk: Desk):
    rule(desk, name="vip", when=[{"field": "lead.tags", "contains": "vip"}])
    [event] = why(desk, desk.capture(), rule="vip")
    assert "lead.tags is nothing, but must contain vip" in event["decisions"][0]["because"]


def test_address_is_shown_only_as_present(desk: Desk):
    rule(desk, name="gmail", when=[{"field": "lead.email", "contains": "@gmail"}])
    lead = desk.capture(email="canary@lead.example")
    assert "canary" not in str(why(desk, lead))
    assert "canary" not in str(desk.sql("SELECT facts, decisions FROM events"))
    [event] = why(desk, lead, rule="gmail")
    assert "lead.email is there, but must contain @gmail" in event["decisions"][0]["because"]


def test_event_of_a_step_is_found(desk: Desk):
    lead = desk.capture()
    desk.admin.post(f"/api/leads/{lead['id']}/activities", {"type": "NOTE", "notes": "x"})
    [step] = desk.steps(lead, name="no-contact-24h")
    [event] = why(desk, lead, step=step["id"])
    assert event["event"] == "lead.created"
    assert step["id"] in {one["id"] for one in event["steps"]}


def test_events_are_listed_latest_first(desk: Desk):
    lead = desk.capture()
    desk.admin.post(f"/api/leads/{lead['id']}/activities", {"type": "PHONE_CALL", "outcome": "spoke"})
    events = [event["event"] for event in why(desk, lead)]
    assert events == ["lead.stage_changed", "lead.contacted", "activity.logged", "lead.created"]
    created_at = desk.lead(lead)["created_at"]
    assert [event["event"] for event in why(desk, lead, at=created_at)] == ["lead.created"]


def test_custom_event_triggers_a_rule(desk: Desk):
    """bansalcrm2-follow-up-guide.md, use case 8: the pricing page viewed five times."""
    asked = [{"field": "event.data.page", "equals": "pricing"}, {"field": "event.data.views", "greater_than": 4}]
    rule(desk, name="hot-lead", on="custom.page_viewed", when=asked)
    lead = desk.capture()
    for views, steps in ((4, 0), (5, 1)):
        said = {"name": "custom.page_viewed", "lead_id": lead["id"], "data": {"page": "pricing", "views": views}}
        assert desk.admin.post("/api/events", said).status == 201
        assert len(desk.steps(lead, name="hot-lead")) == steps


def test_repeated_custom_event_plans_once(desk: Desk):
    rule(desk, name="hot-lead", on="custom.page_viewed")
    lead = desk.capture()
    for key, steps in (("a", 1), ("a", 1), ("b", 2)):
        said = {"name": "custom.page_viewed", "lead_id": lead["id"], "key": key}
        assert desk.admin.post("/api/events", said).status == 201
        assert len(desk.steps(lead, name="hot-lead")) == steps


def test_custom_event_cancels_waiting_steps(desk: Desk):
    """Use case 2: a payment ends the reminders."""
    rule(desk, name="payment-reminder", on="custom.invoice_sent", after="3 days", stop_on="custom.invoice_paid")
    lead = desk.capture()
    for name in ("custom.invoice_sent", "custom.invoice_paid"):
        desk.admin.post("/api/events", {"name": name, "lead_id": lead["id"]})
    [step] = desk.steps(lead, name="payment-reminder")
    assert (step["state"], step["reason"]) == ("cancelled", "stopped")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": "page_viewed"}, "/name"),
        ({"name": "lead.converted"}, "/name"),
        ({"data": {"Page": 1}}, "/data/Page"),
        ({"data": {"page": ["x"]}}, "/data/page"),
        ({"data": {"page": "x" * 501}}, "/data/page"),
        ({"data": {f"k{i}": 1 for i in range(31)}}, "/data"),
        ({"occurred_at": "2999-01-01T00:00:00Z"}, "/occurred_at"),
    ],
)
def test_invalid_event_is_refused(desk: Desk, change: dict[str, Any], pointer: str):
    said = {"name": "custom.page_viewed", "lead_id": desk.capture()["id"], **change}
    assert desk.admin.post("/api/events", said).pointers == [pointer]
    assert desk.sql("SELECT 1 FROM events WHERE name LIKE 'custom%'") == []


def test_events_of_a_duplicate_move_to_the_survivor(desk: Desk):
    lead, duplicate = desk.capture(), desk.capture()
    assert desk.admin.post(f"/api/leads/{lead['id']}/merge", {"lead_id": duplicate["id"]}).status == 200
    assert [event["event"] for event in why(desk, lead)] == ["lead.merged", "lead.created", "lead.created"]
