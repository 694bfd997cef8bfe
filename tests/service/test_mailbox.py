"""Development mailbox: SMTP in, HTTP out, and answers into the inboxes that Relance reads."""

import smtplib
import socket
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from threading import Thread

import httpx
import pytest

from app.ops.embedded import free_port
from app.ops.mailbox.inboxes import Inboxes, add_account
from app.ops.mailbox.server import page_server, smtp_server
from app.ops.mailbox.store import Store
from tests.support.imap import ImapAccount


@pytest.fixture
def smtp_port(tmp_path: Path) -> Iterator[int]:
    port = free_port()
    server = smtp_server(Store(tmp_path), Inboxes(tmp_path), "127.0.0.1", port)
    server.start()
    yield port
    server.stop()


@pytest.fixture
def page(tmp_path: Path) -> Iterator[httpx.Client]:
    server = page_server(Store(tmp_path), Inboxes(tmp_path), "127.0.0.1", 0)
    Thread(target=server.serve_forever, daemon=True).start()
    with httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}") as client:
        yield client
    server.shutdown()


def send(port: int, subject: str, text: str, *, to: str = "ada@example.org") -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Clinic <clinic@example.org>", to, subject
    message["Message-ID"] = f"<{abs(hash(subject))}@example.org>"
    message.set_content(text)
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as smtp:
        smtp.send_message(message, to_addrs=[to, "hidden@example.org"])


def test_a_message_is_listed_newest_first_with_its_envelope(smtp_port: int, page: httpx.Client) -> None:
    send(smtp_port, "First", "one")
    send(smtp_port, "Second: déjà vu", "two ✓")

    newest, oldest = page.get("/messages.json").json()

    assert (newest["subject"], oldest["subject"]) == ("Second: déjà vu", "First")
    assert newest["text"].strip() == "two ✓"
    assert newest["sender"] == "clinic@example.org"
    assert newest["recipients"] == ["ada@example.org", "hidden@example.org"]
    assert "Second: déjà vu" in page.get("/").text


def test_markup_in_a_message_is_escaped(smtp_port: int, page: httpx.Client) -> None:
    send(smtp_port, "<script>alert(1)</script>", "<img src=x onerror=alert(2)>")
    name = page.get("/messages.json").json()[0]["id"]

    for path in ("/", f"/messages/{name}"):
        answer = page.get(path)
        assert "<script>" not in answer.text
        assert "<img" not in answer.text
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_download_is_the_message_as_received(smtp_port: int, page: httpx.Client, tmp_path: Path) -> None:
    send(smtp_port, "Kept", "the body")
    name = page.get("/messages.json").json()[0]["id"]

    answer = page.get(f"/messages/{name}.eml")

    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.content == (tmp_path / f"{name}.eml").read_bytes()


@pytest.mark.parametrize("path", ["/messages/nothing", "/messages/../../etc/passwd", "/messages/..%2fx.eml", "/x"])
def test_only_messages_are_served(page: httpx.Client, path: str) -> None:
    assert page.get(path).status_code == 404


def test_cross_origin_page_cannot_read_messages(page: httpx.Client) -> None:
    assert page.get("/messages.json", headers={"Host": "evil.example:8025"}).status_code == 403


def test_empty_mailbox_shows_a_hint(page: httpx.Client) -> None:
    assert "No mail yet" in page.get("/").text
    assert page.get("/messages.json").json() == []


def test_malformed_message_is_stored(tmp_path: Path, smtp_port: int, page: httpx.Client) -> None:
    with smtplib.SMTP("127.0.0.1", smtp_port, timeout=10) as smtp:
        smtp.sendmail("a@example.org", ["b@example.org"], b"\xff\xfe not a header\r\n\r\n\x80")

    assert page.get("/").status_code == 200
    assert len(page.get("/messages.json").json()) == 1


CLINIC = "hello@clinic.example"


def delivered(tmp_path: Path) -> list[EmailMessage]:
    inbox = Inboxes(tmp_path).of_recipient(CLINIC)
    return (
        [message_from_bytes(mail.file.read_bytes(), policy=policy.default) for mail in inbox.mails()] if inbox else []
    )


def test_answer_goes_to_the_inbox_with_the_headers_of_its_thread(
    smtp_port: int, page: httpx.Client, tmp_path: Path
) -> None:
    add_account(tmp_path, CLINIC)
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Clinic <no-reply@clinic.example>", "ana@people.example", "Hi"
    message["Message-ID"], message["Reply-To"] = "<1@clinic.example>", "hello+abc@clinic.example"
    message.set_content("When can you come?")
    with smtplib.SMTP("127.0.0.1", smtp_port, timeout=10) as smtp:
        smtp.send_message(message)
    [shown] = page.get("/messages.json").json()

    answer = page.post(f"/messages/{shown['id']}/answer", data={"text": "On Tuesday <b>."})

    assert answer.status_code == 200
    assert "hello+abc@clinic.example" in answer.text
    [mail] = delivered(tmp_path)
    assert (mail["From"], mail["To"], mail["Subject"]) == ("ana@people.example", "hello+abc@clinic.example", "Re: Hi")
    assert (mail["In-Reply-To"], mail["References"]) == ("<1@clinic.example>", "<1@clinic.example>")
    assert mail["Delivered-To"] == "hello+abc@clinic.example"
    text = mail.get_content()
    assert text.startswith("On Tuesday <b>.")
    assert "> When can you come?" in text
    assert "Answer as the recipient" in page.get(f"/messages/{shown['id']}").text


def test_answer_to_an_address_without_an_inbox_is_refused(smtp_port: int, page: httpx.Client, tmp_path: Path) -> None:
    send(smtp_port, "Hi", "one")
    [shown] = page.get("/messages.json").json()

    answer = page.post(f"/messages/{shown['id']}/answer", data={"text": "x"})

    assert answer.status_code == 422
    assert "clinic@example.org" in answer.text
    assert page.post("/messages/nothing/answer", data={"text": "x"}).status_code == 404


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"}])
def test_form_of_another_site_is_refused(
    smtp_port: int, page: httpx.Client, tmp_path: Path, headers: dict[str, str]
) -> None:
    add_account(tmp_path, "clinic@example.org")
    send(smtp_port, "Hi", "one")
    [shown] = page.get("/messages.json").json()

    assert page.post(f"/messages/{shown['id']}/answer", data={"text": "x"}, headers=headers).status_code == 403


def test_mail_to_an_account_lands_in_its_inbox_too(smtp_port: int, page: httpx.Client, tmp_path: Path) -> None:
    add_account(tmp_path, CLINIC)

    send(smtp_port, "Bounce", "x", to="hello+abc@clinic.example")
    send(smtp_port, "Other", "x", to="ana@people.example")

    assert [str(mail["Subject"]) for mail in delivered(tmp_path)] == ["Bounce"]
    assert len(page.get("/messages.json").json()) == 2


def test_imap_server_stops_quietly_while_a_client_waits(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """`make run` printed a traceback at Ctrl-C."""
    with ImapAccount(tmp_path) as account, socket.create_connection(("127.0.0.1", account.port), 10) as client:
        lines = client.makefile("rb")
        for command in (f"login {account.settings['username']} {account.password}", "select INBOX", "idle"):
            client.sendall(f"a {command}\r\n".encode())
            while not lines.readline().startswith((b"a OK", b"+ ")):
                pass
        account.stop()
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []
