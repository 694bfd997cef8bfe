"""SMTP channel against a misbehaving server: outcomes, and no message sent twice."""

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from threading import Thread

import pytest

from app.messaging.channels.base import Outcome, OutgoingMessage, Permanent, Receipt, Sent, Transient
from app.messaging.channels.email import EmailSender
from app.messaging.channels.mail.mail_server import MailServer
from app.messaging.channels.mail.smtp import MAX_UNCHECKED_SECONDS
from app.messaging.channels.mail.smtp_connection import open_connection
from tests.support.smtp import AUTHORITY, DROP, HANG, SmtpServer

WAIT = 1.0  # seconds for each network wait; servers that hang are given up after that


@pytest.fixture(params=[False, True], ids=["commands one by one", "pipelining"])
def server(request: pytest.FixtureRequest) -> Iterator[SmtpServer]:
    with SmtpServer(pipelining=request.param) as server:
        yield server


def channel_to(server: SmtpServer, *, url: str | None = None, wait: float = WAIT) -> EmailSender:
    return EmailSender(MailServer.from_url(url or server.url, timeout=wait), "Relance <no-reply@clinic.example>")


def message(address: str = "mia@example.org", *, number: int = 1) -> OutgoingMessage:
    return OutgoingMessage(
        address, "See you on Monday", "Dear Mia,\n\nall set.", message_id=f"<{number}@clinic.example>"
    )


def outcomes(*receipts: Receipt) -> list[Outcome]:
    return [receipt.outcome for receipt in receipts]


def test_accepted_message_is_sent_and_keeps_the_server_reply(server: SmtpServer):
    receipt = channel_to(server, wait=10).send(message())

    assert receipt == Sent("250 2.0.0 Queued as 1")
    [mail] = server.received
    assert (mail.sender, mail.recipient) == ("no-reply@clinic.example", "mia@example.org")


def test_the_end_of_a_message_waits_for_no_confirmation_of_its_text(server: SmtpServer):
    connection = open_connection(MailServer.from_url(server.url, timeout=10), time.monotonic() + 10)
    with closing(connection):
        assert connection.sock is not None
        assert connection.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_message_arrives_unchanged(server: SmtpServer):
    body = ".starts with a dot\n\nÜber die Spange, §5 €\n" + "a long line " * 200
    channel_to(server, wait=10).send(OutgoingMessage("mia@example.org", "Grüße", body, message_id="<1@x.example>"))

    arrived = server.received[0].message
    assert arrived.get_content().splitlines() == body.splitlines()
    assert arrived["Subject"] == "Grüße"
    assert max(len(line) for line in server.received[0].raw.splitlines()) < 998  # RFC 5322, 2.1.1
    assert server.received[0].raw.isascii()


@pytest.mark.parametrize(
    ("stage", "reply", "outcome"),
    [
        # before the message is handed over
        ("greeting", "421 4.3.2 Too busy", Outcome.TRANSIENT),
        ("greeting", "554 5.7.1 We do not like your address", Outcome.TRANSIENT),  # of the sender, not the message
        ("ehlo", "421 4.3.2 Too busy", Outcome.TRANSIENT),
        ("mail", "421 4.7.0 Too many messages", Outcome.TRANSIENT),
        ("mail", "451 4.3.0 Later", Outcome.TRANSIENT),
        ("mail", "550 5.7.1 You may not", Outcome.PERMANENT),
        ("rcpt", "450 4.2.0 Greylisted", Outcome.TRANSIENT),
        ("rcpt", "421 4.7.0 Enough", Outcome.TRANSIENT),
        ("rcpt", "550 5.1.1 No such user", Outcome.PERMANENT),
        ("data", "451 4.3.0 Later", Outcome.TRANSIENT),
        ("data", "554 5.5.1 No valid recipients", Outcome.PERMANENT),
        # a login that is missing would fail for every message: none of them is to blame
        ("mail", "530 5.7.0 Authentication required", Outcome.TRANSIENT),
        # after it was handed over
        ("dot", "250 2.0.0 OK", Outcome.SENT),
        ("dot", "451 4.3.0 Local error", Outcome.TRANSIENT),
        ("dot", "421 4.3.2 Shutting down", Outcome.TRANSIENT),
        ("dot", "554 5.7.1 Looks like spam", Outcome.PERMANENT),
        ("dot", "what?", Outcome.UNKNOWN),
    ],
)
def test_server_reply_decides_the_outcome_and_is_stored(server: SmtpServer, stage: str, reply: str, outcome: Outcome):
    server.on(stage, reply)

    receipt = channel_to(server, wait=10).send(message())

    assert receipt.outcome is outcome
    assert receipt.response == reply or outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("stage", ["greeting", "ehlo", "mail", "rcpt", "data"])
@pytest.mark.parametrize("act", [HANG, DROP])
def test_timeout_or_disconnect_before_the_message_is_transient(server: SmtpServer, stage: str, act: str):
    server.on(stage, act, times=1)
    channel = channel_to(server)

    first, second = channel.send(message()), channel.send(message())

    assert outcomes(first, second) == [Outcome.TRANSIENT, Outcome.SENT]
    assert len(server.received) == 1


@pytest.mark.parametrize("act", [HANG, DROP])
def test_no_answer_after_the_message_is_unknown_and_not_retried(server: SmtpServer, act: str):
    server.on("dot", act)

    receipt = channel_to(server).send(message())

    assert receipt.outcome is Outcome.UNKNOWN
    assert "after the message was handed over" in receipt.response
    assert len(server.received) == 1


def test_truncated_answer_is_unknown(server: SmtpServer):
    server.on("dot", "250-2.0.0 Queued", times=1)  # promises another line, which never comes
    channel = channel_to(server)

    first, second = channel.send(message()), channel.send(message(number=2))

    assert outcomes(first, second) == [Outcome.UNKNOWN, Outcome.SENT]
    assert [mail.message["Message-ID"] for mail in server.received] == ["<1@clinic.example>", "<2@clinic.example>"]


def test_late_answer_is_not_matched_to_the_next_message(server: SmtpServer):
    server.on("dot", HANG, times=1)
    server.on("rcpt", "550 5.1.1 No such user", to="bob@example.org")
    channel = channel_to(server)

    assert outcomes(channel.send(message()), channel.send(message("bob@example.org"))) == [
        Outcome.UNKNOWN,
        Outcome.PERMANENT,
    ]


class TimeLimit(Exception):
    """The exception of a task's time limit, raised at any point."""


def test_time_limit_closes_the_connection(server: SmtpServer):
    def interrupt(*_: object) -> None:
        raise TimeLimit

    server.on("rcpt", HANG, times=1)
    server.on("rcpt", "550 5.1.1 No such user", to="bob@example.org")
    channel = channel_to(server, wait=10)
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        with pytest.raises(TimeLimit):
            channel.send(message())
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert channel.send(message("bob@example.org")).outcome is Outcome.PERMANENT
    assert server.received == []


def test_unreachable_server_is_transient_and_recovers(server: SmtpServer):
    channel = channel_to(server, wait=30)
    server.stop()
    away = channel.send(message())
    server.start()
    back = channel.send(message())

    assert outcomes(away, back) == [Outcome.TRANSIENT, Outcome.SENT]
    assert "refused" in away.response
    assert len(server.received) == 1


def test_messages_share_a_connection(server: SmtpServer):
    channel = channel_to(server, wait=10)

    receipts = [channel.send(message(number=number)) for number in range(5)]

    assert {receipt.outcome for receipt in receipts} == {Outcome.SENT}
    assert (server.connections, len(server.received)) == (1, 5)


def test_connection_closed_by_the_server_is_replaced_once(server: SmtpServer):
    channel = channel_to(server, wait=10)
    channel.send(message(number=1))
    server.hang_up()

    assert channel.send(message(number=2)).outcome is Outcome.SENT
    assert (server.connections, len(server.received)) == (2, 2)


def test_unresponsive_connection_is_replaced(server: SmtpServer):
    channel = channel_to(server)
    channel.send(message(number=1))
    time.sleep(MAX_UNCHECKED_SECONDS)
    server.on("noop", HANG)

    assert channel.send(message(number=2)).outcome is Outcome.SENT
    assert server.connections == 2


def test_closing_after_each_message_costs_no_attempt(server: SmtpServer):
    channel = channel_to(server, wait=10)
    channel.send(message(number=1))
    server.on("noop", "421 4.7.0 Too many messages", times=1)
    server.on("mail", "421 4.7.0 Too many messages", times=1 if server.pipelining else 0)

    assert channel.send(message(number=2)).outcome is Outcome.SENT
    assert (server.connections, len(server.received)) == (2, 2)


def test_server_that_stops_answering_on_an_open_connection_is_not_called_again_at_once(server: SmtpServer):
    channel = channel_to(server)
    channel.send(message(number=1))
    server.on("noop", HANG, times=1)
    server.on("mail", HANG, times=1)
    server.on("dot", HANG)

    receipt = channel.send(message(number=2))

    assert receipt.outcome is Outcome.TRANSIENT  # a second call would get an answer to MAIL, and none to the dot
    assert len(server.received) == 1


def test_server_that_waits_for_the_text_of_a_refused_message_gets_none():
    with SmtpServer(pipelining=True) as server:
        server.on("rcpt", "550 5.1.1 No such user", to="bob@example.org")
        server.on("data", "354 Go on", to="bob@example.org")
        channel = channel_to(server, wait=10)

        receipts = [channel.send(message(f"{name}@example.org")) for name in ("bob", "mia")]

        assert outcomes(*receipts) == [Outcome.PERMANENT, Outcome.SENT]
        assert [mail.recipient for mail in server.received] == ["mia@example.org"]


def test_pipelining_server_gets_the_envelope_at_once():
    with SmtpServer(pipelining=True) as server:
        channel = channel_to(server, wait=10)
        assert outcomes(*(channel.send(message(number=number)) for number in range(3))) == [Outcome.SENT] * 3
        verbs = [command.split()[0].upper() for command in server.commands]
        assert verbs == ["EHLO", *["MAIL", "RCPT", "DATA"] * 3]


def test_refused_message_does_not_affect_the_next_on_the_connection(server: SmtpServer):
    server.on("rcpt", "550 5.1.1 No such user", to="bob@example.org")
    server.on("dot", "554 5.7.1 Looks like spam", to="eve@example.org")
    channel = channel_to(server, wait=10)

    receipts = [channel.send(message(f"{name}@example.org")) for name in ("bob", "mia", "eve", "ann")]

    assert outcomes(*receipts) == [Outcome.PERMANENT, Outcome.SENT, Outcome.PERMANENT, Outcome.SENT]
    assert server.connections == 1
    assert [mail.recipient for mail in server.accepted] == ["mia@example.org", "ann@example.org"]


def test_broken_connection_during_the_message_is_never_retried(server: SmtpServer):
    server.on("body", DROP, times=1)
    channel = channel_to(server)

    receipt = channel.send(message())

    # The kernel may accept the last bytes before it notices the disconnect: then the outcome is unknown.
    assert receipt.outcome in {Outcome.TRANSIENT, Outcome.UNKNOWN}
    assert server.received == []


def test_server_reply_is_stored_as_one_line_of_at_most_500_characters(server: SmtpServer):
    server.on("rcpt", "550-5.1.1 No\tsuch user\r\n550-\x1b[31mred\r\n550 " + "x" * 900)

    receipt = channel_to(server, wait=10).send(message())

    assert receipt.response.startswith("550 5.1.1 No such user [31mred xxx")
    assert len(receipt.response) == 500


def test_starttls_encrypts_the_connection(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(AUTHORITY))
    with SmtpServer(starttls=True) as server:
        receipt = channel_to(server, wait=10).send(message())

    assert receipt.outcome is Outcome.SENT
    assert [command.split()[0].upper() for command in server.commands[:3]] == ["EHLO", "STARTTLS", "EHLO"]


def test_implicit_tls_works_with_a_login(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(AUTHORITY))
    with SmtpServer(tls=True, login=("relance", "pass")) as server:
        assert channel_to(server, wait=10).send(message()).outcome is Outcome.SENT


@pytest.mark.parametrize("encryption", [{"starttls": True}, {"tls": True}])
def test_untrusted_certificate_is_refused_before_the_password_is_sent(
    encryption: dict[str, bool], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with SmtpServer(**encryption, login=("relance", "pass")) as server:
        receipt = channel_to(server, wait=10).send(message())

    assert isinstance(receipt, Transient)
    assert "certificate" in receipt.response.lower()
    assert not [command for command in server.commands if command.startswith("AUTH")]


def test_password_is_not_sent_without_starttls():
    with SmtpServer(login=("relance", "pass")) as server:
        receipt = channel_to(server, url=server.url.replace("false", "true"), wait=10).send(message())

    assert receipt.outcome is Outcome.TRANSIENT
    assert "STARTTLS" in receipt.response
    assert not [command for command in server.commands if command.startswith("AUTH")]


def test_wrong_password_is_transient():
    with SmtpServer(login=("relance", "right")) as server:
        wrong = server.url.replace("right", "wrong")
        receipt = channel_to(server, url=wrong, wait=10).send(message())

    assert receipt == Transient("535 5.7.8 Bad user or password")
    assert server.received == []


def test_non_ascii_password_is_transient():
    with SmtpServer(login=("relance", "right")) as server:
        receipt = channel_to(server, url=server.url.replace("right", "gehe%C3%AFm"), wait=10).send(message())

    assert receipt.outcome is Outcome.TRANSIENT


@pytest.mark.parametrize(
    "address",
    [
        None,
        "",
        "mia",
        "mia@",
        "@example.org",
        "mia@example.org, eve@example.org",
        "mia@example.org\r\nRCPT TO:<eve@example.org>",
        "mia@example.org\r\nBcc: eve@example.org",
        "Mia <mia@example.org>",
        "mia@example.org> BODY=8BITMIME",
        "mia@ex ample.org",
        '"mia eve"@example.org',
        "müa@example.org",
        "mia@example..org",
        "m" * 65 + "@example.org",
    ],
)
def test_invalid_address_reaches_no_server(server: SmtpServer, address: str | None):
    receipt = channel_to(server, wait=10).send(OutgoingMessage(address, "Hello", "Hello", message_id="<1@x.example>"))

    assert isinstance(receipt, Permanent)
    assert (server.connections, server.commands) == (0, [])


@pytest.mark.parametrize("flood", ["250-" + "x" * 4000 + "\r\n", "250-x\r\n", "x" * 4000])
def test_endless_reply_ends_the_connection(server: SmtpServer, flood: str) -> None:
    server.on("ehlo", flood * 20_000)

    receipt = channel_to(server, wait=10).send(message())

    assert receipt.outcome is Outcome.TRANSIENT
    assert "too long" in receipt.response.lower()


def test_slow_reply_ends_after_one_wait() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        Thread(target=_trickle, args=[listener], daemon=True).start()
        url = f"smtp://127.0.0.1:{listener.getsockname()[1]}"
        sender = EmailSender(MailServer.from_url(url, timeout=0.3), "no-reply@clinic.example")
        receipt = sender.send(message())

    assert receipt.outcome is Outcome.TRANSIENT
    assert "timed out" in receipt.response  # else it would end much later, as too long


def _trickle(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection, suppress(OSError):
        while True:
            connection.sendall(b"2")
            time.sleep(0.05)
