"""Notices to users by preference: channels turned off and on, and messages to Slack, Teams and browsers."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from py_vapid import Vapid02

from app.clock import now
from app.core.db import transaction
from app.engine.models import Kind
from app.identity.models import Role
from app.messaging.channels import vapid
from app.messaging.rendering.render import Wording
from app.messaging.user_notices.admin_notices import notify_admins
from app.messaging.user_notices.destination_tests import send_test
from app.messaging.user_preferences.destinations import remove_destination
from app.messaging.user_preferences.load import notice_settings_of
from tests.support.gateway import Call, Gateway
from tests.support.notices import COORDINATOR, RULE, Browser, connect, deliver, notify, prefer, states
from tests.support.practice import Practice, sql
from tests.support.smtp import SmtpServer


@pytest.fixture
def server(configure: Callable[..., None]) -> Iterator[Gateway]:
    with Gateway() as server:
        configure(outgoing_allow=server.place, outgoing_timeout=10, public_url="https://app.clinic.example")
        yield server


@pytest.fixture
def practice(open_practice: Callable[..., Practice]) -> Practice:
    return open_practice(playbook=RULE)


def test_without_preferences_the_rule_decides(practice: Practice) -> None:
    notify(practice)

    assert states(practice) == {"in_app": ("sent", None), "email": ("pending", None)}


def test_channel_turned_off_is_listed_with_its_reason(practice: Practice, smtp: SmtpServer) -> None:
    prefer(practice, {"rule": {"email": "off", "in_app": "off"}})
    notify(practice)

    assert states(practice) == {"in_app": ("suppressed", "turned_off"), "email": ("suppressed", "turned_off")}
    assert practice.steps(kind=Kind.DELIVER) == []


def test_other_kinds_are_not_affected(practice: Practice) -> None:
    prefer(practice, {"reminder": {"email": "off"}, "mention": {"in_app": "off"}})
    notify(practice)

    assert states(practice) == {"in_app": ("sent", None), "email": ("pending", None)}


def test_choice_returns_to_the_default(practice: Practice) -> None:
    prefer(practice, {"rule": {"email": "off"}})
    prefer(practice, {"rule": {"email": None}})
    notify(practice)

    assert states(practice)["email"] == ("pending", None)


def test_slack_gets_text_blocks_and_a_link(practice: Practice, server: Gateway) -> None:
    connect(practice, channel="slack", url=server.url)
    lead_id = notify(practice, first_name="<!channel> & Mia")
    deliver(practice)

    [call] = server.calls
    assert call.said["text"] == "New: &lt;!channel&gt; &amp; Mia"
    header, body, link = call.said["blocks"]
    assert header["text"] == {"type": "plain_text", "text": "New: <!channel> & Mia", "emoji": False}
    assert body["text"]["type"] == "plain_text"
    assert link["text"]["text"] == f"<https://app.clinic.example/leads/{lead_id}|Open the lead>"
    assert states(practice)["slack"] == ("sent", None)


def test_teams_gets_an_adaptive_card_without_markup(practice: Practice, server: Gateway) -> None:
    connect(practice, channel="teams", url=server.url)
    lead_id = notify(practice, first_name="[Mia](https://evil.example)")
    deliver(practice)

    [call] = server.calls
    [attachment] = call.said["attachments"]
    assert (call.said["type"], attachment["contentType"]) == ("message", "application/vnd.microsoft.card.adaptive")
    card = attachment["content"]
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert card["body"][0]["inlines"][0]["text"] == "New: [Mia](https://evil.example)"
    assert card["actions"][0]["url"] == f"https://app.clinic.example/leads/{lead_id}"


def test_browser_decrypts_the_push_message(practice: Practice, server: Gateway) -> None:
    browser = Browser()
    server.answer(201)
    connect(practice, **browser.subscription(server.url))
    lead_id = notify(practice)
    deliver(practice)

    [call] = server.calls
    shown = browser.read(call)
    row = practice.row("notifications", channel="web_push")
    assert shown == {
        "title": "New: Mia",
        "body": "Call Mia <now>.",
        "url": f"https://app.clinic.example/leads/{lead_id}",
        "tag": str(row.id),
    }
    assert (call.headers["Content-Encoding"], call.headers["Ttl"], call.headers["Urgency"]) == (
        "aes128gcm",
        "86400",
        "high",
    )
    assert b"Mia" not in call.body
    assert row.state == "sent"


def test_push_message_is_signed_for_its_server(practice: Practice, server: Gateway) -> None:
    server.answer(201)
    connect(practice, **Browser().subscription(server.url))
    notify(practice)
    deliver(practice)

    authorization = server.calls[0].headers["Authorization"]
    assert Vapid02.verify(authorization)
    token, key = authorization.removeprefix("vapid ").split(",")
    claims = _decoded(token.removeprefix("t=").split(".")[1])
    assert key == f"k={vapid.public_key()}"
    assert claims["aud"] == f"http://{server.place}"
    assert claims["sub"] == "https://app.clinic.example"
    assert 0 < claims["exp"] - now().timestamp() <= 24 * 3600


def _decoded(part: str) -> Any:
    return json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_subject_is_an_address_where_the_url_is_local(configure: Callable[..., None]) -> None:
    configure(public_url="http://127.0.0.1:8000", mail_from="Clinic <hello@clinic.example>")

    assert vapid.subject() == "mailto:hello@clinic.example"


@pytest.mark.parametrize("status", [404, 410])
def test_subscription_that_is_gone_is_removed(practice: Practice, server: Gateway, status: int) -> None:
    server.answer(status)
    connect(practice, **Browser().subscription(server.url))
    notify(practice)
    deliver(practice)

    assert states(practice)["web_push"] == ("failed", None)
    assert practice.rows("notice_destinations") == []
    notify(practice)
    assert len(practice.rows("notifications", channel="web_push")) == 1


def test_renewed_subscription_is_kept(practice: Practice, server: Gateway) -> None:
    connect(practice, **Browser().subscription(server.url))
    [row] = practice.rows("notice_destinations")

    def renew_and_refuse(_: Call) -> int:
        sql("UPDATE notice_destinations SET url_blind = 'other' WHERE id = :id", id=row.id)
        return 410

    server.answer_by(renew_and_refuse)
    notify(practice)
    deliver(practice)

    assert states(practice)["web_push"][0] == "failed"
    assert len(practice.rows("notice_destinations")) == 1


def test_message_to_a_removed_destination_is_suppressed(practice: Practice, server: Gateway) -> None:
    destination_id = connect(practice, channel="slack", url=server.url)
    notify(practice)
    with transaction() as session:
        remove_destination(session, practice.actor(COORDINATOR), destination_id)
    deliver(practice)

    assert (states(practice)["slack"], server.calls) == (("suppressed", "destination_gone"), [])


def test_failing_destination_holds_up_no_other(practice: Practice, server: Gateway) -> None:
    server.answer(503)
    connect(practice, channel="slack", url=server.url)
    for _ in range(4):
        notify(practice)
    deliver(practice)
    assert len(server.calls) == 4
    assert sql("SELECT * FROM channel_outages WHERE target = 'slack'") == []

    server.answer(200)
    connect(practice, Role.CLINIC_ADMIN, channel="slack", url=server.url)
    with transaction() as session:
        send_test(session, practice.actor(Role.CLINIC_ADMIN), practice.rows("notice_destinations")[-1].id)
    deliver(practice, Kind.DELIVER_TO_USER)
    assert practice.row("notifications", template="destination-test").state == "sent"


def test_refusal_of_slack_is_shown_without_the_texts(practice: Practice, server: Gateway) -> None:
    server.answer(404, body="no_service: Call Mia <now>.")
    connect(practice, channel="slack", url=server.url)
    notify(practice)
    deliver(practice)

    row = practice.row("notifications", channel="slack")
    assert (row.state, row.error) == ("failed", "404 no_service: …")
    assert len(practice.rows("notice_destinations")) == 1


def test_each_destination_gets_one_message(practice: Practice, server: Gateway) -> None:
    server.answer(201)
    for number in range(3):
        connect(practice, **Browser().subscription(f"{server.url}?{number}"))
    notify(practice)
    deliver(practice)

    assert len(server.calls) == len(practice.rows("notifications", channel="web_push")) == 3


def test_settings_of_a_clinic_are_loaded_once(practice: Practice) -> None:
    prefer(practice, {"rule": {"email": "off"}})
    clinic = practice.actor().clinic
    with transaction() as session:
        assert notice_settings_of(session, clinic) is notice_settings_of(session, clinic)


def test_admin_notices_follow_preferences(practice: Practice, server: Gateway) -> None:
    connect(practice, Role.CLINIC_ADMIN, channel="slack", url=server.url)
    prefer(practice, {"system": {"email": "off"}}, role=Role.CLINIC_ADMIN)
    from_admins = {"email": ("suppressed", "turned_off"), "in_app": ("sent", None), "slack": ("pending", None)}
    with transaction() as session:
        notify_admins(session, {practice.clinic_id: Wording("Down", "It is down.")}, template="x", at=now())

    assert states(practice) == from_admins
