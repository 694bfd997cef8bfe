"""Notifications over REST: a user's own, and the clinic's with their delivery status."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.core.db import insert_many, new_id, transaction
from app.engine.models import BegunBy, Step
from app.identity.models import Role
from app.messaging.channels.registry import CHANNELS
from app.messaging.compose import MessageMetadata, Recipient, compose, delivery_step, insert_notifications
from app.messaging.models import Delivery, NotificationState
from app.messaging.rendering.render import Wording
from tests.support.desk import Caller, Desk

NOW = datetime(2026, 3, 9, 12, 0, tzinfo=UTC)


def notify(desk: Desk, caller: Caller, channel: str = "email", **given: Any) -> str:
    """Insert a message to a user of the clinic; `given` are columns of it."""
    rows = compose(
        Wording("Coming up: call Mia", "Hello Ann"),
        Recipient(UUID(caller.id), "ann@clinic.example"),
        metadata=MessageMetadata(desk.clinic_id, template="task-reminder"),
        channels=[channel],
        at=NOW,
    )
    with transaction() as session:
        insert_notifications(session, [rows[0] | given])
    return str(rows[0]["id"])


def deliveries_planned(desk: Desk) -> int:
    count: int = desk.sql("SELECT count(*) FROM steps WHERE kind LIKE 'deliver%'")[0][0]
    return count


# --- one's own ---


def test_users_see_their_in_app_messages_newest_first(desk: Desk):
    mine = [notify(desk, desk.coordinator, "in_app") for _ in range(3)]
    notify(desk, desk.coordinator, "email")
    notify(desk, desk.admin, "in_app")

    items = desk.coordinator.every("/api/notifications/mine", limit=2)

    assert [item["id"] for item in items] == list(reversed(mine))
    assert items[0] == {
        "id": mine[-1],
        "template": "task-reminder",
        "subject": "Coming up: call Mia",
        "body": "Hello Ann",
        "lead_id": None,
        "task_id": None,
        "created_at": "2026-03-09T12:00:00Z",
        "read_at": None,
    }


def test_message_is_marked_read_once(desk: Desk):
    first, second = (notify(desk, desk.coordinator, "in_app") for _ in range(2))

    once = desk.coordinator.post(f"/api/notifications/{first}/read")
    again = desk.coordinator.post(f"/api/notifications/{first}/read")

    assert (once.status, again.status) == (200, 200)
    assert once.body["read_at"] == again.body["read_at"] is not None
    unread = desk.coordinator.every("/api/notifications/mine", unread="true")
    assert [item["id"] for item in unread] == [second]


def test_all_messages_up_to_the_one_on_the_screen_are_read(desk: Desk, other_desk: Desk):
    ids = [notify(desk, desk.coordinator, "in_app") for _ in range(4)]
    for caller in (desk.admin, other_desk.admin):
        notify(desk if caller is desk.admin else other_desk, caller, "in_app")
    assert desk.coordinator.get("/api/notifications/mine/unread").body == {"unread": 4}

    shown = desk.coordinator.post("/api/notifications/mine/read", {"up_to": ids[2]})
    assert (shown.status, shown.body) == (200, {"read": 3, "unread": 1})
    [left] = desk.coordinator.every("/api/notifications/mine", unread="true")
    assert left["id"] == ids[3]

    assert desk.coordinator.post("/api/notifications/mine/read", {}).body == {"read": 1, "unread": 0}
    assert desk.coordinator.post("/api/notifications/mine/read", {}).body == {"read": 0, "unread": 0}
    for caller in (desk.admin, other_desk.admin):
        assert caller.get("/api/notifications/mine/unread").body == {"unread": 1}


def test_message_of_another_user_cannot_be_read(desk: Desk, other_desk: Desk):
    hers, foreign = notify(desk, desk.coordinator, "in_app"), notify(other_desk, other_desk.admin, "in_app")

    for notification_id in (hers, foreign, new_id()):
        assert desk.admin.post(f"/api/notifications/{notification_id}/read").status == 404


# --- the clinic's ---


def test_admins_filter_failed_messages(desk: Desk, other_desk: Desk):
    old = notify(desk, desk.coordinator, state="failed", error="550 No such user", created_at=NOW - timedelta(days=2))
    new = notify(desk, desk.coordinator, state="failed", error="550 No such user")
    notify(desk, desk.coordinator, state="sent")
    notify(desk, desk.coordinator, "in_app")
    notify(other_desk, other_desk.admin, state="failed")

    def found(**query: str) -> list[str]:
        return [item["id"] for item in desk.admin.every("/api/notifications", limit=1, **query)]

    assert found(state="failed") == [new, old]
    assert found(state="failed", since="2026-03-09T00:00:00Z") == [new]
    assert found(state="failed", channel="in_app") == []
    assert len(found()) == 4
    [item] = desk.admin.every("/api/notifications", state="failed", since="2026-03-09T13:00:00+01:00")
    assert (item["error"], item["user_id"], item["channel"]) == ("550 No such user", desk.coordinator.id, "email")
    assert not {"body", "subject", "address"} & item.keys()  # a list shows no more of a person than it must


def test_message_is_shown_with_every_attempt(desk: Desk):
    notification_id = notify(desk, desk.coordinator, state="failed", attempts=1)
    attempt = {
        "id": new_id(),
        "clinic_id": desk.clinic_id,
        "notification_id": notification_id,
        "attempt": 1,
        "outcome": "permanent",
        "response": "550 5.1.1 No such user",
        "started_at": NOW,
        "finished_at": NOW,
    }
    with transaction() as session:
        insert_many(session, Delivery, [attempt])

    answer = desk.admin.get(f"/api/notifications/{notification_id}")

    assert answer.status == 200
    assert (answer.body["subject"], answer.body["address"]) == ("Coming up: call Mia", "ann@clinic.example")
    assert answer.body["message_id"].startswith(f"<{notification_id}@")
    [delivery] = answer.body["deliveries"]
    assert (delivery["attempt"], delivery["outcome"]) == (1, "permanent")
    assert delivery["response"] == "550 5.1.1 No such user"


def test_failed_message_is_retried_once(desk: Desk):
    notification_id = notify(desk, desk.coordinator, state="failed", attempts=8)

    first = desk.admin.post(f"/api/notifications/{notification_id}/retry")
    second = desk.admin.post(f"/api/notifications/{notification_id}/retry")

    assert (first.status, first.body["state"], first.body["attempts"]) == (200, "pending", 8)
    assert (second.status, second.body["code"]) == (409, "cannot-retry")
    assert "its next attempt is planned" in second.body["detail"]
    assert deliveries_planned(desk) == 1


def test_waiting_message_is_sent_now(desk: Desk):
    notification_id = notify(desk, desk.coordinator, state="failed", attempts=8)
    desk.admin.post(f"/api/notifications/{notification_id}/retry")
    wait = "due_at = due_at + interval '1 hour', state = 'planned', waits_for = 'outage:email', reason = 'channel_down'"
    desk.sql(f"UPDATE steps SET {wait} WHERE kind LIKE 'deliver%'")

    shown = desk.admin.get(f"/api/notifications/{notification_id}").body
    assert (shown["wait_reason"], shown["next_attempt_at"] is not None) == ("channel_down", True)
    answer = desk.admin.post(f"/api/notifications/{notification_id}/retry")

    assert (answer.status, answer.body["state"], answer.body["wait_reason"]) == (200, "pending", "by_hand")
    [step] = desk.sql("SELECT due_at <= now(), state, reason, waits_for FROM steps WHERE kind LIKE 'deliver%'")
    assert tuple(step) == (True, "published", "by_hand", None)


def test_message_that_is_being_sent_is_not_retried(desk: Desk):
    notification_id = notify(desk, desk.coordinator, state="sending", attempts=1)
    answer = desk.admin.post(f"/api/notifications/{notification_id}/retry")
    assert (answer.status, answer.body["code"]) == (409, "cannot-retry")
    assert "being handed to the provider" in answer.body["detail"]


def test_retry_of_many_returns_the_count(desk: Desk, other_desk: Desk):
    for _ in range(3):
        notify(desk, desk.coordinator, state="failed")
    notify(desk, desk.coordinator, state="failed", created_at=NOW - timedelta(days=2))
    notify(desk, desk.coordinator, state="unknown")
    notify(other_desk, other_desk.admin, state="failed")

    since = {"state": "failed", "since": "2026-03-09T00:00:00Z", "channel": "email", "spread_seconds": 600}
    assert desk.admin.post("/api/notifications/retry", since).body == {"retried": 3, "left": 0, "dry_run": False}
    assert desk.admin.post("/api/notifications/retry", {}).body == {"retried": 1, "left": 0, "dry_run": False}
    assert deliveries_planned(desk) == 4


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"state": "unknown"}, "/state"),  # messages in doubt are resolved
        ({"state": "sent"}, "/state"),
        ({"channel": "pigeon"}, "/channel"),
        ({"since": "2026-03-09T00:00:00"}, "/since"),
        ({"spread_seconds": -1}, "/spread_seconds"),
        ({"spread_seconds": "60"}, "/spread_seconds"),
        ({"spread": 60}, "/spread"),
    ],
)
def test_invalid_retry_filter_is_refused(desk: Desk, body: dict[str, Any], pointer: str):
    notify(desk, desk.coordinator, state="failed")

    assert desk.admin.post("/api/notifications/retry", body).pointers == [pointer]
    assert deliveries_planned(desk) == 0


@pytest.mark.parametrize(("as_", "state", "steps"), [("sent", "sent", 0), ("retry", "pending", 1)])
def test_message_in_doubt_is_resolved_by_a_user(desk: Desk, as_: str, state: str, steps: int):
    notification_id = notify(desk, desk.coordinator, state="unknown")

    answer = desk.admin.post(f"/api/notifications/{notification_id}/resolve", {"as": as_})
    again = desk.admin.post(f"/api/notifications/{notification_id}/resolve", {"as": as_})

    assert (answer.status, answer.body["state"]) == (200, state)
    assert (again.status, again.body["code"]) == (409, "cannot-resolve")
    assert deliveries_planned(desk) == steps


RESOLVE = "/api/notifications/resolve"


def test_messages_in_doubt_are_counted_before_they_are_resolved(desk: Desk, other_desk: Desk):
    for created_at in (NOW, NOW, NOW - timedelta(days=2)):
        notify(desk, desk.coordinator, state="unknown", created_at=created_at)
    notify(desk, desk.coordinator, state="failed")
    notify(other_desk, other_desk.admin, state="unknown")
    recent = {"as": "sent", "channel": "email", "since": "2026-03-09T00:00:00Z"}

    assert desk.admin.post(RESOLVE, {**recent, "dry_run": True}).body == {"resolved": 2, "left": 0, "dry_run": True}
    assert len(desk.admin.every("/api/notifications", state="unknown")) == 3
    assert desk.admin.post(RESOLVE, recent).body == {"resolved": 2, "left": 0, "dry_run": False}
    assert len(desk.admin.every("/api/notifications", state="sent")) == 2
    rest = {"as": "retry", "state": "unknown", "spread_seconds": 60}
    assert desk.admin.post(RESOLVE, rest).body == {"resolved": 1, "left": 0, "dry_run": False}
    assert (deliveries_planned(desk), len(other_desk.admin.every("/api/notifications", state="unknown"))) == (1, 1)


def test_retry_can_be_counted_first(desk: Desk):
    for _ in range(2):
        notify(desk, desk.coordinator, state="failed")

    assert desk.admin.post("/api/notifications/retry", {"dry_run": True}).body == {
        "retried": 2,
        "left": 0,
        "dry_run": True,
    }
    assert deliveries_planned(desk) == 0


@pytest.mark.parametrize("call", ["retry", "resolve"])
def test_messages_of_one_rule_are_chosen(desk: Desk, call: str):
    state = "failed" if call == "retry" else "unknown"
    lead = desk.capture()
    step = desk.sql(
        "SELECT id FROM steps WHERE lead_id = :lead AND cause ->> 'rule' = 'speed-to-lead'", lead=lead["id"]
    )
    notify(desk, desk.coordinator, state=state, step_id=step[0][0])  # to a user
    notify(desk, desk.coordinator, state=state, series="break-up")
    notify(desk, desk.coordinator, state=state)
    path, body = f"/api/notifications/{call}", {"dry_run": True, **({"as": "sent"} if call == "resolve" else {})}

    found = [desk.admin.post(path, {**body, "rule": rule}).body for rule in ("speed-to-lead", "break-up", "none")]

    assert [one["retried" if call == "retry" else "resolved"] for one in found] == [1, 1, 0]
    assert len(desk.admin.every("/api/notifications", rule="break-up")) == 1


def test_list_names_each_lead_that_the_caller_may_see(desk: Desk):
    own = desk.capture(last_name="Marsh", assigned_to_id=desk.coordinator.id)
    other = desk.capture(first_name="Noor", last_name="Aziz", assigned_to_id=desk.admin.id)
    grants = {"notification:manage": "all", "lead:read": "assigned"}
    assert desk.admin.post("/api/roles", {"slug": "mail_desk", "name": "Mail desk", "grants": grants}).status == 201
    assert desk.admin.patch(f"/api/users/{desk.coordinator.id}", {"role": "mail_desk"}).status == 200
    for lead_id in (own["id"], other["id"], None):
        notify(desk, desk.admin, lead_id=lead_id and UUID(lead_id))

    names = {one["lead_id"]: one["lead_name"] for one in desk.admin.every("/api/notifications", state="pending")}
    seen = {one["lead_id"]: one["lead_name"] for one in desk.coordinator.every("/api/notifications", state="pending")}

    assert names == {own["id"]: "Ana Marsh", other["id"]: "Noor Aziz", None: None}
    assert seen == {own["id"]: "Ana Marsh", other["id"]: None, None: None}


def test_list_names_no_lead_to_a_user_that_may_not_read_leads(desk: Desk):
    own = desk.capture(assigned_to_id=desk.coordinator.id)
    role = {"slug": "mail_desk", "name": "Mail desk", "grants": {"notification:manage": "all"}}
    assert desk.admin.post("/api/roles", role).status == 201
    assert desk.admin.patch(f"/api/users/{desk.coordinator.id}", {"role": "mail_desk"}).status == 200
    notify(desk, desk.admin, lead_id=UUID(own["id"]))

    [message] = desk.coordinator.every("/api/notifications", state="pending")

    assert (message["lead_id"], message["lead_name"]) == (own["id"], None)


@pytest.mark.parametrize("act", ["/retry", "/resolve", "all"])
def test_failed_delivery_to_a_user_leaves_the_list_of_failed_steps(desk: Desk, act: str):
    state = "failed" if act == "/retry" else "unknown"
    notification_id = notify(desk, desk.coordinator, state=state)
    with transaction() as session:
        notification = {"id": UUID(notification_id), "clinic_id": desk.clinic_id, "lead_id": None, "task_id": None}
        row = delivery_step(
            {**notification, "step_id": None, "template": "x"}, due_at=NOW, origin={}, begun_by=BegunBy.NOTICE
        )
        insert_many(session, Step, [{**row, "state": state, "finished_at": NOW}])
    [failed] = desk.admin.every("/api/steps", state=state)
    assert failed["kind"] == "deliver_to_user"
    assert desk.admin.post(f"/api/steps/{failed['id']}/retry").body["code"] == "retry-the-notification"

    path = RESOLVE if act == "all" else f"/api/notifications/{notification_id}{act}"
    assert desk.admin.post(path, None if act == "/retry" else {"as": "sent"}).status == 200

    assert desk.admin.every("/api/steps", state=state) == []


def test_only_messages_in_doubt_can_be_resolved(desk: Desk):
    failed = notify(desk, desk.coordinator, state="failed")

    answer = desk.admin.post(f"/api/notifications/{failed}/resolve", {"as": "sent"})

    assert answer.status == 409
    assert "POST .../retry" in answer.body["detail"]
    assert desk.admin.post(f"/api/notifications/{failed}/resolve", {"as": "lost"}).pointers == ["/as"]
    assert desk.admin.post(f"/api/notifications/{failed}/resolve", {}).pointers == ["/as"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/api/notifications"),
        ("get", "/api/notifications/{id}"),
        ("post", "/api/notifications/{id}/retry"),
        ("post", "/api/notifications/retry"),
        ("post", "/api/notifications/{id}/resolve"),
        ("post", "/api/notifications/resolve"),
    ],
)
@pytest.mark.parametrize("role", [role for role in Role if role is not Role.CLINIC_ADMIN])
def test_clinic_notifications_require_the_permission(desk: Desk, role: Role, method: str, path: str):
    path = path.format(id=notify(desk, desk.coordinator, state="failed"))
    assert getattr(desk.caller(role), method)(path).status == 403


@pytest.mark.parametrize("act", ["", "/retry", "/resolve"])
def test_notification_of_another_clinic_is_not_found(desk: Desk, other_desk: Desk, act: str):
    foreign = notify(other_desk, other_desk.admin, state="failed")
    path = f"/api/notifications/{foreign}{act}"

    answer = desk.admin.post(path, {"as": "sent"} if act == "/resolve" else None) if act else desk.admin.get(path)

    assert answer.status == 404


@pytest.mark.parametrize("query", [{"state": "lost"}, {"channel": "fax"}, {"since": "yesterday"}, {"stat": "failed"}])
def test_unknown_filter_is_refused(desk: Desk, query: dict[str, str]):
    assert desk.admin.get("/api/notifications", **query).pointers == [f"/{name}" for name in query]


def test_every_state_and_channel_can_be_filtered(desk: Desk):
    for state in NotificationState:
        for channel in CHANNELS.names():
            assert desk.admin.get("/api/notifications", state=state.value, channel=channel).status == 200
