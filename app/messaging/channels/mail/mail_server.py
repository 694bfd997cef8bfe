"""Mail server settings, read from SMTP_URL.

smtp://host[:25]                             no encryption: a relay on this machine or network
smtp://user:password@host[:587]              STARTTLS and a login; `?starttls=false` if the server has no STARTTLS
smtps://user:password@host[:465]             TLS from the first byte

Certificates are verified, against the file in SSL_CERT_FILE if it is set.
"""

import socket
from dataclasses import KW_ONLY, dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from app.config import Settings
from app.messaging.channels.mail.microsoft import Application

BOOLEAN_VALUES = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class InvalidMailSettings(ValueError):
    """SMTP_URL or MAIL_FROM cannot be used."""


class Security(StrEnum):
    """Encryption of the connection."""

    NONE = "none"
    STARTTLS = "starttls"  # required: never falls back to none
    TLS = "tls"


class SignIn(StrEnum):
    """The way to sign in to a mail server."""

    PASSWORD = "password"  # noqa: S105  (its name)
    MICROSOFT = "microsoft"  # OAuth client credentials of an application in Microsoft Entra


GIVE_AGAIN: Final = "Required again, because the server changes: a stored secret is not sent to another server."


def is_another_server(before: tuple[str, str], after: tuple[str, str]) -> bool:
    """Whether a change of host and security sends a secret to another host, or no longer encrypts it."""
    hosts = {host.strip().rstrip(".").lower() for host, _ in (before, after)}
    return len(hosts) > 1 or (after[1] == Security.NONE and before[1] != Security.NONE)


@dataclass(frozen=True, slots=True)
class MailServer:
    """Address, login and encryption of one mail server. `timeout` is for each wait on the network, in seconds."""

    host: str
    port: int
    _: KW_ONLY
    security: Security = Security.NONE
    user: str = ""
    password: str = field(default="", repr=False)
    timeout: float = 10
    local_name: str = "[127.0.0.1]"  # the name in EHLO
    application: Application | None = None  # sign in with its tokens instead of the password
    is_entered_by_user: bool = False  # so its addresses are checked at each connection

    @classmethod
    def from_settings(cls, settings: Settings) -> "MailServer":
        """Return the server of SMTP_URL. Raises InvalidMailSettings, without the password in its text."""
        return cls.from_url(
            settings.smtp_url.get_secret_value(),
            timeout=settings.smtp_timeout,
            local_name=local_name(settings.public_url),
        )

    @classmethod
    def from_url(cls, url: str, *, timeout: float = 10, local_name: str = "[127.0.0.1]") -> "MailServer":
        """Return the server of a URL in one of the forms above. Raises InvalidMailSettings."""
        parts, port = _split(url)
        security = _security(parts)
        return cls(
            parts.hostname or "",
            port or DEFAULT_PORTS[security],
            security=security,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            timeout=timeout,
            local_name=local_name,
        )


SMTP_PORTS = frozenset({25, 465, 587, 2525})  # of servers that users enter
DEFAULT_PORTS = {Security.NONE: 25, Security.STARTTLS: 587, Security.TLS: 465}


def _split(url: str) -> tuple[SplitResult, int | None]:
    if not url:
        raise InvalidMailSettings("SMTP_URL is not set")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidMailSettings(f"SMTP_URL: {error}") from None
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise InvalidMailSettings("SMTP_URL must begin with smtp:// or smtps:// and name a host")
    return parts, port


def _security(parts: SplitResult) -> Security:
    """Return the encryption. A password is sent without encryption only if the URL asks for it."""
    options = parse_qs(parts.query, keep_blank_values=True)
    if unknown := options.keys() - {"starttls"}:
        raise InvalidMailSettings(f"SMTP_URL: only starttls=true|false is known, not {', '.join(unknown)}")
    if parts.scheme == "smtps":
        return Security.TLS
    wanted = options.get("starttls", ["true" if parts.username else "false"])[-1].lower()
    if wanted not in BOOLEAN_VALUES:
        raise InvalidMailSettings("SMTP_URL: starttls is true or false")
    return Security.STARTTLS if BOOLEAN_VALUES[wanted] else Security.NONE


def local_name(public_url: str) -> str:
    """Return a full name of this host, or an address literal.

    Servers refuse short names, and a DNS query may take long.
    """
    names = (urlsplit(public_url).hostname or "", socket.gethostname())
    return next((name for name in names if "." in name and name.isascii()), "[127.0.0.1]")
