"""Answers to messages, as the recipient's mail program would write them."""

from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr

from app.ops.mailbox.inboxes import Inboxes
from app.ops.mailbox.store import ENVELOPE_TO, readable_text


class NoInbox(ValueError):
    """No account of this mailbox gets mail for the address."""


def deliver_answer(inboxes: Inboxes, content: bytes, text: str, *, at: datetime) -> str:
    """Put an answer to a stored message into the inbox that it goes to. Returns the address. Raises NoInbox."""
    answer = build_answer(message_from_bytes(content, policy=policy.default), text, at=at)
    address = parseaddr(str(answer["To"]))[1]
    inbox = inboxes.of_recipient(address)
    if inbox is None:
        raise NoInbox(f"No inbox gets mail for {address}.")
    inbox.deliver(
        as_delivered(answer.as_bytes(policy=policy.SMTP), sender=str(answer["From"]), recipient=address), at=at
    )
    return address


def build_answer(message: EmailMessage, text: str, *, at: datetime) -> EmailMessage:
    """Return the answer: to Reply-To or From, with the headers of its thread, and the message quoted below the text."""
    answer = EmailMessage(policy=policy.SMTP)
    message_id = str(message.get("Message-ID", "")).strip()
    recipients = str(message.get(ENVELOPE_TO) or message.get("To", ""))
    answer["From"] = parseaddr(recipients.partition(",")[0])[1]
    answer["To"] = str(message.get("Reply-To") or message.get("From", ""))
    answer["Subject"] = _reply_subject(str(message.get("Subject", "")))
    answer["Date"] = format_datetime(at)
    answer["Message-ID"] = make_msgid(domain="people.example")
    if message_id:
        answer["In-Reply-To"] = message_id
        answer["References"] = f"{message.get('References', '')} {message_id}".strip()
    quoted = "\n".join(f"> {line}" for line in readable_text(message).splitlines())
    answer.set_content(f"{text}\n\nOn {at:%a, %d %b %Y at %H:%M}, {message.get('From', '')} wrote:\n\n{quoted}\n")
    return answer


def as_delivered(content: bytes, *, sender: str, recipient: str) -> bytes:
    """Return a mail with the headers that a server adds at delivery."""
    return f"Return-Path: <{sender}>\r\nDelivered-To: {recipient}\r\n".encode() + content


def _reply_subject(subject: str) -> str:
    return subject if subject.lower().startswith("re:") else f"Re: {subject}"
