"""Notice preferences and destinations of the caller."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest

from app.clock import now
from app.core.db import transaction
from app.identity.clinics import load_context
from app.messaging.channels import vapid
from app.messaging.compose import MessageMetadata
from app.messaging.rendering.render import Wording
from app.messaging.user_notices.send import send_notice
from app.messaging.user_preferences.kinds import NoticeKind
from tests.support.desk import Caller, Desk
from tests.support.gateway import Gateway
from tests.support.notices import Browser
from workers import runner

pytest_plugins = ["tests.support.desk", "tests.support.practice"]

PREFERENCES = "/api/me/notice-preferences"
DESTINATIONS = "/api/me/destinations"
SLACK = "https://hooks.slack.com/services/T0/B0/very-secret"


@pytest.fixture
def server(configure: Callable[..., None]) -> Iterator[Gateway]:
    with Gateway() as server:
        configure(outgoing_allow=server.place)
        yield server


def channels(body: Any, kind: str) -> dict[str, tuple[str, str]]:
    [notice] = [notice for notice in body["notices"] if notice["kind"] == kind]
    return {one["channel"]: (one["value"], one["source"]) for one in notice["channels"]}


def test_defaults_are_shown_with_their_source(desk: Desk) -> None:
    answer = desk.coordinator.get(PREFERENCES)

    assert (answer.status, answer.body["version"]) == (200, 1)
    assert answer.body["digest_at"] == "07:00"
    assert answer.body["sources"] == {"digest_at": "default", "timezone": "default"}
    assert channels(answer.body, "mention") == {
        "in_app": ("planned", "default"),
        "email": ("planned", "default"),
        "slack": ("on", "default"),
        "teams": ("on", "default"),
        "web_push": ("on", "default"),
    }
    assert channels(answer.body, "security")["email"] == ("planned", "mandatory")
    assert channels(answer.body, "weekly_summary") == {"email": ("planned", "default")}


def test_change_keeps_other_values_and_null_restores_defaults(desk: Desk) -> None:
    me = desk.coordinator
    me.patch(PREFERENCES, {"digest_at": "18:00", "notices": {"mention": {"email": "digest", "slack": "off"}}})
    body = me.patch(PREFERENCES, {"timezone": "Europe/Paris", "notices": {"mention": {"slack": None}}}).body

    assert (body["digest_at"], body["timezone"], body["version"]) == ("18:00", "Europe/Paris", 3)
    assert body["sources"] == {"digest_at": "own", "timezone": "own"}
    assert channels(body, "mention")["email"] == ("digest", "own")
    assert channels(body, "mention")["slack"] == ("on", "default")
    body = me.patch(PREFERENCES, {"digest_at": None, "notices": {"mention": None}}).body
    assert (body["sources"]["digest_at"], channels(body, "mention")["email"]) == ("default", ("planned", "default"))


def test_all_mistakes_have_pointers(desk: Desk) -> None:
    notices = {
        "security": {"email": "off"},
        "mention": {"email": "never", "in_app": "digest"},
        "weekly_summary": {"email": "digest"},
        "gossip": {},
    }
    answer = desk.coordinator.patch(PREFERENCES, {"digest_at": "25:00", "timezone": "Mars", "notices": notices})

    assert answer.pointers == [
        "/digest_at",
        "/notices/gossip",
        "/notices/mention/email",
        "/notices/mention/in_app",
        "/notices/security",
        "/notices/weekly_summary/email",
        "/timezone",
    ]


def test_change_needs_the_seen_version(desk: Desk) -> None:
    tag = desk.coordinator.get(PREFERENCES).headers["ETag"]

    assert desk.coordinator.patch(PREFERENCES, {"digest_at": "08:00"}, seen=None).status == 428
    assert desk.coordinator.patch(PREFERENCES, {"digest_at": "08:00"}, seen=tag).status == 200
    assert desk.coordinator.patch(PREFERENCES, {"digest_at": "09:00"}, seen=tag).status == 412


def test_preferences_are_those_of_the_caller(desk: Desk) -> None:
    desk.coordinator.patch(PREFERENCES, {"digest_at": "08:00"})

    assert desk.admin.get(PREFERENCES).body["digest_at"] == "07:00"
    program = desk.program("lead:read")
    assert (program.get(PREFERENCES).status, program.get(DESTINATIONS).status) == (403, 403)


def test_secrets_of_a_destination_are_never_shown(desk: Desk, server: Gateway) -> None:
    made = desk.coordinator.post(DESTINATIONS, {"channel": "slack", "name": "Mine", "url": server.url})
    push = desk.coordinator.post(DESTINATIONS, Browser().subscription(server.url))
    assert (made.status, push.status) == (201, 201)

    assert (made.body["host"], made.body["name"], made.body["test"]) == ("127.0.0.1", "Mine", None)
    listed = desk.coordinator.every(DESTINATIONS)
    desk.coordinator.patch(f"{DESTINATIONS}/{made.body['id']}", {"url": f"{server.url}?2"})
    audited = desk.admin.every("/api/audit", subject="notice_destination")
    assert [entry["act"] for entry in audited] == ["update", "create", "create"]
    keys = Browser().subscription(server.url)["keys"]
    for shown in (made.body, push.body, listed, audited):
        assert not any(secret in json.dumps(shown) for secret in ("/send", keys["auth"]))
        assert not {"url", "endpoint", "keys", "auth", "p256dh"} & {*made.body, *push.body}
    stored = desk.sql("SELECT row_to_json(d)::text AS whole FROM notice_destinations d")
    assert "/send" not in str(stored)


@pytest.mark.parametrize(
    ("given", "pointers"),
    [
        ({"channel": "slack", "url": "https://8.8.8.8/services/x"}, ["/url"]),
        ({"channel": "slack", "url": "https://hooks.slack.com.evil.example/services/x"}, ["/url"]),
        ({"channel": "teams", "url": "https://clinic.webhook.office.com/webhookb2/x"}, ["/url"]),
        ({"channel": "teams"}, ["/url"]),
        ({"channel": "web_push", "url": SLACK}, ["/endpoint", "/keys", "/url"]),
        ({"channel": "pager", "url": SLACK}, ["/channel"]),
        (
            {"channel": "web_push", "endpoint": "https://10.0.0.1/x", "keys": {"p256dh": "AAAA", "auth": "AAAA"}},
            ["/endpoint", "/keys/auth"],
        ),
        (
            {"channel": "web_push", "endpoint": "https://8.8.8.8/x", "keys": {"p256dh": "A", "auth": "A" * 22}},
            ["/keys/p256dh"],
        ),
    ],
)
def test_wrong_destination_is_refused(desk: Desk, given: dict[str, Any], pointers: list[str]) -> None:
    assert desk.coordinator.post(DESTINATIONS, given).pointers == pointers


def test_same_url_replaces_the_destination(desk: Desk, server: Gateway) -> None:
    first = desk.coordinator.post(DESTINATIONS, Browser().subscription(server.url)).body
    again = desk.coordinator.post(DESTINATIONS, {**Browser().subscription(server.url), "name": "Phone"}).body
    assert (again["id"], again["version"], again["name"]) == (first["id"], 2, "Phone")

    desk.admin.post(DESTINATIONS, Browser().subscription(server.url))
    assert desk.coordinator.every(DESTINATIONS) == []
    assert len(desk.admin.every(DESTINATIONS)) == 1


def test_destination_belongs_to_its_user(desk: Desk, server: Gateway) -> None:
    made = desk.coordinator.post(DESTINATIONS, {"channel": "slack", "url": server.url}).body
    path = f"{DESTINATIONS}/{made['id']}"

    assert desk.admin.get(path).status == 404
    assert desk.admin.patch(path, {"name": "x"}).status == 404
    assert desk.admin.delete(path).status == 404
    assert desk.admin.post(f"{path}/test").status == 404
    assert desk.coordinator.patch(path, {"name": "x", "url": f"{server.url}?2"}).body["version"] == 2
    assert desk.coordinator.delete(path).status == 204
    assert desk.coordinator.get(path).status == 404


def test_number_of_destinations_is_limited(desk: Desk, server: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.messaging.user_preferences.destinations.MAX_DESTINATIONS", 1)
    desk.coordinator.post(DESTINATIONS, {"channel": "slack", "url": server.url})

    answer = desk.coordinator.post(DESTINATIONS, {"channel": "slack", "url": f"{server.url}?2"})
    assert (answer.status, answer.body["code"]) == (409, "too-many-destinations")


def test_url_of_a_subscription_cannot_be_changed(desk: Desk, server: Gateway) -> None:
    made = desk.coordinator.post(DESTINATIONS, Browser().subscription(server.url)).body

    assert desk.coordinator.patch(f"{DESTINATIONS}/{made['id']}", {"url": server.url}).pointers == ["/url"]


def test_test_shows_its_result(desk: Desk, server: Gateway) -> None:
    made = desk.coordinator.post(DESTINATIONS, {"channel": "slack", "url": server.url}).body
    answer = desk.coordinator.post(f"{DESTINATIONS}/{made['id']}/test")
    assert (answer.status, answer.body["test"]["state"]) == (202, "pending")

    [step] = desk.sql("SELECT id FROM steps WHERE kind = 'deliver_to_user'")
    runner.run("deliver_to_user", [step.id])
    assert desk.coordinator.get(f"{DESTINATIONS}/{made['id']}").body["test"]["state"] == "sent"
    assert server.calls[0].said["text"].startswith("Test from")


def test_key_for_subscriptions_is_a_public_key(desk: Desk) -> None:
    assert desk.coordinator.get(f"{DESTINATIONS}/web-push-key").body == {"public_key": vapid.public_key()}


def test_notices_turned_off_are_not_in_the_inbox(desk: Desk) -> None:
    _insert_notice(desk.coordinator, desk)

    assert desk.coordinator.every("/api/notifications/mine") == []
    assert desk.coordinator.get("/api/notifications/mine/unread").body == {"unread": 0}
    [listed] = desk.admin.every("/api/notifications", state="suppressed")
    assert listed["reason"] == "turned_off"


def _insert_notice(caller: Caller, desk: Desk) -> None:
    caller.patch(PREFERENCES, {"notices": {"assignment": {"in_app": "off"}}})
    clinic = desk.coordinator.actor.clinic
    metadata = MessageMetadata(clinic.id, template="x", notice=NoticeKind.ASSIGNMENT)
    with transaction() as session:
        send_notice(
            session,
            load_context(session, clinic.id),
            UUID(caller.id),
            Wording("x", "x"),
            metadata=metadata,
            channels=["in_app"],
            at=now(),
        )


def test_closed_guide_is_kept_for_the_user(desk: Desk):
    assert desk.admin.get(PREFERENCES).body["is_guide_closed"] is False
    assert desk.admin.patch(PREFERENCES, {"is_guide_closed": True}).body["is_guide_closed"] is True
    assert desk.admin.patch(PREFERENCES, {"digest_at": "08:00"}).body["is_guide_closed"] is True
    assert desk.coordinator.get(PREFERENCES).body["is_guide_closed"] is False
