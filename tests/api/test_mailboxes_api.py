"""Mailboxes: settings of the clinics' IMAP accounts, and the test of a connection."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.desk import Desk
from tests.support.imap import ImapAccount, mail

pytest_plugins = ["tests.support.desk", "tests.support.practice"]

SETTINGS = {"name": "Front desk", "host": "8.8.8.8", "username": "hello@clinic.example", "password": "an app password"}


@pytest.fixture
def account(tmp_path: Path, configure: Callable[..., None]) -> Iterator[ImapAccount]:
    with ImapAccount(tmp_path) as account:
        configure(outgoing_allow=f"127.0.0.1:{account.port}")
        yield account


def create(desk: Desk, settings: dict[str, Any]) -> dict[str, Any]:
    answer = desk.admin.post("/api/mailboxes", settings)
    assert answer.status == 201, answer.body
    made: dict[str, Any] = answer.body
    return made


def test_new_mailbox_uses_tls_and_hides_its_password(desk: Desk) -> None:
    made = create(desk, SETTINGS)

    assert (made["port"], made["security"], made["folder"]) == (993, "tls", "INBOX")
    assert (made["is_active"], made["mark_seen"], made["since"], made["last_seen_at"]) == (True, False, None, None)
    read = desk.admin.get(f"/api/mailboxes/{made['id']}")
    listed = desk.admin.every("/api/mailboxes")
    audited = desk.admin.get("/api/audit", subject="mailbox")
    assert [entry["act"] for entry in audited.body["items"]] == ["create"]
    for shown in (made, read.body, listed, audited.body):
        assert "an app password" not in json.dumps(shown)
        assert "password" not in {*made, *read.body}
    [row] = desk.sql("SELECT row_to_json(m)::text AS all_columns FROM mailboxes m")
    assert "hello@clinic.example" not in row.all_columns


def test_starttls_uses_port_143(desk: Desk) -> None:
    assert create(desk, {**SETTINGS, "security": "starttls"})["port"] == 143


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"host": "127.0.0.1"}, "private network"),
        ({"host": "169.254.169.254"}, "private network"),
        ({"host": "[::1]"}, "names no host"),
        ({"host": "2130706433"}, "unusual way"),
        ({"host": "nowhere.invalid"}, "is not found"),
        ({"security": "none"}, "TLS or STARTTLS"),
        ({"port": 25}, "allowed: 143, 993"),
        ({"port": 8443}, "allowed: 143, 993"),
        ({"host": "8.8.8.8/x"}, "names no host"),
    ],
)
def test_server_that_may_not_be_called_is_refused(desk: Desk, change: dict[str, Any], message: str) -> None:
    answer = desk.admin.post("/api/mailboxes", {**SETTINGS, **change})

    assert answer.pointers == ["/host"]
    assert message in str(answer.body)
    assert answer.body["errors"][0]["message"].count("\n") == 0


def test_change_to_a_server_that_may_not_be_called_is_refused(desk: Desk) -> None:
    made = create(desk, SETTINGS)

    for change in ({"host": "10.0.0.1"}, {"security": "none"}, {"port": 22}):
        answer = desk.admin.patch(f"/api/mailboxes/{made['id']}", {**change, "password": "given again"})
        assert answer.pointers == ["/host"]
    assert desk.admin.get(f"/api/mailboxes/{made['id']}").body["host"] == "8.8.8.8"


@pytest.mark.parametrize("change", [{"host": "1.1.1.1"}, {"host": "1.1.1.1", "username": "x"}, {"security": "none"}])
def test_stored_password_is_not_sent_to_another_server(desk: Desk, configure: Any, change: dict[str, Any]) -> None:
    configure(outgoing_allow="8.8.8.8:993")
    made = create(desk, SETTINGS)

    refused = desk.admin.patch(f"/api/mailboxes/{made['id']}", change)
    assert (refused.status, refused.pointers) == (422, ["/password"])
    assert desk.admin.get(f"/api/mailboxes/{made['id']}").body["host"] == "8.8.8.8"
    assert desk.admin.patch(f"/api/mailboxes/{made['id']}", {"host": "8.8.8.8", "name": "Same"}).status == 200
    given = {**change, "password": "the one of that server"}
    assert desk.admin.patch(f"/api/mailboxes/{made['id']}", given).status == 200


def test_name_is_unique_and_the_number_limited(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    create(desk, SETTINGS)
    assert desk.admin.post("/api/mailboxes", SETTINGS).body["code"] == "mailbox-name-taken"

    monkeypatch.setattr("app.messaging.mailboxes.service.MAX_MAILBOXES", 1)
    assert desk.admin.post("/api/mailboxes", {**SETTINGS, "name": "b"}).body["code"] == "too-many-mailboxes"


def test_change_keeps_other_fields_and_the_password(desk: Desk, account: ImapAccount) -> None:
    made = create(desk, account.settings)

    changed = desk.admin.patch(f"/api/mailboxes/{made['id']}", {"mark_seen": True, "name": "Reception"}).body

    assert (changed["name"], changed["mark_seen"], changed["version"]) == ("Reception", True, 2)
    assert desk.admin.post(f"/api/mailboxes/{made['id']}/test").body["works"]


def test_another_folder_is_read_from_its_own_beginning(desk: Desk) -> None:
    made = create(desk, SETTINGS)
    desk.sql("UPDATE mailboxes SET uidvalidity = 7, last_uid = 900, failing_since = now(), error = 'x'")

    desk.admin.patch(f"/api/mailboxes/{made['id']}", {"folder": "INBOX", "password": "another"})
    [same] = desk.sql("SELECT uidvalidity, last_uid, error FROM mailboxes")
    desk.admin.patch(f"/api/mailboxes/{made['id']}", {"folder": "Leads"})
    [other] = desk.sql("SELECT uidvalidity, last_uid, error FROM mailboxes")

    assert tuple(same) == (7, 900, None)
    assert tuple(other) == (None, None, None)


def test_test_reports_mails_and_idle(desk: Desk, account: ImapAccount) -> None:
    made = create(desk, account.settings)
    account.inbox.deliver(mail(1))

    answer = desk.admin.post(f"/api/mailboxes/{made['id']}/test")

    assert answer.body == {"works": True, "error": None, "messages": 1, "supports_idle": True}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"password": "wrong"}, "AUTHENTICATIONFAILED"),
        ({"password": "wröng"}, "AUTHENTICATIONFAILED"),
        ({"folder": "Elsewhere"}, "no such folder"),
    ],
)
def test_test_says_why_a_mailbox_cannot_be_read(
    desk: Desk, account: ImapAccount, change: dict[str, str], error: str
) -> None:
    made = create(desk, account.settings)
    desk.admin.patch(f"/api/mailboxes/{made['id']}", change)

    answer = desk.admin.post(f"/api/mailboxes/{made['id']}/test")

    assert answer.status == 200
    assert not answer.body["works"]
    assert error in answer.body["error"]


def test_test_of_a_stopped_server_says_so(desk: Desk, account: ImapAccount) -> None:
    made = create(desk, account.settings)
    account.stop()

    assert "refused" in desk.admin.post(f"/api/mailboxes/{made['id']}/test").body["error"]


def test_only_managers_of_notifications_see_mailboxes(desk: Desk) -> None:
    made = create(desk, SETTINGS)

    for answer in (
        desk.coordinator.get("/api/mailboxes"),
        desk.coordinator.post(f"/api/mailboxes/{made['id']}/test"),
        desk.coordinator.delete(f"/api/mailboxes/{made['id']}"),
    ):
        assert answer.status == 403


def test_deleted_mailbox_is_gone(desk: Desk) -> None:
    made = create(desk, SETTINGS)

    assert desk.admin.delete(f"/api/mailboxes/{made['id']}", seen='"9"').status == 412
    assert desk.admin.delete(f"/api/mailboxes/{made['id']}").status == 204
    assert desk.admin.get(f"/api/mailboxes/{made['id']}").status == 404
