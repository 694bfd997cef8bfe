"""Development mailbox: SMTP in, HTTP out."""

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from threading import Thread

import httpx
import pytest

from app.ops.embedded import free_port
from app.ops.mailbox.server import page_server, smtp_server
from app.ops.mailbox.store import Store


@pytest.fixture
def smtp_port(tmp_path: Path) -> Iterator[int]:
    port = free_port()
    server = smtp_server(Store(tmp_path), "127.0.0.1", port)
    server.start()
    yield port
    server.stop()


@pytest.fixture
def page(tmp_path: Path) -> Iterator[httpx.Client]:
    server = page_server(Store(tmp_path), "127.0.0.1", 0)
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
