"""Calls of mail providers: their data, and the mails and events in them."""

import hashlib
import hmac
import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

import orjson

from app.messaging.inbound.parsing.parse import NO_ENVELOPE, Envelope
from app.messaging.inbound.reports import MailEvent
from app.messaging.rendering.safe_text import one_line

SECRET_HEADER: Final = "x-relance-secret"  # noqa: S105  (its name)
_CONTENT_TYPE: Final = re.compile(r"[^a-zA-Z0-9/+.-]")  # characters that are not part of one
_RESULT: Final = re.compile(r"[A-Za-z]{1,20}")
_RESULTS: Final = frozenset({"pass", "fail", "softfail", "neutral", "temperror", "permerror"})
_OWN_HEADERS: Final = frozenset({"content-type", "content-transfer-encoding", "mime-version", "content-disposition"})


class UntrustedCall(ValueError):
    """The call does not come from the provider."""


class UnreadableCall(ValueError):
    """The body of the call is not in the provider's form."""


class Hook(Protocol):
    """The settings of a webhook, decrypted."""

    @property
    def secret(self) -> str | None: ...
    @property
    def topic(self) -> str | None: ...
    @property
    def verification_key(self) -> str | None: ...


class UploadedFile(NamedTuple):
    """A file in a form."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class ProviderCall:
    """A call of a provider. Names of `headers` are in lower case."""

    headers: Mapping[str, str]
    body: bytes  # empty for a form
    form: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[UploadedFile] = ()
    password: str | None = None  # of HTTP basic authentication

    def json(self) -> Any:
        """Return the body as JSON. Raises UnreadableCall."""
        return read_json(self.body)


@dataclass(frozen=True, slots=True)
class ReceivedMail:
    """A mail in a call. `checks`: the provider's own results of `spf`, `dkim` and `dmarc`, outside the mail."""

    raw: bytes
    envelope: Envelope = NO_ENVELOPE
    checks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A request of SNS to confirm the subscription, by a GET of the URL."""

    url: str


@dataclass(frozen=True, slots=True)
class Nonce:
    """The token of a call whose signature does not cover its content, and a hash of the content."""

    token: str
    digest: str


Item: TypeAlias = ReceivedMail | MailEvent | Confirmation


def read_json(text: bytes | str) -> Any:
    """Return the JSON. Raises UnreadableCall."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise UnreadableCall("The body is not JSON.") from None


def require_password(call: ProviderCall, hook: Hook) -> None:
    """Check the password of basic authentication, or the header X-Relance-Secret. Raises UntrustedCall."""
    given = call.password if call.password is not None else call.headers.get(SECRET_HEADER)
    if not hook.secret or given is None or not hmac.compare_digest(given.encode(), hook.secret.encode()):
        raise UntrustedCall


def text_or_none(value: object) -> str | None:
    """Return a text that is not empty, in one line; else None."""
    return one_line(value)[:500] or None if isinstance(value, str) else None


def result_of_check(value: object) -> str:
    """Return the result of a check, such as `pass`, from the first word of a provider's text; `none` for others."""
    found = _RESULT.match(value) if isinstance(value, str) else None
    word = found[0].lower() if found else ""
    return word if word in _RESULTS else "none"


def event_id(given: object, event: object) -> str:
    """Return the provider's id of an event; without a usable one, a hash of the event."""
    is_number = isinstance(given, int) and not isinstance(given, bool)
    known = text_or_none(str(given) if is_number else given)
    return known or f"sha256:{hashlib.sha256(orjson.dumps(event, option=orjson.OPT_SORT_KEYS)).hexdigest()}"


def rebuild(headers: Sequence[tuple[str, str]], texts: tuple[str, str], files: Sequence[UploadedFile]) -> bytes:
    """Return a raw mail from a parsed one: its headers, its plain and HTML text, and its attachments."""
    plain, html = texts
    message = EmailMessage(policy=SMTP)
    message.set_content(plain or "")
    if html:
        message.add_alternative(html, subtype="html")
    for file in files:
        main, _, sub = _CONTENT_TYPE.sub("", file.content_type).partition("/")
        maintype, subtype = (main, sub) if main and sub else ("application", "octet-stream")
        name = one_line(file.name) or "unnamed"
        message.add_attachment(file.content, maintype=maintype, subtype=subtype, filename=name)
    lines = [f"{one_line(name)}: {one_line(value)}\r\n" for name, value in headers if name.lower() not in _OWN_HEADERS]
    return "".join(lines).encode() + message.as_bytes()


def decode_file(name: object, content_type: object, content: object) -> UploadedFile:
    """Return a file that was sent as base64. Raises UnreadableCall."""
    try:
        return UploadedFile(str(name), str(content_type), b64decode(str(content), validate=False))
    except (NotBase64, ValueError):
        raise UnreadableCall("An attachment is not base64.") from None
