"""Texts of replies, automatic mail and hostile mail."""

import time

import pytest

from app.messaging.inbound.parsing.auto_replies import origin_of
from app.messaging.inbound.parsing.parse import Unreadable, parse_email
from app.messaging.inbound.parsing.reply_text import LONGEST_TEXT, new_text
from app.messaging.inbound.reports import read_report

HEAD = b"From: Mia <mia@lead.example>\r\nTo: hello@clinic.example\r\n"
PLAIN = HEAD + b'Content-Type: text/plain; charset="utf-8"\r\n\r\n'
HTML = HEAD + b'Content-Type: text/html; charset="utf-8"\r\n\r\n'
QUOTE = "> Hello Mia,\n> shall we talk?\n"
NEW = "Yes, Friday at ten is fine."


OUTLOOK = """From: Bright Smiles <hello@clinic.example>
Sent: Tuesday, March 10, 2026 11:00 AM
To: Mia <mia@lead.example>
Subject: Hello

Hello Mia,
shall we talk?
"""
GMAIL_HTML = f"""<div dir="ltr">{NEW}</div><br><div class="gmail_quote"><div class="gmail_attr">On Tue X wrote:</div>
<blockquote>Hello Mia</blockquote></div>"""
OUTLOOK_HTML = f"""<html><head><style>p {{ color: red }}</style></head><body><div>{NEW}</div>
<div id="appendonsend"></div><hr><div id="divRplyFwdMsg"><b>From:</b> X</div>
<div>Hello Mia</div></body></html>"""


def plain(text: str) -> str:
    return new_text(parse_email(PLAIN + text.encode()))


def html(text: str) -> str:
    return new_text(parse_email(HTML + text.encode()))


@pytest.mark.parametrize(
    "quoted",
    [
        f"On Tue, Mar 10, 2026 at 11:00 AM Bright Smiles <hello@clinic.example> wrote:\n\n{QUOTE}",  # Gmail
        f"On Tue, Mar 10, 2026 at 11:00 AM Bright Smiles <\nhello+06h09jgc1ps5f9d@clinic.example> wrote:\n\n{QUOTE}",
        f"> On 10 Mar 2026, at 11:00, Bright Smiles <hello@clinic.example> wrote:\n>\n{QUOTE}",  # Apple Mail
        f"Am Di., 10. März 2026 um 11:00 Uhr schrieb Bright Smiles <hello@clinic.example>:\n\n{QUOTE}",
        f"Le mar. 10 mars 2026 à 11:00, Bright Smiles <hello@clinic.example> a écrit :\n\n{QUOTE}",
        f"El mar, 10 mar 2026 a las 11:00, Bright Smiles (<hello@clinic.example>) escribió:\n\n{QUOTE}",
        f"Il giorno mar 10 mar 2026 alle ore 11:00 Bright Smiles <hello@clinic.example> ha scritto:\n\n{QUOTE}",
        f"Op di 10 mrt 2026 om 11:00 schreef Bright Smiles <hello@clinic.example>:\n\n{QUOTE}",
        f"________________________________\n{OUTLOOK}",
        f"-----Original Message-----\n{OUTLOOK}",
        f"\nSent from my iPhone\n\n> On 10 Mar 2026, at 11:00, Bright Smiles <hello@clinic.example> wrote:\n{QUOTE}",
        "-- \nMia Keller\n+1 212 555 0143",
        QUOTE,
    ],
)
def test_quotes_and_signatures_are_cut(quoted: str):
    assert plain(f"{NEW}\n\n{quoted}") == NEW


@pytest.mark.parametrize(
    "body",
    [
        GMAIL_HTML,
        OUTLOOK_HTML,
        f'<p>{NEW}</p><blockquote type="cite"><div>Hello Mia</div></blockquote>',
        f"<script>alert(1)</script><p>{NEW}</p>",
        "<p>Yes, Friday\n at <b>ten</b> is&nbsp;fine.</p>",
    ],
)
def test_html_becomes_text_without_the_quote(body: str):
    assert html(body) == NEW


def test_quote_is_kept_if_nothing_else_is_left():
    assert plain(QUOTE) == QUOTE.strip()


def test_long_text_is_cut():
    assert len(plain("word " * 20_000)) <= LONGEST_TEXT


@pytest.mark.parametrize(
    ("charset", "content", "text"),
    [
        ("utf-8", "Grüße".encode(), "Grüße"),
        ("iso-8859-1", "Grüße".encode("latin-1"), "Grüße"),
        ("utf-8", b"Gr\xfc\xdfe", "Gr��e"),
        ("nonsense", "Grüße".encode(), "Grüße"),
        ("punycode", b"abc-def", "abc-def"),
        ("utf-16", b"\xff", "�"),
    ],
)
def test_wrong_charsets_are_read_as_far_as_possible(charset: str, content: bytes, text: str):
    head = HEAD + f'Content-Type: text/plain; charset="{charset}"\r\n\r\n'.encode()
    assert new_text(parse_email(head + content)) == text


def nested(levels: int) -> bytes:
    parts = (f"--b{i}\r\nContent-Type: multipart/mixed; boundary=b{i + 1}\r\n\r\n" for i in range(levels))
    return HEAD + b"Content-Type: multipart/mixed; boundary=b0\r\n\r\n" + "".join(parts).encode()


REPORT = HEAD + b"Content-Type: multipart/report; boundary=b"
UNREADABLE = {
    "10,000 nested parts": nested(10_000),
    "25 nested parts": nested(25),
    "a header of 5 MB": b"Subject: " + b"x" * 5_000_000 + b"\r\n" + PLAIN,
    "200,000 headers": b"X-A: y\r\n" * 200_000 + PLAIN,
    "1,000 mails in mails": b"Content-Type: message/rfc822\r\n\r\n" * 1000,
    "100,000 parts": HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n" * 100_000,
    "26 MB": PLAIN + b"x" * 26_000_000,
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_hostile_mail_is_unreadable_and_takes_little_computing(name: str):
    begin = time.process_time()
    with pytest.raises(Unreadable):
        parse_email(UNREADABLE[name])
    assert time.process_time() - begin < 30


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0" * 1000,
        b"\xff\xfe\xfd",
        b"From: " + b"(" * 9000 + b"\r\n\r\nhi",
        b"From: " + b'"' * 9000 + b"\r\n\r\nhi",
        b"From: =?utf-8?b?!!!?= <a@b.example>\r\nSubject: =?x?q?=FF?= =?utf-8?q?=\r\n\r\nhi",
        b"From: \xff\xfe <a@b.example>\r\nMessage-ID: <\xff@b>\r\nReferences: <a@b <c@d>>\r\n\r\n\xff",
        HEAD + b"Content-Type: multipart/mixed\r\n\r\nno boundary",
        HEAD + b'Content-Type: multipart/mixed; boundary=""\r\n\r\n--\r\n\r\nx',
        REPORT + b"\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nx\r\n--b--",
        HEAD + b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!",
        HEAD + b"Content-Type: text/plain;" + b" a*0=b;" * 2000 + b"\r\n\r\nhi",
        HTML + b"<div>" * 20_000 + b"hi",
        HTML + b"<![CDATA[ <!-- <a href='" * 1000,
        PLAIN + b"> " * 50_000,
    ],
)
def test_broken_mail_is_read_as_far_as_possible(raw: bytes):
    mail = parse_email(raw)
    read_report(mail)
    origin_of(mail, new_text(mail), is_answer=True, after=None)
    assert mail.message_id.isprintable()


def test_header_values_are_one_line_of_text():
    head = (
        b"From: =?utf-8?q?Mia=0AKeller?= <MIA@Lead.example>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe=0D=0ABcc=3A_x?=\r\n"
    )
    mail = parse_email(head + b"\r\nx")
    assert (mail.sender, mail.sender_name, mail.subject) == ("mia@lead.example", "Mia Keller", "Grüße Bcc: x")
