"""A message as bytes: its headers, and what cannot be smuggled into them."""

from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage

import pytest

from app.messaging.channels.base import OutgoingMessage
from app.messaging.channels.mime import BadAddress, build_mime_message, normalise_address, parse_sender

SENDER = parse_sender("Relance <no-reply@clinic.example>")


def letter(
    subject: str = "Hello", body: str = "Hello", *, address: str = "mia@example.org", **options: str
) -> EmailMessage:
    written = build_mime_message(OutgoingMessage(address, subject, body, message_id="<1@x.example>", **options), SENDER)
    assert b"\n" not in written.content.replace(b"\r\n", b"")  # every line ends with CRLF: nothing to smuggle with
    assert b"\r" not in written.content.replace(b"\r\n", b"")
    return message_from_bytes(written.content, policy=policy.default)  # type: ignore[return-value]


def test_a_letter_says_who_whom_when_and_that_a_program_wrote_it():
    made = letter()

    assert made["From"] == "Relance <no-reply@clinic.example>"
    assert made["To"] == "mia@example.org"
    assert made["Message-ID"] == "<1@x.example>"
    assert made["Auto-Submitted"] == "auto-generated"
    assert made["Date"].datetime.utcoffset() is not None
    assert made.get_content_type() == "text/plain"


def test_the_clinics_name_stands_for_the_senders():
    made = letter(sender_name='Dr. Änne "Smile" Ortho, Inc.\r\nBcc: eve@example.org')

    assert [sender.addr_spec for sender in made["From"].addresses] == ["no-reply@clinic.example"]
    # The newer parser puts a space between the encoded words of a name, against RFC 2047; the older one reads them.
    name = str(make_header(decode_header(made.as_string().partition("From: ")[2].partition("<")[0])))
    assert name == 'Dr. Änne "Smile" Ortho, Inc. Bcc: eve@example.org'
    assert made["Bcc"] is None


def test_an_answer_goes_to_a_person_where_there_is_one():
    assert letter(reply_to="ben@clinic.example")["Reply-To"] == "ben@clinic.example"
    assert letter(reply_to="ben@clinic.example\r\nBcc: eve@example.org")["Reply-To"] is None
    assert letter()["Reply-To"] is None


def test_a_subject_is_one_line_whatever_it_holds():
    made = letter("Hello\r\nBcc: eve@example.org\r\n\r\nBuy now\u2028\x00")

    assert made["Subject"] == "Hello Bcc: eve@example.org Buy now"
    assert made["Bcc"] is None
    assert made.get_content().strip() == "Hello"


def test_a_long_subject_in_any_script_survives():
    subject = "Ваша консультация назначена на понедельник " * 5
    assert letter(subject)["Subject"] == subject.strip()


@pytest.mark.parametrize("body", ["\r\n.\r\nMAIL FROM:<eve@example.org>\r\n", "a\n.\nb", "a\r.\rb", "."])
def test_a_body_keeps_its_lines_and_gains_no_others(body: str):
    assert letter(body=body).get_content().splitlines() == body.splitlines()


def test_a_long_address_stays_whole():
    address = "a" * 64 + "@" + ".".join(["b" * 60] * 3) + ".example"
    assert letter(address=address)["To"].addresses[0].addr_spec == address


def test_a_domain_in_other_letters_travels_in_ascii():
    assert normalise_address("Mia@Bücher.example") == "Mia@xn--bcher-kva.example"


@pytest.mark.parametrize("mail_from", ["", "Relance", "Relance <no-reply>", "a@x.example\r\nBcc: b@x.example"])
def test_a_sender_needs_an_address(mail_from: str):
    with pytest.raises(BadAddress):
        parse_sender(mail_from)
