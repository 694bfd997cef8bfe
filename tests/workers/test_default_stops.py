"""Messages to a lead stop by default: on a reply, an opt-out, a conversion and a loss."""

from collections.abc import Callable
from typing import Any

import pytest

from app.automation.lead_view.steps import automation_of
from app.core.db import transaction
from tests.support.practice import Practice, Watch

pytest_plugins = ["tests.support.practice"]

SEND = "{send_message: {channel: email, template: hello}}"
CONFIRM = "{send_message: {channel: email, template: hello, transactional: true}}"
BRANCH = f"{{branch: {{if: [{{field: lead.status, equals: NEW}}], then: [{SEND}]}}}}"
CALL = "{create_task: {type: CALL, title: Call}}"
TEMPLATES = """
templates:
  hello: {subject: Hello, body: "Hello {{ lead.first_name }}"}
"""
STOPS: dict[str, Callable[[Practice, Any], None]] = {
    "replied": Practice.hear_from,
    "opted_out": Practice.opt_out,
    "converted": Practice.convert,
    "lost": Practice.lose,
}
every_stop = pytest.mark.parametrize("reason", STOPS)


@pytest.fixture
def open_with(open_practice: Callable[..., Practice]) -> Callable[..., Practice]:
    def open_rule(do: str, **more: str) -> Practice:
        parts = "".join(f"\n    {key}: {value}" for key, value in {"after": "1 hour", **more}.items())
        rules = f"  - name: write\n    on: lead.created\n    do: [{do}]{parts}\n"
        return open_practice(playbook=f"name: ours\nrules:\n{rules}{TEMPLATES}")

    return open_rule


def stop(practice: Practice, reason: str) -> Any:
    """Capture a lead, stop it, and return its step as `/automation` shows it."""
    lead = practice.capture()
    STOPS[reason](practice, lead)
    return shown(practice, lead)


def shown(practice: Practice, lead: Any) -> Any:
    with transaction() as session:
        found = automation_of(session, practice.actor(), lead, {"limit": 100, "with_total": False}).items
    [step] = [one for one in found if one["name"] == "write"]
    return step["state"], step["reason"]


@every_stop
def test_message_of_a_rule_without_stop_on_is_cancelled_at_once(open_with: Callable[..., Practice], reason: str):
    assert stop(open_with(SEND), reason) == ("cancelled", reason)


@every_stop
def test_other_stop_events_are_added_to_the_default(open_with: Callable[..., Practice], reason: str):
    assert stop(open_with(SEND, stop_on="[lead.stage_left]"), reason) == ("cancelled", reason)


@every_stop
def test_branch_with_a_message_is_cancelled_at_once(open_with: Callable[..., Practice], reason: str):
    assert stop(open_with(BRANCH), reason) == ("cancelled", reason)


@every_stop
def test_transactional_message_without_stop_on_is_cancelled_at_once(open_with: Callable[..., Practice], reason: str):
    assert stop(open_with(CONFIRM), reason) == ("cancelled", reason)


def test_empty_stop_on_turns_the_default_off(open_with: Callable[..., Practice], watch: Watch):
    practice = open_with(SEND, stop_on="[]")
    lead = practice.capture()
    practice.hear_from(lead)
    assert shown(practice, lead) == ("planned", None)
    watch.advance(hours=1)
    practice.run_due()
    assert practice.row("notifications", lead_id=lead).template == "hello"


def test_list_of_a_transactional_message_replaces_the_default(open_with: Callable[..., Practice]):
    assert stop(open_with(CONFIRM, stop_on="[lead.lost]"), "replied") == ("planned", None)


def test_task_without_stop_on_is_not_cancelled_by_a_reply(open_with: Callable[..., Practice]):
    assert stop(open_with(CALL), "replied") == ("planned", None)


def test_written_message_that_waits_for_delivery_is_cancelled_at_once(open_with: Callable[..., Practice]):
    practice = open_with(SEND, after="0 seconds")
    lead = practice.capture()
    practice.run_due()
    practice.hear_from(lead)
    assert [(step.state, step.reason) for step in practice.steps(lead, kind="deliver")] == [("cancelled", "replied")]


def test_message_after_a_loss_is_planned_and_stops_on_a_reply(open_practice: Callable[..., Practice]):
    rules = f"  - {{name: write, on: lead.lost, after: 30 days, do: [{SEND}]}}\n"
    practice = open_practice(playbook=f"name: ours\nrules:\n{rules}{TEMPLATES}")
    lead = practice.capture()
    practice.lose(lead)
    assert shown(practice, lead) == ("planned", None)
    practice.hear_from(lead)
    assert shown(practice, lead) == ("cancelled", "replied")
