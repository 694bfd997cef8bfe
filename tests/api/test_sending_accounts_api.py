"""Sending accounts: settings and credentials by kind, defaults, the test message, and the clinics' separation."""

import json
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest

from app.automation.nurtures.runs import process_run_batch
from app.core.db import transaction
from tests.support.desk import Desk
from tests.support.sending import allow, smtp_settings
from tests.support.smtp import SmtpServer

pytest_plugins = ["tests.support.desk", "tests.support.practice"]

SECRET = "seven green umbrellas"
SMTP: dict[str, Any] = {
    "name": "office",
    "kind": "smtp",
    "settings": {"host": "8.8.8.8", "username": "hello@clinic.example", "sender_address": "hello@clinic.example"},
    "credentials": {"password": SECRET},
}
TWILIO: dict[str, Any] = {
    "name": "texts",
    "kind": "twilio",
    "channels": ["sms", "whatsapp"],
    "settings": {"account_sid": f"AC{'0' * 32}", "number": "+12025550123", "whatsapp_number": "+12025550124"},
    "credentials": {"auth_token": SECRET},
}
WHATSAPP: dict[str, Any] = {
    "name": "whatsapp",
    "kind": "whatsapp_cloud",
    "settings": {"phone_number_id": "106540352242922"},
    "credentials": {"access_token": SECRET, "app_secret": SECRET, "verify_token": SECRET},
}


@pytest.fixture
def server(configure: Callable[..., None]) -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        allow(server)
        yield server


def create(desk: Desk, account: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = desk.admin.post("/api/sending-accounts", {**account, **more})
    assert answer.status == 201, answer.body
    made: dict[str, Any] = answer.body
    return made


@pytest.mark.parametrize(
    ("kind", "part"), [("smtp", "host"), ("twilio", "account_sid"), ("whatsapp_cloud", "phone_number_id")]
)
@pytest.mark.parametrize("more", [{}, {"credentials": {}}, {"settings": None}, {"settings": []}, {"channels": ["fax"]}])
def test_missing_settings_are_a_mistake(desk: Desk, kind: str, part: str, more: dict[str, Any]) -> None:
    answer = desk.admin.post("/api/sending-accounts", {"name": "office", "kind": kind, **more})
    assert answer.status == 422
    assert "/settings" in answer.pointers
    assert (f"/settings/{part}" in answer.pointers) == ("settings" not in more)
    assert desk.admin.every("/api/sending-accounts") == []


@pytest.mark.parametrize("account", [SMTP, TWILIO, WHATSAPP], ids=lambda account: account["kind"])
def test_credentials_are_in_no_response_and_no_audit_entry(desk: Desk, account: dict[str, Any]) -> None:
    made = create(desk, account)
    path = f"/api/sending-accounts/{made['id']}"
    changed = desk.admin.patch(path, {"credentials": account["credentials"], "per_day": 100})
    shown = [made, changed.body, desk.admin.get(path).body, desk.admin.every("/api/sending-accounts")]
    deleted = desk.admin.delete(path)
    audited = desk.admin.get("/api/audit", subject="sending_account").body

    assert (changed.status, deleted.status) == (200, 204)
    assert made["credential_names"] == sorted(account["credentials"])
    assert [entry["act"] for entry in audited["items"]] == ["delete", "update", "create"]
    assert SECRET not in json.dumps([*shown, audited])
    assert all("credentials" not in body for body in shown[:3])


def test_stored_row_has_no_credentials(desk: Desk) -> None:
    create(desk, SMTP)

    [row] = desk.sql("SELECT row_to_json(a)::text AS every FROM sending_accounts a")
    assert SECRET not in row.every


def test_settings_get_their_defaults(desk: Desk) -> None:
    made = create(desk, SMTP)

    assert made["channels"] == made["default_for"] == ["email"]
    assert made["settings"] == {
        **SMTP["settings"],
        "port": None,
        "security": "starttls",
        "sender_name": None,
        "send_as_coordinator": False,
        "sign_in": "password",
        "tenant": None,
        "client_id": None,
    }
    assert made["is_active"]


def test_stored_password_is_not_sent_to_another_server(desk: Desk) -> None:
    path = f"/api/sending-accounts/{create(desk, SMTP)['id']}"

    refused = desk.admin.patch(path, {"settings": {"host": "1.1.1.1"}})
    assert (refused.status, refused.pointers) == (422, ["/credentials/password"])
    assert desk.admin.get(path).body["settings"]["host"] == "8.8.8.8"
    assert desk.admin.patch(path, {"settings": {"host": "8.8.8.8", "sender_name": "Ana"}}).status == 200
    moved = {"settings": {"host": "1.1.1.1"}, "credentials": {"password": "the one of that server"}}
    assert desk.admin.patch(path, moved).status == 200
    assert desk.admin.patch(path, {"settings": {"port": 465, "security": "tls"}}).status == 200


@pytest.mark.parametrize(
    ("account", "change", "pointers"),
    [
        (SMTP, {"settings": {"host": "127.0.0.1"}}, ["/credentials/password", "/settings/host"]),
        (SMTP, {"settings": {"host": "10.0.0.1", "port": 587}, "credentials": {"password": "x"}}, ["/settings/host"]),
        (SMTP, {"settings": {"port": 22}}, ["/settings/host"]),
        (SMTP, {"settings": {"security": "none"}}, ["/credentials/password", "/settings/host"]),
        (SMTP, {"settings": {"security": "ssl", "port": "587"}}, ["/settings/port", "/settings/security"]),
        (SMTP, {"settings": {"sender_address": "nobody"}}, ["/settings/sender_address"]),
        (SMTP, {"settings": {"sender_address": "a..b@clinic.example"}}, ["/settings/sender_address"]),
        (SMTP, {"settings": {"sender_name": "Ana\r\nBcc: x@x.example"}}, ["/settings/sender_name"]),
        (SMTP, {"settings": {"sender_address": None, "speed": 1}}, ["/settings/sender_address", "/settings/speed"]),
        (SMTP, {"credentials": {"password": None}}, ["/credentials/password"]),
        (SMTP, {"credentials": {"token": "x"}}, ["/credentials/token"]),
        (SMTP, {"channels": ["sms"]}, ["/channels/0"]),
        (SMTP, {"default_for": ["whatsapp"]}, ["/default_for"]),
        (SMTP, {"warm_up_per_day": 0, "per_hour": "many"}, ["/per_hour", "/warm_up_per_day"]),
        (TWILIO, {"settings": {"account_sid": "x"}}, ["/settings/account_sid"]),
        (
            TWILIO,
            {"settings": {"number": None, "whatsapp_number": None}},
            ["/settings/number", "/settings/whatsapp_number"],
        ),
        (TWILIO, {"credentials": {"auth_token": None}}, ["/credentials/auth_token"]),
        (WHATSAPP, {"settings": {"phone_number_id": "+12025550123"}}, ["/settings/phone_number_id"]),
    ],
)
def test_change_reports_every_mistake(
    desk: Desk, account: dict[str, Any], change: dict[str, Any], pointers: list[str]
) -> None:
    made = create(desk, account)

    answer = desk.admin.patch(f"/api/sending-accounts/{made['id']}", change)

    assert sorted(answer.pointers) == pointers
    assert desk.admin.get(f"/api/sending-accounts/{made['id']}").body == {**made, "outage": None}


def test_secret_is_not_repeated_in_a_refusal(desk: Desk) -> None:
    answer = desk.admin.post("/api/sending-accounts", {**SMTP, "credentials": {"password": [SECRET]}})

    assert answer.pointers == ["/credentials/password"]
    assert SECRET not in json.dumps(answer.body)


def test_change_of_one_setting_keeps_the_others(desk: Desk) -> None:
    made = create(desk, SMTP)

    change = {"settings": {"sender_name": "Bright Smiles"}, "per_hour": 100}
    changed = desk.admin.patch(f"/api/sending-accounts/{made['id']}", change).body

    assert changed["settings"] == {**made["settings"], "sender_name": "Bright Smiles"}
    assert (changed["per_hour"], changed["credential_names"], changed["version"]) == (100, ["password"], 2)


def test_account_without_its_server_can_be_deactivated(desk: Desk) -> None:
    made = create(desk, SMTP)
    desk.sql("""UPDATE sending_accounts SET settings = settings || '{"host": "nowhere.invalid"}'""")

    changed = desk.admin.patch(f"/api/sending-accounts/{made['id']}", {"is_active": False})

    assert (changed.status, changed.body["is_active"], changed.body["credential_names"]) == (200, False, ["password"])


def test_second_warm_up_begins_again(desk: Desk) -> None:
    made = create(desk, SMTP, warm_up_per_day=20, warm_up_started_on="2026-01-31", warm_up_growth=10)
    path = f"/api/sending-accounts/{made['id']}"

    ended = desk.admin.patch(path, {"warm_up_per_day": None}).body
    again = desk.admin.patch(path, {"warm_up_per_day": 5}).body

    assert (ended["warm_up_growth"], ended["warm_up_started_on"]) == (None, None)
    assert again["warm_up_growth"] == 30
    assert again["warm_up_started_on"] > "2026-01-31"


def test_stale_version_is_refused(desk: Desk) -> None:
    path = f"/api/sending-accounts/{create(desk, SMTP)['id']}"
    seen = desk.admin.get(path).headers["ETag"]
    desk.admin.patch(path, {"per_hour": 1}, seen=seen)

    assert desk.admin.patch(path, {"per_hour": 2}, seen=seen).status == 412
    assert desk.admin.delete(path, seen=seen).status == 412


def test_channel_has_one_default(desk: Desk) -> None:
    first, second = create(desk, SMTP), create(desk, SMTP, name="newsletter")
    assert (first["default_for"], second["default_for"]) == (["email"], [])

    desk.admin.patch(f"/api/sending-accounts/{second['id']}", {"default_for": ["email"]})

    known = {one["name"]: one["default_for"] for one in desk.admin.every("/api/sending-accounts")}
    assert known == {"newsletter": ["email"], "office": []}


def test_name_is_unique_and_the_number_limited(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    create(desk, SMTP)
    assert desk.admin.post("/api/sending-accounts", SMTP).body["code"] == "sending-account-name-taken"

    monkeypatch.setattr("app.messaging.sending_accounts.service.MAX_ACCOUNTS", 1)
    answer = desk.admin.post("/api/sending-accounts", {**SMTP, "name": "b"})
    assert answer.body["code"] == "too-many-sending-accounts"


def test_warm_up_begins_today_and_grows_by_a_third(desk: Desk) -> None:
    made = create(desk, SMTP, warm_up_per_day=20)

    assert made["warm_up_growth"] == 30
    began, created = date.fromisoformat(made["warm_up_started_on"]), date.fromisoformat(made["created_at"][:10])
    assert abs(began - created) <= timedelta(days=1)  # the local day


def test_test_message_goes_to_the_caller(desk: Desk, server: SmtpServer) -> None:
    made = create(desk, SMTP, settings=smtp_settings(server), credentials={})

    answer = desk.admin.post(f"/api/sending-accounts/{made['id']}/test")

    assert answer.body == {"outcome": "sent", "response": "250 2.0.0 Queued as 1"}
    [mail] = server.accepted
    [address] = desk.sql("SELECT email FROM users WHERE id = :id", id=desk.admin.id)
    assert mail.recipient == address.email
    assert mail.message["From"] == "Bright Smiles <hello@clinic.example>"


@pytest.mark.parametrize(
    ("stage", "act", "outcome"),
    [
        ("greeting", "554 5.7.1 We do not like your address", "transient"),
        ("rcpt", "550 5.1.1 No such user", "permanent"),
        ("auth", "535 5.7.8 Bad login", "transient"),
    ],
)
def test_test_answers_with_the_words_of_the_server(
    desk: Desk, server: SmtpServer, stage: str, act: str, outcome: str
) -> None:
    server.login = ("hello", SECRET)
    made = create(desk, SMTP, settings=smtp_settings(server), credentials={"password": SECRET})
    server.on(stage, act)

    answer = desk.admin.post(f"/api/sending-accounts/{made['id']}/test")

    assert (answer.body["outcome"], answer.body["response"]) == (outcome, act)


def test_test_of_texts_needs_a_number(desk: Desk) -> None:
    path = f"/api/sending-accounts/{create(desk, TWILIO)['id']}/test"

    assert desk.admin.post(path).pointers == ["/to"]
    assert desk.admin.post(path, {"to": "0170"}).pointers == ["/to"]
    assert desk.admin.post(path, {"to": "+12025550123", "channel": "email"}).pointers == ["/channel"]


def test_only_admins_see_accounts(desk: Desk, other_desk: Desk) -> None:
    path = f"/api/sending-accounts/{create(desk, SMTP)['id']}"

    assert other_desk.admin.get(path).status == 404
    assert other_desk.admin.every("/api/sending-accounts") == []
    assert desk.admin.get(f"/api/sending-accounts/{uuid4()}").status == 404
    assert desk.program("lead:read").get(path).status == 403


def test_rule_with_an_unknown_account_gets_a_warning(desk: Desk) -> None:
    desk.admin.post("/api/message-templates", {"slug": "x", "name": "x", "variants": [{"subject": "x", "body": "x"}]})
    message = {"channel": "email", "template": "x", "account": "newsletter", "transactional": True}
    rule = {"name": "welcome", "on": "lead.created", "do": [{"send_message": message}]}

    made = desk.admin.post("/api/follow-up-rules", rule).body
    assert made["warnings"] == [
        {"pointer": "/do/0/send_message", "message": "The clinic has no sending account 'newsletter'."}
    ]

    create(desk, SMTP, name="newsletter", is_active=False)
    [shown] = [one for one in desk.admin.every("/api/follow-up-rules") if one["name"] == "welcome"]
    assert shown["warnings"][0]["message"] == "The sending account 'newsletter' is inactive."


def test_nurture_stops_before_it_enrolls_leads_without_account(desk: Desk) -> None:
    message = {"channel": "email", "template": "x", "account": "newsletter"}
    desk.admin.post("/api/message-templates", {"slug": "x", "name": "x", "variants": [{"subject": "x", "body": "x"}]})
    offers = {"name": "offers", "steps": [{"name": "first", "send_message": message}]}
    assert desk.admin.post("/api/sequences", offers).status == 201
    nurture = {"name": "x", "sequence": "offers", "score_from": 2, "score_to": 6}
    made = desk.admin.post("/api/nurtures", nurture).body

    preview = desk.admin.get(f"/api/nurtures/{made['id']}/preview").body
    desk.admin.post(f"/api/nurtures/{made['id']}/run")
    with transaction() as session:
        process_run_batch(session)

    assert (preview["is_able"], [one["pointer"] for one in preview["warnings"]]) == (False, ["/steps/0/send_message"])
    [run] = desk.sql("SELECT state, reason FROM nurture_runs")
    assert tuple(run) == ("stopped", "no_account")
    [notice] = desk.sql("SELECT DISTINCT template FROM notifications WHERE template LIKE '%missing'")
    assert notice.template == "sending-account-missing"


def test_account_is_for_channels_that_accounts_serve(desk: Desk) -> None:
    message = {"channel": "http", "template": "x", "account": "newsletter"}
    rule = {"name": "welcome", "on": "lead.created", "do": [{"send_message": message}]}

    assert "/do/0/send_message/account" in desk.admin.post("/api/follow-up-rules", rule).pointers
