"""Mailboxes on Debian's Dovecot: TLS, STARTTLS, IDLE and new numbers."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import dovecot
from tests.support.dovecot import Dovecot
from tests.support.imap import mail
from tests.support.mailboxes import PATIENCE, add_mailbox, reading, state, wait_for_mails, wait_until_read
from tests.support.practice import Practice
from tests.support.processes import wait_until
from tests.support.smtp import AUTHORITY
from workers.inbound import process, reader

pytest_plugins = ["tests.support.practice"]
pytestmark = pytest.mark.skipif(dovecot.missing() is not None, reason=str(dovecot.missing()))


@pytest.fixture
def server(tmp_path: Path, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Iterator[Dovecot]:
    monkeypatch.setenv("SSL_CERT_FILE", str(AUTHORITY))
    monkeypatch.setattr(process, "INTERVAL", 0.1)
    monkeypatch.setattr(reader, "FIRST_PAUSE", 0.1)
    monkeypatch.setattr(reader, "CHECK_INTERVAL", 0.1)
    with Dovecot(tmp_path) as server:
        configure(outgoing_allow=f"localhost:{server.port},localhost:{server.starttls_port}")
        yield server


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_mail_is_received_over_an_encrypted_connection(practice: Practice, server: Dovecot, security: str) -> None:
    port = server.port if security == "tls" else server.starttls_port
    server.deliver(mail(1))
    mailbox_id = add_mailbox(practice, server, port=port, security=security)

    with reading():
        wait_until_read(mailbox_id)
        for number in (2, 3):
            server.deliver(mail(number))
        wait_for_mails(2, 3)

    assert state(mailbox_id).supports_idle is True


def test_untrusted_certificate_is_refused(practice: Practice, server: Dovecot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    mailbox_id = add_mailbox(practice, server)
    with reading():
        wait_until(lambda: state(mailbox_id).error is not None, PATIENCE, "the refusal")

    assert "certificate" in str(state(mailbox_id).error)


def test_renumbered_mails_are_received_once(practice: Practice, server: Dovecot) -> None:
    mailbox_id = add_mailbox(practice, server, mark_seen=True)
    with reading():
        wait_until_read(mailbox_id)
        server.deliver(mail(1))
        wait_for_mails(1)
        wait_until(lambda: ",S" in str(list((server.folder / "mail").rglob("*.test:2*"))), PATIENCE, "the flag")
    first = state(mailbox_id).uidvalidity

    server.renumber()
    server.deliver(mail(2))
    with reading():
        wait_for_mails(1, 2)

    assert state(mailbox_id).uidvalidity != first
