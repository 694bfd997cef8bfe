"""MIME messages: headers, encoding and protection against header injection."""

import re
from email import message_from_bytes, policy
from email.header import Header, decode_header, make_header
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.messaging.channels.base import OutgoingMessage
from app.messaging.channels.mail.mime import BadAddress, build_mime_message, normalise_address, parse_sender
from app.messaging.channels.mail.mime_text import text_content
from app.messaging.rendering.attachment import Attachment
from app.messaging.rendering.safe_text import one_line

SENDER = parse_sender("Relance <no-reply@clinic.example>")


def mime_message(
    subject: str = "Hello", body: str = "Hello", *, address: str = "mia@example.org", **options: Any
) -> EmailMessage:
    written = build_mime_message(OutgoingMessage(address, subject, body, message_id="<1@x.example>", **options), SENDER)
    assert b"\n" not in written.content.replace(b"\r\n", b"")  # every line ends with CRLF: nothing to smuggle with
    assert b"\r" not in written.content.replace(b"\r\n", b"")
    return message_from_bytes(written.content, policy=policy.default)  # type: ignore[return-value]


def test_message_has_sender_recipient_date_and_auto_submitted_headers():
    made = mime_message()

    assert made["From"] == "Relance <no-reply@clinic.example>"
    assert made["To"] == "mia@example.org"
    assert made["Message-ID"] == "<1@x.example>"
    assert made["Auto-Submitted"] == "auto-generated"
    assert made["Date"].datetime.utcoffset() is not None
    assert made.get_content_type() == "text/plain"


def test_display_name_of_the_sender_is_the_clinic():
    made = mime_message(sender_name='Dr. Änne "Smile" Ortho, Inc.\r\nBcc: eve@example.org')

    assert [sender.addr_spec for sender in made["From"].addresses] == ["no-reply@clinic.example"]
    # The newer parser puts a space between the encoded words of a name, against RFC 2047; the older one reads them.
    name = str(make_header(decode_header(made.as_string().partition("From: ")[2].partition("<")[0])))
    assert name == 'Dr. Änne "Smile" Ortho, Inc. Bcc: eve@example.org'
    assert made["Bcc"] is None


def test_reply_to_is_the_coordinator_if_there_is_one():
    assert mime_message(reply_to="ben@clinic.example")["Reply-To"] == "ben@clinic.example"
    assert mime_message(reply_to="ben@clinic.example\r\nBcc: eve@example.org")["Reply-To"] is None
    assert mime_message()["Reply-To"] is None


def test_return_path_is_the_address_for_bounces():
    def return_path(**options: Any) -> str:
        message = OutgoingMessage("mia@example.org", "Hello", "Hello", message_id="<1@x.example>", **options)
        return build_mime_message(message, SENDER).sender

    assert return_path(return_path="bounces+1@clinic.example") == "bounces+1@clinic.example"
    assert return_path(return_path="not an address") == "no-reply@clinic.example"
    assert return_path() == "no-reply@clinic.example"


def test_further_headers_are_one_line_each():
    made = mime_message(
        headers={"In-Reply-To": "<2@x.example>\r\nBcc: eve@example.org", "Auto-Submitted": "", "References": "<ü@x>"}
    )

    assert made["In-Reply-To"] == "<2@x.example> Bcc: eve@example.org"
    assert made["Bcc"] is None
    assert made["Auto-Submitted"] is None
    assert made["References"] is None  # a header is ASCII


def test_html_stands_beside_the_plain_text():
    made = mime_message(body="Grüße", html="<p>Grüße</p>")

    assert made.get_content_type() == "multipart/alternative"
    assert [part.get_content().strip() for part in made.iter_parts()] == ["Grüße", "<p>Grüße</p>"]


def test_subject_is_one_line():
    made = mime_message("Hello\r\nBcc: eve@example.org\r\n\r\nBuy now\u2028\x00")

    assert made["Subject"] == "Hello Bcc: eve@example.org Buy now"
    assert made["Bcc"] is None
    assert made.get_content().strip() == "Hello"


def test_long_subject_in_any_script_is_preserved():
    subject = "Ваша консультация назначена на понедельник " * 5
    assert mime_message(subject)["Subject"] == subject.strip()


@pytest.mark.parametrize("body", ["\r\n.\r\nMAIL FROM:<eve@example.org>\r\n", "a\n.\nb", "a\r.\rb", "."])
def test_body_keeps_its_line_breaks(body: str):
    assert mime_message(body=body).get_content().splitlines() == body.splitlines()


def test_long_address_is_not_folded():
    address = "a" * 64 + "@" + ".".join(["b" * 60] * 3) + ".example"
    assert mime_message(address=address)["To"].addresses[0].addr_spec == address


def test_international_domain_is_encoded_as_ascii():
    assert normalise_address("Mia@Bücher.example") == "Mia@xn--bcher-kva.example"


@pytest.mark.parametrize("mail_from", ["", "Relance", "Relance <no-reply>", "a@x.example\r\nBcc: b@x.example"])
def test_sender_address_is_required(mail_from: str):
    with pytest.raises(BadAddress):
        parse_sender(mail_from)


def test_files_stand_behind_the_text():
    file = Attachment("figures.csv", "text/csv", "Grüße,1\r\n".encode())
    made = mime_message(body="Grüße", html="<p>Grüße</p>", attachments=(file,))

    assert made.get_content_type() == "multipart/mixed"
    texts, attached = made.iter_parts()
    assert [part.get_content_type() for part in texts.iter_parts()] == ["text/plain", "text/html"]
    assert (attached.get_filename(), attached.get_content()) == ("figures.csv", "Grüße,1\r\n")
    assert Attachment.from_json(file.to_json()) == file


def test_file_name_cannot_add_headers():
    file = Attachment("x.csv\r\nBcc: eve@example.org", "text/csv", b"x")
    assert mime_message(attachments=(file,))["Bcc"] is None


def reference_content(body: str, html: str | None) -> bytes:
    """Return what the email package writes for a text."""
    part = EmailMessage(policy=policy.SMTP.clone(cte_type="7bit"))
    part.set_content(body)
    if html is not None:
        part.add_alternative(html, subtype="html")
    return part.as_bytes()


LINES = st.text(st.sampled_from("ab .=_<>-é€\t\r\n\x0b\x85\u2028\x00")) | st.text("x=é", min_size=60, max_size=200)
BODIES = st.text() | st.lists(LINES, max_size=14).map("\n".join)


@given(BODIES, st.none() | BODIES)
@settings(max_examples=500)
def test_text_equals_the_output_of_the_email_package(body: str, html: str | None):
    def without_boundary(content: bytes) -> bytes:
        return re.sub(rb"={15}\d{19}==", b"boundary", content)

    assert without_boundary(text_content(body, html)) == without_boundary(reference_content(body, html))


@given(st.text(st.sampled_from("ab =?_-,;<>")) | st.text(max_size=200))
def test_subject_equals_the_output_of_the_email_package(text: str):
    subject = one_line(text)
    charset = "us-ascii" if subject.isascii() and "=?" not in subject else "utf-8"
    expected = Header(subject, charset, header_name="Subject").encode(linesep="\r\n")
    written = build_mime_message(OutgoingMessage("mia@example.org", text, "", message_id="<1@x.example>"), SENDER)
    found = re.search(rb"(?ms)^Subject: (.*?)\r\n(?=\S)", written.content)
    assert (found[1].decode() if found else "") == expected


@given(st.text())
def test_one_line_has_no_control_characters(text: str):
    assert one_line(text) == " ".join("".join(c if c.isprintable() else " " for c in text).split())
