"""Gateways: configuration, and status callbacks about messages."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from app.clock import now
from app.core.db import insert_many, new_id, transaction
from app.core.http_client import signing
from app.messaging.models import Notification
from app.security.encrypted_fields import encrypt_row
from tests.support.desk import Answer, Desk
from tests.support.gateway import Gateway
from tests.support.practice import sql
from workers.sweeps.run import sweep

pytest_plugins = ["tests.support.desk", "tests.support.practice"]

URL = "https://8.8.8.8/hook?token=x"
PHONE = "+12125550143"


def set_up(desk: Desk, **more: Any) -> dict[str, Any]:
    answer = desk.admin.post("/api/gateways", {"name": "social", "purpose": "messages", "url": URL, **more})
    assert answer.status == 201, answer.body
    made: dict[str, Any] = answer.body
    return made


def call_back(
    desk: Desk, gateway: dict[str, Any], *events: Any, secret: str = "", call: str = "", **signed: Any
) -> Answer:
    """Call the callback URL as the gateway does."""
    body = signed.pop("body", None) or json.dumps({"events": events}).encode()
    at = now() + timedelta(seconds=signed.pop("seconds", 0))
    headers = signing.sign([secret or gateway["secret"]], call or str(uuid4()), body, at=at) | signed
    path = f"/api/gateways/{gateway['id']}/events"
    answer = desk.client().post(path, data=body, headers=headers, content_type="application/json")
    return Answer(answer.status_code, json.loads(answer.data), answer.headers)


def message(desk: Desk, gateway: dict[str, Any], lead: dict[str, Any], **more: Any) -> str:
    """Return a message that was sent through the gateway."""
    row = {
        "id": new_id(),
        "clinic_id": desk.clinic_id,
        "lead_id": lead["id"],
        "user_id": None,
        "channel": "http",
        "template": "hello",
        "address": json.dumps({"phone": PHONE, "social": None}),
        "subject": "x",
        "body": "x",
        "gateway_id": gateway["id"],
        "state": "sent",
        "attempts": 1,
        "created_at": now(),
        **more,
    }
    with transaction() as session:
        insert_many(session, Notification, [encrypt_row(Notification, row)])
    return str(row["id"])


def event(message_id: str, status: str, **more: Any) -> dict[str, Any]:
    return {"message_id": message_id, "status": status, "at": now().isoformat(), **more}


def note(desk: Desk, message_id: str) -> dict[str, Any]:
    found: dict[str, Any] = desk.admin.get(f"/api/notifications/{message_id}").body
    return found


@pytest.fixture
def server(configure: Callable[..., None]) -> Iterator[Gateway]:
    with Gateway() as server:
        configure(outgoing_allow=server.place, outgoing_timeout=2)
        yield server


def test_gateways_can_be_created_listed_changed_and_deleted(desk: Desk):
    made = set_up(desk)
    assert made["secret"].startswith("whsec_")
    assert (made["per_hour"], made["idempotent"], made["is_active"], made["failures"]) == (200, True, True, 0)
    hook = set_up(desk, name="hook", purpose="webhook")
    assert hook["per_hour"] is None
    assert [one["name"] for one in desk.admin.every("/api/gateways")] == ["hook", "social"]
    assert [one["name"] for one in desk.admin.every("/api/gateways", purpose="messages")] == ["social"]

    shown = desk.admin.get(f"/api/gateways/{made['id']}")
    assert shown.body == {name: value for name, value in made.items() if name != "secret"} | {"outage": None}
    edited = desk.admin.patch(f"/api/gateways/{made['id']}", {"per_hour": 5}, seen=shown.headers["ETag"])
    assert (edited.status, edited.body["per_hour"], edited.body["url"], edited.body["version"]) == (200, 5, URL, 2)
    assert desk.admin.patch(f"/api/gateways/{made['id']}", {}, seen=shown.headers["ETag"]).status == 412
    assert desk.admin.delete(f"/api/gateways/{made['id']}", seen=None).status == 428
    assert desk.admin.delete(f"/api/gateways/{made['id']}").status == 204
    assert desk.admin.get(f"/api/gateways/{made['id']}").status == 404


@pytest.mark.parametrize(
    ("more", "pointers"),
    [
        ({"url": "http://8.8.8.8/"}, ["/url"]),
        ({"url": "https://127.0.0.1/"}, ["/url"]),
        ({"url": "https://localhost/"}, ["/url"]),
        ({"url": "https://me:pw@8.8.8.8/"}, ["/url"]),
        ({"url": "https://2130706433/"}, ["/url"]),
        ({"url": "https://nowhere.invalid/"}, ["/url"]),
        ({"url": "nonsense"}, ["/url"]),
        ({"name": "Not a slug"}, ["/name"]),
        ({"purpose": "x"}, ["/purpose"]),
        ({"per_hour": 0}, ["/per_hour"]),
        ({"secret": "whsec_x"}, ["/secret"]),
    ],
)
def test_forbidden_url_is_refused(desk: Desk, more: dict[str, Any], pointers: list[str]):
    body = {"name": "social", "purpose": "messages", "url": URL, **more}
    assert desk.admin.post("/api/gateways", body).pointers == pointers
    assert desk.admin.every("/api/gateways") == []
    if "url" in more:
        made = set_up(desk)
        assert desk.admin.patch(f"/api/gateways/{made['id']}", more).pointers == pointers


def test_name_is_unique(desk: Desk, other_desk: Desk):
    set_up(desk)
    set_up(other_desk)
    again = desk.admin.post("/api/gateways", {"name": "social", "purpose": "webhook", "url": URL})
    assert (again.status, again.body["code"]) == (409, "gateway-name-taken")


def test_one_gateway_for_messages_is_the_default(desk: Desk):
    first = set_up(desk, name="first", is_default=True)
    second = set_up(desk, name="second")
    assert desk.admin.patch(f"/api/gateways/{second['id']}", {"is_default": True}).body["is_default"] is True
    changed = desk.admin.get(f"/api/gateways/{first['id']}").body
    assert (changed["is_default"], changed["version"]) == (False, first["version"] + 1)
    given = {"name": "crm", "purpose": "webhook", "url": first["url"], "is_default": True}
    assert desk.admin.post("/api/gateways", given).pointers == ["/is_default"]


def test_rules_and_sequences_warn_about_a_missing_gateway(desk: Desk):
    text = {"channel": "http", "template": "break-up-email"}
    nested = {
        "branch": {"if": [{"field": "lead.email", "exists": True}], "then": [{"call_webhook": {"gateway": "crm"}}]}
    }
    rule = {"name": "hello", "on": "lead.created", "do": [{"send_message": text}, nested]}
    made = desk.admin.post("/api/follow-up-rules", rule).body
    assert made["warnings"] == [
        {"pointer": "/do/0/send_message", "message": "The clinic has no active gateway for messages."},
        {"pointer": "/do/1/branch/then/0/call_webhook", "message": "The clinic has no gateway 'crm'."},
    ]
    steps = [{"name": "one", "send_message": {**text, "gateway": "social"}}]
    sequence = desk.admin.post("/api/sequences", {"name": "x", "steps": steps}).body
    assert [one["pointer"] for one in sequence["warnings"]] == ["/steps/0/send_message"]
    set_up(desk, name="social")
    set_up(desk, name="other")
    [several, _] = desk.admin.get(f"/api/follow-up-rules/{made['id']}").body["warnings"]
    assert several["message"].startswith("The clinic has several gateways for messages")
    assert desk.admin.get(f"/api/sequences/{sequence['id']}").body["warnings"] == []


def test_rules_warn_about_commercial_email_without_a_postal_address(desk: Desk):
    text = {"channel": "email", "template": "break-up-email"}
    actions = [{"send_message": text}, {"send_message": {**text, "transactional": True}}]
    made = desk.admin.post("/api/follow-up-rules", {"name": "hello", "on": "lead.created", "do": actions}).body

    [warning] = made["warnings"]
    assert (warning["pointer"], "postal address" in warning["message"]) == ("/do/0/send_message", True)
    desk.admin.patch("/api/settings/sender", {"postal_address": "1 Main Street, Springfield"})
    assert desk.admin.get(f"/api/follow-up-rules/{made['id']}").body["warnings"] == []


@pytest.mark.parametrize("place", ["http://10.1.2.3:80", "https://10.1.2.3:443", "https://10.1.2.3:9000"])
def test_refused_url_names_the_setting_that_allows_it(desk: Desk, place: str):
    body = {"name": "social", "purpose": "messages", "url": f"{place}/hook"}
    [error] = desk.admin.post("/api/gateways", body).body["errors"]
    assert f"OUTGOING_ALLOW={place.partition('//')[2]}" in error["message"]


def test_database_and_audit_log_contain_no_plain_url_or_secret(desk: Desk):
    made = set_up(desk)
    rotated = desk.admin.post(f"/api/gateways/{made['id']}/rotate-secret").body
    [row] = desk.sql("SELECT to_jsonb(g)::text FROM gateways g")
    assert not [word for word in (made["secret"], rotated["secret"], "token=x") if word in row[0]]
    entries = [one for one in desk.admin.every("/api/audit") if one["subject"] == "gateway"]
    assert {one["act"] for one in entries} == {"create", "update"}
    assert not [secret for secret in (made["secret"], rotated["secret"]) if secret in json.dumps(entries)]


def test_secret_is_shown_once(desk: Desk):
    body = {"name": "social", "purpose": "messages", "url": URL}
    answers = [desk.admin.post("/api/gateways", body, key="once") for _ in range(2)]
    assert [answer.status for answer in answers] == [201, 409]
    assert answers[1].body["code"] == "shown-once"
    assert "secret" not in desk.admin.get(f"/api/gateways/{answers[0].body['id']}").body


def test_call_is_signed_and_returns_the_answer(desk: Desk, server: Gateway):
    made = set_up(desk, url=server.url)
    server.answer(200)
    assert desk.admin.post(f"/api/gateways/{made['id']}/test").body == {"outcome": "sent", "response": "200"}
    [call] = server.calls
    assert call.is_signed_with(made["secret"])
    assert call.said["type"] == "test"
    server.answer(403, body="who are you, ana@lead.example or 212-555-0143?")
    refused = desk.admin.post(f"/api/gateways/{made['id']}/test").body
    assert refused == {"outcome": "permanent", "response": "403 who are you, <address> or <address>?"}


def test_both_secrets_are_valid_for_a_day_after_rotation(desk: Desk, server: Gateway):
    old = set_up(desk, url=server.url)
    new = desk.admin.post(f"/api/gateways/{old['id']}/rotate-secret").body
    desk.admin.post(f"/api/gateways/{old['id']}/test")
    assert [server.calls[0].is_signed_with(one["secret"]) for one in (old, new)] == [True, True]
    known = event(message(desk, old, desk.capture()), "delivered")
    assert [call_back(desk, one, known).status for one in (old, new)] == [202, 202]

    desk.sql("UPDATE gateways SET rotated_at = rotated_at - interval '1 day'")
    desk.admin.post(f"/api/gateways/{old['id']}/test")
    assert [server.calls[1].is_signed_with(one["secret"]) for one in (old, new)] == [False, True]
    assert [call_back(desk, one, known).status for one in (old, new)] == [401, 202]


def test_delivery_status_is_stored(desk: Desk):
    gateway = set_up(desk)
    sent = message(desk, gateway, desk.capture())
    answer = call_back(desk, gateway, *(event(sent, status) for status in ("delivered", "opened", "clicked")))
    assert (answer.status, answer.body) == (202, {"taken": 3, "ignored": 0})
    found = note(desk, sent)
    assert all(found[name] for name in ("delivered_at", "opened_at", "clicked_at"))
    call_back(desk, gateway, event(sent, "opened"))
    assert note(desk, sent)["opened_at"] == found["opened_at"]  # the first time counts


def test_reply_cancels_steps_that_wait_for_no_reply(desk: Desk):
    gateway, lead = set_up(desk), desk.capture()
    assert desk.steps(lead, state="published") + desk.steps(lead, state="planned")
    answer = call_back(desk, gateway, event(message(desk, gateway, lead), "replied", text="Yes, please"))
    assert answer.body == {"taken": 1, "ignored": 0}
    assert desk.lead(lead)["replied_at"] is not None
    [entry] = [one for one in desk.timeline(lead) if one["type"] == "SMS"]
    assert (entry["direction"], entry["channel"], entry["notes"]) == ("INBOUND", "sms", "Yes, please")
    assert {step["reason"] for step in desk.steps(lead, name="no-contact-24h")} == {"replied"}


@pytest.mark.parametrize("words", ["STOP", "please stop texting me"])
def test_stop_by_a_gateway_is_no_reply(desk: Desk, words: str):
    gateway, lead = set_up(desk), desk.capture(phone=PHONE)
    assert call_back(desk, gateway, event(message(desk, gateway, lead), "replied", text=words)).status == 202
    after = desk.lead(lead)
    assert (after["replied_at"], "sms" in after["opted_out_channels"]) == (None, True)
    assert {step["reason"] for step in desk.steps(lead, name="no-contact-24h")} == {None}


def test_request_to_stop_by_a_gateway_asks_a_person(desk: Desk):
    gateway, lead = set_up(desk), desk.capture(phone=PHONE)
    sent = message(desk, gateway, lead)
    asking = event(sent, "replied", text="please stop texting me, I went elsewhere")

    assert call_back(desk, gateway, asking, event(sent, "replied", text="Who is this?")).body["taken"] == 2

    [text] = desk.admin.get("/api/inbound-texts", is_open_question="true").body["items"]
    assert (text["lead_id"], text["question"], text["body"]) == (lead["id"], "opt_out", asking["text"])
    assert (text["sender"], text["notification_id"], text["account_id"]) == (PHONE, sent, gateway["id"])
    shown = desk.admin.get(f"/api/leads/{lead['id']}/messages").body["items"]
    assert [one["question"] for one in shown if one["direction"] == "INBOUND"] == ["opt_out"]
    [task] = desk.steps(lead, name="opt-out-request")
    assert task["state"] in ("planned", "published")
    assert desk.admin.post(f"/api/inbound-texts/{text['id']}/decide", {"answer": "opt_out"}).status == 200
    assert desk.lead(lead)["opted_out_at"] is not None


@pytest.mark.parametrize(
    "more", [{"is_auto_reply": True, "text": "Please stop texting me"}, {"text": "Stop by at 5?"}, {}]
)
def test_other_replies_by_a_gateway_ask_no_question(desk: Desk, more: dict[str, Any]):
    gateway, lead = set_up(desk), desk.capture(phone=PHONE)
    assert call_back(desk, gateway, event(message(desk, gateway, lead), "replied", **more)).status == 202
    assert desk.admin.get("/api/inbound-texts").body["items"] == []


def test_reply_of_a_patient_is_accepted(desk: Desk):
    gateway, lead = set_up(desk), desk.capture()
    sent = message(desk, gateway, lead)
    desk.admin.post(f"/api/leads/{lead['id']}/convert", {})
    assert call_back(desk, gateway, event(sent, "replied")).status == 202


def test_bounced_address_is_suppressed(desk: Desk):
    gateway, lead = set_up(desk), desk.capture(phone=PHONE)
    sent = message(desk, gateway, lead)
    call_back(desk, gateway, event(sent, "bounced", reason="invalid"))
    found = note(desk, sent)
    assert (found["state"], found["error"]) == ("failed", "it bounced: invalid")
    assert desk.sql("SELECT way, reason FROM suppressions") == [("phone", "invalid")]


def test_bounce_is_counted_once_for_the_rule_that_sent_the_message(desk: Desk):
    gateway, lead = set_up(desk), desk.capture(phone=PHONE)
    bounced, failed, anybodys = (message(desk, gateway, lead, series=series) for series in ("hello", "hello", None))
    for status, sent in (("bounced", bounced), ("bounced", bounced), ("failed", failed), ("bounced", anybodys)):
        call_back(desk, gateway, event(sent, status))
    found = desk.sql("SELECT series, sum(sent)::int, sum(failed)::int, sum(bounced)::int FROM series_hours GROUP BY 1")
    assert [tuple(row) for row in found] == [("hello", -1, 1, 1)]  # the message was counted as sent before it failed


def test_rule_with_too_many_bounces_is_paused_until_an_admin_resumes_it(desk: Desk):
    gateway, lead = set_up(desk), desk.capture(phone=PHONE)
    desk.admin.put("/api/settings/contact-policy", {"breaker": {"min_messages": 2, "bounces": 0.4}})
    rule = {"name": "hello", "on": "lead.created", "do": [{"suggest_lost": {"reason": "OTHER"}}]}
    path = f"/api/follow-up-rules/{desk.admin.post('/api/follow-up-rules', rule).body['id']}"
    desk.sql("INSERT INTO series_hours VALUES (:c, 'hello', date_trunc('hour', now()), 99, 0, 2, 0, 0, 0)",
        c=desk.clinic_id)  # fmt: skip
    call_back(desk, gateway, event(message(desk, gateway, lead, series="hello"), "bounced"))
    assert sweep("pause_failing_rules") == 1
    paused = desk.admin.get(path).body
    why = "1 of 2 messages bounced within 24 hours: 50.0% (limit 40.0%)."
    assert (paused["is_active"], paused["paused_because"]) == (False, why)
    assert desk.steps(desk.capture(), name="hello") == []
    on_again = desk.admin.patch(path, {"is_active": True}).body
    assert (on_again["is_active"], on_again["paused_because"]) == (True, None)
    assert sweep("pause_failing_rules") == 0
    assert len(desk.steps(desk.capture(), name="hello")) == 1


def test_repeated_callback_changes_nothing(desk: Desk):
    gateway, lead = set_up(desk), desk.capture()
    sent = message(desk, gateway, lead)
    answers = [call_back(desk, gateway, event(sent, "replied"), call="a-call").body for _ in range(2)]
    assert answers == [{"taken": 1, "ignored": 0}, {"taken": 0, "ignored": 1}]
    assert len([one for one in desk.timeline(lead) if one["type"] == "SMS"]) == 1


def test_gateway_reports_only_on_its_own_messages(desk: Desk, other_desk: Desk):
    gateway, foreign = set_up(desk), set_up(other_desk)
    own = set_up(desk, name="another")
    sent = message(desk, gateway, desk.capture())
    for other in (foreign, own):
        assert call_back(desk, other, event(sent, "failed")).body == {"taken": 0, "ignored": 1}
    assert note(desk, sent)["state"] == "sent"


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": signing.new_secret()},
        {"seconds": -360},
        {"seconds": 360},
        {"webhook-signature": "v1,x"},
        {"webhook-id": "another"},
        {"webhook-timestamp": ""},
    ],
)
def test_unsigned_callback_is_refused(desk: Desk, wrong: dict[str, Any]):
    gateway = set_up(desk)
    sent = message(desk, gateway, desk.capture())
    assert call_back(desk, gateway, event(sent, "failed"), **wrong).status == 401
    assert note(desk, sent)["state"] == "sent"


@pytest.mark.parametrize("wrong", [{"secret": signing.new_secret()}, {"webhook-id": ""}, {"seconds": -301}])
def test_unknown_gateway_answers_like_a_known_one(desk: Desk, wrong: dict[str, Any]):
    known = set_up(desk)
    unknown = {**known, "id": str(uuid4())}
    answers = [call_back(desk, one, event(str(uuid4()), "failed"), **wrong) for one in (known, unknown)]
    assert [answer.status for answer in answers] == [401, 401]
    assert {(a.body["code"], a.body["title"], a.body["detail"]) for a in answers} == {
        (answers[0].body["code"], answers[0].body["title"], answers[0].body["detail"])
    }
    assert call_back(desk, unknown, event(str(uuid4()), "failed")).status == 401


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"status": "eaten"}, "/events/0/status"),
        ({"at": "2200-01-01T00:00:00Z"}, "/events/0/at"),
        ({"reason": "invalid"}, "/events/0/reason"),
        ({"text": "Hi"}, "/events/0/text"),
        ({"lead_id": "x"}, "/events/0/lead_id"),
        ({"message_id": "x"}, "/events/0/message_id"),
    ],
)
def test_callback_is_validated_strictly(desk: Desk, more: dict[str, Any], pointer: str):
    gateway = set_up(desk)
    sent = message(desk, gateway, desk.capture())
    answer = call_back(desk, gateway, event(sent, "delivered"), {**event(sent, "delivered"), **more}, call="x")
    assert answer.pointers == [pointer.replace("/0/", "/1/")]
    assert note(desk, sent)["delivered_at"] is None
    assert (
        call_back(desk, gateway, event(sent, "delivered"), call="x").body["taken"] == 1
    )  # it can be reported again, correctly


def test_invalid_json_is_refused(desk: Desk):
    gateway = set_up(desk)
    assert call_back(desk, gateway, body=b"[").status == 400
    assert call_back(desk, gateway, body=b"{}").pointers == ["/events"]


def open_outage(target: str, gateway_id: str | None, error: str) -> None:
    sql(
        "INSERT INTO channel_outages (target, gateway_id, failures, error, failing_since, opened_at, checked_at)"
        " VALUES (:target, :gateway_id, 3, :error, now() - interval '1 hour', now(), now())",
        target=target,
        gateway_id=gateway_id,
        error=error,
    )


def test_gateway_shows_its_open_outage(desk: Desk):
    gateway, other = set_up(desk), set_up(desk, name="other")
    path = f"/api/gateways/{gateway['id']}"
    assert desk.admin.get(path).body["outage"] is None
    open_outage(gateway["id"], gateway["id"], "503")
    [shown, untouched] = sorted(desk.admin.get("/api/gateways").body["items"], key=lambda one: one["name"] != "social")
    assert (shown["id"], untouched["id"], untouched["outage"]) == (gateway["id"], other["id"], None)
    outage = shown["outage"]
    assert desk.admin.get(path).body["outage"] == outage
    assert (outage["reason"], outage["waiting_messages"]) == ("503", 0)
    since, probe = (datetime.fromisoformat(outage[name]) for name in ("since", "next_probe_at"))
    assert probe - since == timedelta(hours=1, seconds=30)
    sql("UPDATE channel_outages SET opened_at = NULL, checked_at = NULL, closed_at = now()")
    assert desk.admin.get(path).body["outage"] is None


def test_outages_of_channels_and_gateways_are_listed(desk: Desk):
    gateway = set_up(desk)
    path = "/api/notifications/outages"
    assert desk.admin.get(path).body == {"items": []}
    open_outage("email", None, "535 Bad login of postmaster@host")
    open_outage(gateway["id"], gateway["id"], "503")
    found = {one["channel"]: one for one in desk.admin.get(path).body["items"]}
    assert (found["email"]["gateway_id"], found["email"]["gateway"]) == (None, None)
    assert "postmaster" not in found["email"]["reason"]
    assert (found[None]["gateway_id"], found[None]["gateway"]) == (gateway["id"], "social")


def test_outage_of_a_gateway_is_shown_to_its_clinic_only(desk: Desk):
    gateway = set_up(desk)
    open_outage(str(other_id := new_id()), str(other_id), "503")  # the gateway of another clinic
    assert desk.admin.get("/api/notifications/outages").body == {"items": []}
    assert desk.admin.get(f"/api/gateways/{gateway['id']}").body["outage"] is None
