"""Process `inbound`: mails of IMAP servers are received once, in order, whatever breaks."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from app.clock import now
from app.core.db import new_id, transaction
from app.engine.models import Kind
from app.messaging.channels import email
from app.messaging.inbound.models import InboundEmail, InboundRawEmail
from app.messaging.mailboxes import service
from app.messaging.mailboxes.failure_notices import mailbox_figures
from app.ops.doctor import mail_round_trip, message_checks
from app.ops.doctor.mail_round_trip import check_mail_round_trip
from app.ops.embedded import free_port
from app.ops.mailbox.server import smtp_server
from app.ops.mailbox.store import Store
from tests.support.enrolling import mail as message_step
from tests.support.enrolling import playbook, sequence
from tests.support.imap import ADDRESS, ImapAccount, mail
from tests.support.inbound import answer, set_address
from tests.support.mailboxes import (
    PATIENCE,
    add_mailbox,
    change,
    ids,
    reading,
    received,
    state,
    wait_for_mails,
    wait_until_read,
)
from tests.support.practice import Practice, Watch, sql
from tests.support.processes import Processes, wait_until
from tests.support.smtp import SmtpServer
from workers.inbound import process, reader, receive_new
from workers.sweeps.run import sweep

pytest_plugins = ["tests.support.practice"]

TASK = {"create_task": {"type": "CALL", "title": "Call"}}


@pytest.fixture
def account(tmp_path: Path, configure: Callable[..., None]) -> Iterator[ImapAccount]:
    with ImapAccount(tmp_path) as account:
        configure(outgoing_allow=f"127.0.0.1:{account.port}")
        yield account


@pytest.fixture(autouse=True)
def _short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, seconds in (
        *((process, "INTERVAL", 0.1), (reader, "FIRST_PAUSE", 0.1), (reader, "PAUSE_AFTER_REFUSAL", 0.1)),
        *((reader, "CHECK_INTERVAL", 0.1), (reader, "POLL_INTERVAL", 0.1)),
    ):
        monkeypatch.setattr(module, name, seconds)


def raw(message_id: str) -> bytes:
    with transaction() as session:
        email_id = session.scalars(select(InboundEmail.id).where(InboundEmail.message_id == message_id)).one()
        return session.get_one(InboundRawEmail, email_id).content.encode()


def test_mail_is_received_from_the_first_connection_on(practice: Practice, account: ImapAccount) -> None:
    account.inbox.deliver(mail(1))
    mailbox_id = add_mailbox(practice, account)

    with reading():
        wait_until_read(mailbox_id)
        account.inbox.deliver(mail(2))
        account.inbox.deliver(mail(3))
        wait_for_mails(2, 3)

    assert (state(mailbox_id).last_uid, state(mailbox_id).supports_idle) == (3, True)
    assert account.inbox.seen == set()


def test_mail_that_arrives_while_others_are_read_is_not_forgotten(
    practice: Practice, account: ImapAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server reports it in the reply to another command, and then never again."""
    receive = receive_new.receive_email

    def deliver_another(session: Any, clinic_id: UUID, content: bytes, **more: Any) -> Any:
        if b"<1@" in content:
            account.inbox.deliver(mail(2))
        return receive(session, clinic_id, content, **more)

    monkeypatch.setattr(receive_new, "receive_email", deliver_another)
    mailbox_id = add_mailbox(practice, account, mark_seen=True)  # its reply reports the other mail
    with reading():
        wait_until_read(mailbox_id)
        account.inbox.deliver(mail(1))
        wait_for_mails(1, 2)


def test_mail_since_a_day_is_received_and_older_mail_is_not(practice: Practice, account: ImapAccount) -> None:
    today = datetime.now(UTC)
    account.inbox.deliver(mail(1), at=today - timedelta(days=9))
    account.inbox.deliver(mail(2), at=today - timedelta(days=2))
    add_mailbox(practice, account, since=(today - timedelta(days=3)).date())

    with reading():
        wait_for_mails(2)
        account.inbox.deliver(mail(3), at=today - timedelta(days=9))  # an old mail that is moved into the folder
        account.inbox.deliver(mail(4))
        wait_for_mails(2, 4)


def test_server_without_idle_is_asked_again_and_again(
    tmp_path: Path, practice: Practice, configure: Callable[..., None]
) -> None:
    with ImapAccount(tmp_path, has_idle=False) as account:
        configure(outgoing_allow=f"127.0.0.1:{account.port}")
        mailbox_id = add_mailbox(practice, account)
        with reading():
            wait_until_read(mailbox_id)
            account.inbox.deliver(mail(1))
            wait_for_mails(1)

    assert state(mailbox_id).supports_idle is False


def test_mails_are_marked_as_seen_on_request(practice: Practice, account: ImapAccount) -> None:
    mailbox_id = add_mailbox(practice, account, mark_seen=True)
    with reading():
        wait_until_read(mailbox_id)
        account.inbox.deliver(mail(1))
        wait_until(lambda: account.inbox.seen == {1}, PATIENCE, "the flag")


def test_renumbered_mails_are_received_once(practice: Practice, account: ImapAccount) -> None:
    mailbox_id = add_mailbox(practice, account)
    with reading():
        wait_until_read(mailbox_id)
        for number in (1, 2):
            account.inbox.deliver(mail(number))
        wait_for_mails(1, 2)
        account.inbox.uidvalidity = 2
        account.stop()
        account.inbox.deliver(mail(3))
        account.start()
        wait_for_mails(1, 2, 3)

    assert (state(mailbox_id).uidvalidity, state(mailbox_id).last_uid) == (2, 3)


def test_mail_that_cannot_be_received_is_stored_and_the_next_is_read(
    practice: Practice, account: ImapAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive = receive_new.receive_email

    def fail_for_poison(session: Any, clinic_id: UUID, content: bytes, **more: Any) -> Any:
        if b"Poison" in content:
            raise RecursionError
        return receive(session, clinic_id, content, **more)

    monkeypatch.setattr(receive_new, "receive_email", fail_for_poison)
    mailbox_id = add_mailbox(practice, account)
    with reading():
        wait_until_read(mailbox_id)
        account.inbox.deliver(mail(1, Subject="Poison"))
        account.inbox.deliver(mail(2))
        wait_until(lambda: len(received()) == 2, PATIENCE, "both mails")

    stored = sql("SELECT classification FROM inbound_emails ORDER BY id")
    assert stored[0].classification == "unreadable"
    assert received()[1:] == ids(2)
    assert state(mailbox_id).error is None


def test_mail_that_ended_the_process_several_times_is_stored_unread(practice: Practice, account: ImapAccount) -> None:
    account.inbox.deliver(mail(1))
    account.inbox.deliver(mail(2))
    mailbox_id = add_mailbox(practice, account, since=datetime.now(UTC).date())
    sql("UPDATE mailboxes SET uidvalidity = 1, last_uid = 0, attempted_uid = 1, attempts = 3")

    with reading():
        wait_until(lambda: len(received()) == 2, PATIENCE, "both mails")

    first, *_ = sql("SELECT classification FROM inbound_emails ORDER BY id")
    assert first.classification == "unreadable"
    assert (state(mailbox_id).attempts, state(mailbox_id).attempted_uid) == (0, None)


def test_only_the_headers_of_a_very_large_mail_are_received(
    practice: Practice, account: ImapAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receive_new, "LARGEST_MAIL", 2000)
    mailbox_id = add_mailbox(practice, account)
    with reading():
        wait_until_read(mailbox_id)
        account.inbox.deliver(mail(1, text="x" * 3000))
        wait_for_mails(1)

    assert len(raw(*ids(1))) < 500


def test_wrong_password_is_shown_and_a_correction_is_used_at_once(practice: Practice, account: ImapAccount) -> None:
    mailbox_id = add_mailbox(practice, account, password="wrong")
    with reading():
        wait_until(lambda: state(mailbox_id).error is not None, PATIENCE, "the error")
        failed = state(mailbox_id)
        change(practice, mailbox_id, password=account.password)
        wait_until_read(mailbox_id)

    assert "AUTHENTICATIONFAILED" in str(failed.error)
    assert failed.failing_since is not None
    assert (state(mailbox_id).error, state(mailbox_id).failing_since) == (None, None)


def test_reading_goes_on_after_the_server_was_away(practice: Practice, account: ImapAccount) -> None:
    mailbox_id = add_mailbox(practice, account)
    with reading():
        wait_until_read(mailbox_id)
        account.stop()
        account.inbox.deliver(mail(1))
        wait_until(lambda: state(mailbox_id).failing_since is not None, PATIENCE, "the failure")
        account.start()
        wait_for_mails(1)
        wait_until(lambda: state(mailbox_id).failing_since is None, PATIENCE, "the end of the failure")


def test_inactive_and_deleted_mailboxes_are_not_read(practice: Practice, account: ImapAccount) -> None:
    mailbox_id = add_mailbox(practice, account)
    with reading():
        wait_until(lambda: len(account.server.connections) == 1, PATIENCE, "a connection")
        change(practice, mailbox_id, is_active=False)
        wait_until(lambda: not account.server.connections, PATIENCE, "the end of the connection")
        change(practice, mailbox_id, is_active=True)
        wait_until(lambda: len(account.server.connections) == 1, PATIENCE, "another connection")
        with transaction() as session:
            service.delete_mailbox(session, practice.clinic_id, mailbox_id)
        wait_until(lambda: not account.server.connections, PATIENCE, "the end of the connection")


def test_one_of_two_processes_reads_a_mailbox(practice: Practice, account: ImapAccount) -> None:
    mailbox_id = add_mailbox(practice, account)
    with reading() as second:
        with reading() as first:
            wait_until_read(mailbox_id)
            holder = state(mailbox_id).holder
            account.inbox.deliver(mail(1))
            wait_for_mails(1)
            assert holder in {first, second}
            assert len(account.server.connections) == 1
        wait_until(lambda: state(mailbox_id).holder == second, PATIENCE, "the other process")
        account.inbox.deliver(mail(2))
        wait_for_mails(1, 2)


def test_stolen_lease_stores_nothing_twice(practice: Practice, account: ImapAccount) -> None:
    """A process that was stopped for long goes on after another one has taken its mailbox."""
    mailbox_id = add_mailbox(practice, account)
    with reading():
        wait_until_read(mailbox_id)
        sql("UPDATE mailboxes SET holder = :other, held_until = now() + interval '1 minute'", other=new_id())
        account.inbox.deliver(mail(1))
        wait_until(lambda: not account.server.connections, PATIENCE, "the end of the connection")

    assert received() == []
    assert state(mailbox_id).last_uid == 0


def test_answer_in_the_mailbox_cancels_pending_steps(
    open_practice: Callable[..., Practice], account: ImapAccount, smtp: SmtpServer
) -> None:
    rules: list[dict[str, Any]] = [
        {"name": "hello", "on": "lead.created", "do": [{"send_message": {"channel": "email", "template": "one"}}]},
        {"name": "call", "on": "lead.created", "after": "3 days", "stop_on": ["lead.replied"], "do": [TASK]},
    ]
    practice = open_practice(playbook=playbook(sequence(message_step("first", "2 days")), rules=rules))
    set_address(practice, ADDRESS)
    mailbox_id = add_mailbox(practice, account)
    lead = practice.capture(email="mia@lead.example")
    practice.run(Kind.SEND_MESSAGE)
    practice.run(Kind.DELIVER)
    [sent] = smtp.received

    with reading():
        wait_until_read(mailbox_id)
        account.inbox.deliver(answer(sent, "Tuesday suits me."))
        wait_until(lambda: len(received()) == 1, PATIENCE, "the answer")

    [stored] = sql("SELECT classification, matched_by, lead_id FROM inbound_emails")
    assert (stored.classification, stored.matched_by, stored.lead_id) == ("reply", "address", lead)
    [call] = [step for step in practice.steps(lead) if step.name == "call"]
    assert (call.state, call.reason) == ("cancelled", "replied")


def notices() -> list[str]:
    return [row.subject for row in sql("SELECT subject FROM notifications WHERE template = 'mailbox-failing'")]


def test_admins_get_one_notice_of_a_mailbox_that_has_failed_for_an_hour(
    practice: Practice, watch: Watch, account: ImapAccount
) -> None:
    mailbox_id = add_mailbox(practice, account, is_active=True)
    sql("UPDATE mailboxes SET failing_since = :at, error = 'refused', held_until = :at", at=now())

    watch.advance(minutes=59)
    sweep("watch_mailboxes")
    assert notices() == []
    watch.advance(minutes=1)
    for _ in range(2):
        sweep("watch_mailboxes")
    assert set(notices()) == {"The mailbox Desk cannot be read"}
    first = len(notices())

    with reading():  # it works again, and fails again
        wait_until_read(mailbox_id)
    sql("UPDATE mailboxes SET failing_since = :at, error = 'refused'", at=now())
    watch.advance(hours=1)
    sweep("watch_mailboxes")
    assert len(notices()) == 2 * first


def test_server_that_starts_at_the_same_time_causes_no_warning(
    practice: Practice, tmp_path: Path, configure: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    port, levels = free_port(), list[str]()

    def failed_twice() -> bool:
        lines = [line for line in capsys.readouterr().err.splitlines() if '"mailbox.unavailable"' in line]
        levels.extend(json.loads(line)["level"] for line in lines)
        return len(levels) > 1

    configure(outgoing_allow=f"127.0.0.1:{port}")
    add_mailbox(practice, ImapAccount(tmp_path, port=port))
    with reading():
        wait_until(failed_twice, PATIENCE, "the second attempt")
    assert levels[:2] == ["info", "warning"]


def test_mailbox_that_no_process_reads_counts_as_failing(
    practice: Practice, watch: Watch, account: ImapAccount
) -> None:
    mailbox_id = add_mailbox(practice, account)
    sweep("watch_mailboxes")
    assert state(mailbox_id).failing_since is None

    watch.advance(minutes=2)
    sweep("watch_mailboxes")

    assert "does not run" in str(state(mailbox_id).error)
    with transaction() as session:
        check, figures = message_checks.mailboxes(session), mailbox_figures(session)
    assert check.found == "1 of 1 are read by no process"
    assert "relance serve inbound" in check.advice
    assert tuple(figures)[:3] == (1, 1, 1)


def test_doctor_names_a_failing_mailbox(practice: Practice, account: ImapAccount) -> None:
    mailbox_id = add_mailbox(practice, account, password="wrong")
    with reading():
        wait_until(lambda: state(mailbox_id).error is not None, PATIENCE, "the error")
        with transaction() as session:
            check = message_checks.mailboxes(session)

    assert "Desk since" in check.found
    assert "AUTHENTICATIONFAILED" in check.found
    assert not check.is_fine


def test_test_mail_comes_back(
    practice: Practice, account: ImapAccount, tmp_path: Path, configure: Callable[..., None]
) -> None:
    port = free_port()
    catcher = smtp_server(Store(tmp_path), account.inboxes, "127.0.0.1", port)
    catcher.start()
    allowed = f"127.0.0.1:{account.port}"
    configure(outgoing_allow=allowed, smtp_url=f"smtp://127.0.0.1:{port}", mail_from="Clinic <no-reply@clinic.example>")
    set_address(practice, ADDRESS)
    mailbox_id = add_mailbox(practice, account)

    with reading():
        wait_until_read(mailbox_id)
        [check] = check_mail_round_trip()
    catcher.stop()
    email.reset_connection()

    assert check.is_fine, check
    assert "came back after" in check.found
    assert [row.classification for row in sql("SELECT classification FROM inbound_emails")] == ["own"]


def test_test_mail_that_does_not_come_back_says_why(
    practice: Practice, account: ImapAccount, smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_round_trip, "WITHIN", 0.1)
    set_address(practice, ADDRESS)
    add_mailbox(practice, account)

    [lost] = check_mail_round_trip()
    smtp.on("rcpt", "550 5.1.1 No such user")
    [refused] = check_mail_round_trip()
    sql("UPDATE mailboxes SET is_active = false")
    [none] = check_mail_round_trip("elsewhere")

    assert "hello+" in lost.found
    assert "relance serve inbound" in lost.advice
    assert "550 5.1.1" in refused.found
    assert "no active mailbox" in none.found


def test_killed_process_receives_every_mail_once(
    practice: Practice, account: ImapAccount, processes: Processes
) -> None:
    mailbox_id = add_mailbox(practice, account)
    env = {"OUTGOING_ALLOW": f"127.0.0.1:{account.port}"}
    running = processes.start("inbound", "workers.inbound", [], env=env)
    wait_until_read(mailbox_id)
    for number in range(1, 301):
        account.inbox.deliver(mail(number))

    for _ in range(2):
        before = len(received())
        wait_until(lambda before=before: len(received()) > before + 20, PATIENCE, "some mails")  # type: ignore[misc]
        running.kill()
        print(f"killed after {len(received())} of 300 mails")
        sql("UPDATE mailboxes SET held_until = now()")  # as after the end of the lease
        running = processes.start("inbound", "workers.inbound", [], env=env)

    wait_until(lambda: state(mailbox_id).last_uid == 300, 60, "all mails")
    assert received() == ids(*range(1, 301))
    assert running.stop() == 0
    assert state(mailbox_id).holder is None
