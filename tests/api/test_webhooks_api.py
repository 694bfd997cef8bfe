"""Webhook endpoints over the API: settings, log, test, replay and event types."""

from typing import Any

import pytest

from app.engine.events.events import EventName
from app.identity.permissions import Permission
from tests.support.desk import Desk

pytest_plugins = ["tests.support.desk", "tests.support.practice"]

URL = "https://8.8.8.8/hook?token=x"


def add(desk: Desk, **more: Any) -> dict[str, Any]:
    answer = desk.admin.post("/api/webhooks", {"url": URL, **more})
    assert answer.status == 201, answer.body
    made: dict[str, Any] = answer.body
    return made


def log_of(desk: Desk, hook: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    return list(desk.admin.every(f"/api/webhooks/{hook['id']}/deliveries", **query))


def test_webhooks_can_be_created_listed_changed_and_deleted(desk: Desk):
    made = add(desk, events=["lead.created", "custom.paid"], description="CRM")
    assert made["secret"].startswith("whsec_")
    assert (made["is_active"], made["ordered"], made["include_lead"], made["failures"]) == (True, False, False, 0)
    shown = desk.admin.get(f"/api/webhooks/{made['id']}")
    assert shown.body == {name: value for name, value in made.items() if name != "secret"}
    edited = desk.admin.patch(f"/api/webhooks/{made['id']}", {"events": ["*"]}, seen=shown.headers["ETag"])
    assert (edited.status, edited.body["events"], edited.body["description"]) == (200, ["*"], "CRM")
    assert desk.admin.patch(f"/api/webhooks/{made['id']}", {}, seen=shown.headers["ETag"]).status == 412
    assert [one["id"] for one in desk.admin.every("/api/webhooks", is_active="true")] == [made["id"]]
    new = desk.admin.post(f"/api/webhooks/{made['id']}/rotate-secret").body
    assert new["secret"] != made["secret"]
    assert desk.admin.delete(f"/api/webhooks/{made['id']}").status == 204
    assert desk.admin.get(f"/api/webhooks/{made['id']}").status == 404


@pytest.mark.parametrize(
    ("more", "pointers"),
    [
        ({"url": "https://127.0.0.1/"}, ["/url"]),
        ({"url": "http://8.8.8.8/"}, ["/url"]),
        ({"events": []}, ["/events"]),
        ({"events": ["lead.created", "lead.eaten"]}, ["/events/1"]),
        ({"events": ["lead.eaten"], "url": "https://127.0.0.1/", "ordered": 1}, ["/events/0", "/ordered", "/url"]),
    ],
)
def test_invalid_webhooks_are_refused_with_every_mistake(desk: Desk, more: dict[str, Any], pointers: list[str]):
    answer = desk.admin.post("/api/webhooks", {"url": URL, **more})
    assert answer.status == 422
    assert sorted(error["pointer"] for error in answer.body["errors"]) == pointers


def test_url_and_secret_are_stored_encrypted(desk: Desk):
    made = add(desk)
    [row] = desk.sql("SELECT to_jsonb(w)::text AS whole FROM webhook_endpoints w")
    assert URL not in row.whole
    assert made["secret"] not in row.whole


def test_lead_in_calls_needs_all_leads(desk: Desk):
    caller = desk.program(Permission.NOTIFICATION_MANAGE)
    refused = caller.post("/api/webhooks", {"url": URL, "include_lead": True})
    assert [error["pointer"] for error in refused.body["errors"]] == ["/include_lead"]
    assert caller.post("/api/webhooks", {"url": URL}).status == 201
    assert desk.coordinator.get("/api/webhooks").status == 403


def test_log_shows_deliveries_newest_first(desk: Desk):
    hook = add(desk, events=["lead.created"])
    leads = [desk.capture()["id"] for _ in range(2)]
    assert [one["lead_id"] for one in log_of(desk, hook)] == leads[::-1]
    assert [one["lead_id"] for one in log_of(desk, hook, lead_id=leads[0])] == leads[:1]
    assert log_of(desk, hook, state="failed") == []
    [first, _] = log_of(desk, hook)
    assert (first["type"], first["state"], first["attempts"], first["response"]) == ("lead.created", "pending", 0, None)
    assert first["next_attempt_at"] == first["created_at"]


def test_test_event_and_replay_are_added_to_the_log(desk: Desk):
    hook = add(desk)
    test = desk.admin.post(f"/api/webhooks/{hook['id']}/test")
    assert (test.status, test.body["type"], test.body["event_id"]) == (202, "webhook.test", None)
    path = f"/api/webhooks/{hook['id']}/deliveries/{test.body['id']}/replay"
    desk.sql("UPDATE webhook_deliveries SET state = 'failed', attempts = 10")
    again = desk.admin.post(path)
    assert (again.status, again.body["id"], again.body["state"]) == (202, test.body["id"], "pending")
    desk.sql("UPDATE webhook_deliveries SET state = 'sending'")
    assert desk.admin.post(path).status == 409
    desk.capture()
    count = desk.admin.post(f"/api/webhooks/{hook['id']}/replay", {"since": "2026-01-01T00:00:00Z", "dry_run": True})
    assert (count.status, count.body["dry_run"]) == (202, True)
    assert count.body["replayed"] >= 1


def test_inactive_webhook_takes_no_test_and_no_event(desk: Desk):
    hook = add(desk, is_active=False)
    desk.capture()
    assert log_of(desk, hook) == []
    for path in ("test", "replay"):
        answer = desk.admin.post(f"/api/webhooks/{hook['id']}/{path}", {"since": "2026-01-01T00:00:00Z"})
        assert (path, answer.status) == (path, 409 if path == "replay" else answer.status)
    assert desk.admin.post(f"/api/webhooks/{hook['id']}/test").status == 409


def test_number_of_webhooks_is_limited(desk: Desk):
    for _ in range(20):
        add(desk)
    assert desk.admin.post("/api/webhooks", {"url": URL}).body["code"] == "too-many-webhooks"


def test_every_event_type_has_an_example(desk: Desk):
    types = desk.admin.get("/api/webhooks/event-types").body["items"]
    assert {one["name"] for one in types} == {*EventName, "custom.<name>", "webhook.test"}
    assert all(one["example"]["type"] == one["name"] for one in types)
    created = next(one["example"] for one in types if one["name"] == "lead.created")
    assert {"event_id", "lead_id", "clinic_id", "endpoint_id", "changed"} == created["data"].keys()
