"""Microsoft 365: mailboxes and sending accounts sign in with tokens of an application (OAuth, XOAUTH2)."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.core.db import transaction
from app.engine.models import Kind, Reason
from app.messaging.channels.mail import microsoft
from app.messaging.mailboxes import service
from tests.support.desk import Desk
from tests.support.imap import ADDRESS, ImapAccount, mail
from tests.support.mail import SEND, note
from tests.support.mailboxes import add_mailbox, reading, state, wait_for_mails, wait_until_read
from tests.support.microsoft import CLIENT_ID, SECRET, TENANT, TokenServer
from tests.support.practice import Practice
from tests.support.processes import wait_until
from tests.support.sending import connect
from tests.support.smtp import SmtpServer
from workers.inbound import process, reader

pytest_plugins = ["tests.support.practice", "tests.support.desk"]

APPLICATION = {"sign_in": "microsoft", "tenant": TENANT, "client_id": CLIENT_ID, "client_secret": SECRET}
SENDER = {"sign_in": "microsoft", "tenant": TENANT, "client_id": CLIENT_ID, "username": ADDRESS}


@pytest.fixture
def account(tmp_path: Path) -> Iterator[ImapAccount]:
    with ImapAccount(tmp_path) as account:
        yield account


@pytest.fixture
def microsoft_365(account: ImapAccount, configure: Callable[..., None]) -> Iterator[TokenServer]:
    microsoft._tokens.clear()
    with TokenServer(account.password) as server:
        places = f"{server.place},127.0.0.1:{account.port}"
        configure(microsoft_login_url=server.url, outgoing_allow=places, outgoing_timeout=2)
        yield server


def settings(account: ImapAccount, **more: Any) -> dict[str, Any]:
    return {**{name: value for name, value in account.settings.items() if name != "password"}, **APPLICATION, **more}


def test_mailbox_is_read_with_a_token(
    practice: Practice, account: ImapAccount, microsoft_365: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "INTERVAL", 0.1)
    monkeypatch.setattr(reader, "CHECK_INTERVAL", 0.1)
    mailbox_id = add_mailbox(practice, account, **settings(account), password=None)
    with reading():
        wait_until_read(mailbox_id)
        account.inbox.deliver(mail(1))
        wait_for_mails(1)
    assert len(microsoft_365.calls) == 1


def test_token_is_used_until_shortly_before_its_end(account: ImapAccount, microsoft_365: TokenServer) -> None:
    application = microsoft.Application(TENANT, CLIENT_ID, SECRET)
    for _ in range(3):
        assert microsoft.access_token(application) == account.password
    assert len(microsoft_365.calls) == 1

    microsoft.forget_token(application)
    microsoft_365.expires_in = 0  # ends at once
    for _ in range(2):
        microsoft.access_token(application)
    assert len(microsoft_365.calls) == 3


def test_refused_token_is_replaced_at_the_next_sign_in(
    practice: Practice, account: ImapAccount, microsoft_365: TokenServer
) -> None:
    microsoft_365.token = "outdated"
    login = _login(practice, add_mailbox(practice, account, **settings(account), password=None))
    refused = service.try_mailbox(login)
    assert not refused.works
    assert "AUTHENTICATIONFAILED" in str(refused.error)

    microsoft_365.token = account.password
    assert service.try_mailbox(login).works
    assert len(microsoft_365.calls) == 2


def _login(practice: Practice, mailbox_id: Any) -> Any:
    with transaction() as session:
        return service.login_of(service.read_mailbox(session, practice.clinic_id, mailbox_id))


def test_refused_application_is_shown_without_its_secret(
    practice: Practice, account: ImapAccount, microsoft_365: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "INTERVAL", 0.1)
    microsoft_365.refuse(401, "invalid_client", f"AADSTS7000215: Invalid client secret provided: {SECRET}")
    mailbox_id = add_mailbox(practice, account, **settings(account), password=None)
    with reading():
        wait_until(lambda: state(mailbox_id).error is not None, 60, "the failure")
    error = str(state(mailbox_id).error)
    assert error == "the sign-in server of Microsoft answers 401: invalid_client AADSTS7000215"


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "https://169.254.169.254/"])
def test_unreachable_token_server_is_a_failure_of_the_mailbox(
    practice: Practice, account: ImapAccount, microsoft_365: TokenServer, configure: Callable[..., None], url: str
) -> None:
    configure(microsoft_login_url=url, outgoing_allow=f"127.0.0.1:{account.port}")
    login = _login(practice, add_mailbox(practice, account, **settings(account), password=None))
    assert str(service.try_mailbox(login).error).startswith("the sign-in server of Microsoft does not answer")


def test_sending_account_signs_in_with_a_token(practice: Practice, microsoft_365: TokenServer) -> None:
    with SmtpServer(login=(ADDRESS, microsoft_365.token)) as office:
        connect(practice, office, settings=SENDER, credentials={"client_secret": SECRET})
        for _ in range(2):
            practice.fail_to_reach(practice.capture())
        practice.run(Kind.SEND_MESSAGE)
        practice.run(SEND)
        assert len(office.accepted) == 2
    assert len(microsoft_365.calls) == 1


def test_messages_wait_while_microsoft_refuses_the_application(practice: Practice, microsoft_365: TokenServer) -> None:
    microsoft_365.refuse(400, "unauthorized_client", "AADSTS700016: Application was not found.")
    with SmtpServer(login=(ADDRESS, microsoft_365.token)) as office:
        connect(practice, office, settings=SENDER, credentials={"client_secret": SECRET})
        for _ in range(4):
            practice.fail_to_reach(practice.capture())
        practice.run(Kind.SEND_MESSAGE)
        practice.run(SEND)
        assert office.accepted == []
    waiting = [step for step in practice.steps(kind=SEND) if step.state in {"planned", "published"}]
    assert len(waiting) == 4
    assert Reason.CHANNEL_DOWN in {step.reason for step in waiting}


def test_refused_token_of_a_sending_account_is_replaced(practice: Practice, microsoft_365: TokenServer) -> None:
    good, microsoft_365.token = microsoft_365.token, "outdated"
    with SmtpServer(login=(ADDRESS, good)) as office:
        connect(practice, office, settings=SENDER, credentials={"client_secret": SECRET})
        practice.fail_to_reach(practice.capture())
        practice.run(Kind.SEND_MESSAGE)
        practice.run(SEND)
        assert office.accepted == []
        assert "535" in str(note(practice).error)
        microsoft_365.token = good
        practice.fail_to_reach(practice.capture())
        practice.run(Kind.SEND_MESSAGE)
        practice.run(SEND)
        assert len(office.accepted) == 1


def test_api_needs_the_whole_application_and_hides_its_secret(desk: Desk, configure: Callable[..., None]) -> None:
    mailbox = {"name": "Office", "host": "8.8.8.8", "username": ADDRESS}
    assert desk.admin.post("/api/mailboxes", mailbox).pointers == ["/password"]
    missing = desk.admin.post("/api/mailboxes", {**mailbox, "sign_in": "microsoft", "tenant": TENANT})
    assert missing.pointers == ["/client_id", "/client_secret"]
    wrong = desk.admin.post("/api/mailboxes", {**mailbox, **APPLICATION, "tenant": "../../evil"})
    assert wrong.pointers == ["/tenant"]
    made = desk.admin.post("/api/mailboxes", {**mailbox, **APPLICATION})
    assert made.status == 201, made.body
    assert (made.body["sign_in"], made.body["tenant"]) == ("microsoft", TENANT)
    back = desk.admin.patch(f"/api/mailboxes/{made.body['id']}", {"sign_in": "password"})
    assert back.pointers == ["/password"]

    account = {"name": "office", "kind": "smtp", "settings": {"host": "8.8.8.8", "sender_address": ADDRESS}}
    account["settings"] |= {name: APPLICATION[name] for name in ("sign_in", "tenant", "client_id")}  # type: ignore[operator]
    refused = desk.admin.post("/api/sending-accounts", {**account, "credentials": {}})
    assert refused.pointers == ["/credentials/client_secret", "/settings/username"]
    account["settings"] |= {"username": ADDRESS}  # type: ignore[operator]
    kept = desk.admin.post("/api/sending-accounts", {**account, "credentials": {"client_secret": SECRET}})
    assert kept.status == 201, kept.body
    shown = [made.body, kept.body, desk.admin.get("/api/audit").body, desk.admin.every("/api/sending-accounts")]
    assert SECRET not in json.dumps(shown)
    stored = desk.sql(
        "SELECT row_to_json(m)::text AS columns FROM mailboxes m UNION ALL SELECT row_to_json(a)::text"
        " FROM sending_accounts a"
    )
    assert len(stored) == 2
    assert not any(SECRET in row.columns for row in stored)
