"""Stored messages: .eml files in one folder."""

import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import islice
from pathlib import Path

from app.core.type_aliases import JsonDict

NAME = re.compile(r"\d{8}T\d{12}Z-[0-9a-f]{8}")
STAMP = "%Y%m%dT%H%M%S%fZ"
ENVELOPE_FROM, ENVELOPE_TO = "X-Envelope-From", "X-Envelope-To"


@dataclass(frozen=True, slots=True)
class Message:
    """One stored message. `recipients` are those of the envelope, so they include blind copies."""

    id: str
    received_at: str
    sender: str
    recipients: list[str]
    subject: str
    message_id: str
    text: str

    def as_json(self) -> JsonDict:
        """Return the JSON form for /messages.json."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Store:
    """Folder of messages. A file name is the time of arrival and a random part."""

    folder: Path

    def keep(self, content: bytes, *, sender: str, recipients: Sequence[str], at: datetime) -> str:
        """Write one message atomically and return its id."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = f"{at.strftime(STAMP)}-{secrets.token_hex(4)}"
        envelope = f"{ENVELOPE_FROM}: {sender}\r\n{ENVELOPE_TO}: {', '.join(recipients)}\r\n"
        draft = self.folder / f"{name}.tmp"
        draft.write_bytes(envelope.encode() + content)
        draft.rename(self._file(name))
        return name

    def clear(self) -> None:
        """Delete all messages."""
        for file in self.folder.glob("*.eml"):
            file.unlink()

    def take_all(self, other: "Store") -> None:
        """Move the messages of another store on the same disk to this one."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for file in other.folder.glob("*.eml"):
            file.rename(self.folder / file.name)

    def newest(self, number: int) -> list[Message]:
        """Return the latest messages, newest first."""
        return [message for name in islice(self._names(), number) if (message := self.read(name))]

    def read(self, name: str) -> Message | None:
        """Return one message, or None."""
        content = self.raw(name)
        return parse(name, content) if content is not None else None

    def raw(self, name: str) -> bytes | None:
        """Return the raw file, or None. Only valid names are looked up."""
        if not NAME.fullmatch(name):
            return None
        try:
            return self._file(name).read_bytes()
        except FileNotFoundError:
            return None

    def _names(self) -> Iterator[str]:
        return iter(sorted((file.stem for file in self.folder.glob("*.eml")), reverse=True))

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.eml"


def parse(name: str, content: bytes) -> Message:
    """Parse a message for display. A message that cannot be parsed is shown as it is."""
    parsed = message_from_bytes(content, policy=policy.default)
    received = datetime.strptime(f"{name.partition('-')[0]}+0000", f"{STAMP}%z")
    return Message(
        id=name,
        received_at=received.isoformat(timespec="milliseconds"),
        sender=str(parsed.get(ENVELOPE_FROM, "")),
        recipients=[address.strip() for address in str(parsed.get(ENVELOPE_TO, "")).split(",")],
        subject=str(parsed.get("Subject", "")),
        message_id=str(parsed.get("Message-ID", "")).strip(),
        text=readable_text(parsed),
    )


def readable_text(message: EmailMessage) -> str:
    """Return the plain text part, else the HTML source."""
    body = message.get_body(("plain", "html"))
    if body is None:
        return ""
    try:
        return str(body.get_content())
    except (LookupError, UnicodeError, KeyError):
        return str(body.get_payload())
