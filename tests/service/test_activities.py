"""Concurrent activities on one lead."""

from functools import partial

from tests.support.concurrency import run_concurrently
from tests.support.desk import Desk

pytest_plugins = ["tests.support.desk"]


def test_concurrent_attempts_are_all_counted(desk: Desk):
    lead = desk.capture()
    attempt = {"type": "PHONE_CALL", "outcome": "no_answer"}
    people = (desk.admin, desk.coordinator, desk.front_desk)
    run_concurrently(*(partial(who.post, f"/api/leads/{lead['id']}/activities", attempt) for who in people))
    assert desk.lead(lead)["failed_attempts"] == 3
    assert len(desk.steps(lead, name="break-up-email")) == 2  # the message and the suggestion, once each


def test_reply_during_the_third_attempt_cancels_the_break_up(desk: Desk):
    for _ in range(5):
        lead = desk.capture()
        path = f"/api/leads/{lead['id']}/activities"
        attempt = {"type": "PHONE_CALL", "outcome": "no_answer"}
        for _attempt in range(2):
            desk.admin.post(path, attempt)
        run_concurrently(
            partial(desk.admin.post, path, attempt),
            partial(desk.coordinator.post, path, {"type": "SMS", "direction": "INBOUND"}),
        )
        after = desk.lead(lead)
        pending = {step["state"] for step in desk.steps(lead, name="break-up-email")} - {"cancelled"}
        assert after["failed_attempts"] in {0, 1}  # the reply came last, or the attempt did
        assert not pending
