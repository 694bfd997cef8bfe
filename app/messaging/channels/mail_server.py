"""Where mail is handed in, read from SMTP_URL.

smtp://host[:25]                             in the clear: a relay on this machine or network
smtp://user:password@host[:587]              STARTTLS and a login; `?starttls=false` where the server has none
smtps://user:password@host[:465]             TLS from the first byte

Certificates are verified, against the file in SSL_CERT_FILE where that is set.
"""

import socket
from dataclasses import KW_ONLY, dataclass, field
from enum import StrEnum
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from app.config import Settings

YES_OR_NO = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class InvalidMailSettings(ValueError):
    """SMTP_URL or MAIL_FROM cannot be used."""


class Security(StrEnum):
    NONE = "none"
    STARTTLS = "starttls"  # required: never falls back to none
    TLS = "tls"


@dataclass(frozen=True, slots=True)
class MailServer:
    """One provider. `timeout` is for each wait on the network, in seconds."""

    host: str
    port: int
    _: KW_ONLY
    security: Security = Security.NONE
    user: str = ""
    password: str = field(default="", repr=False)
    timeout: float = 10
    local_name: str = "[127.0.0.1]"  # how this side introduces itself

    @classmethod
    def from_settings(cls, settings: Settings) -> "MailServer":
        """The provider of SMTP_URL. Raises InvalidMailSettings, which never shows the password."""
        return cls.from_url(
            settings.smtp_url.get_secret_value(),
            timeout=settings.smtp_timeout,
            local_name=_local_name(settings.public_url),
        )

    @classmethod
    def from_url(cls, url: str, *, timeout: float = 10, local_name: str = "[127.0.0.1]") -> "MailServer":
        """The provider of a URL as at the top of this file."""
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
    """A password is never sent in the clear unless the URL says so."""
    options = parse_qs(parts.query, keep_blank_values=True)
    if unknown := options.keys() - {"starttls"}:
        raise InvalidMailSettings(f"SMTP_URL: only starttls=true|false is known, not {', '.join(unknown)}")
    if parts.scheme == "smtps":
        return Security.TLS
    wanted = options.get("starttls", ["true" if parts.username else "false"])[-1].lower()
    if wanted not in YES_OR_NO:
        raise InvalidMailSettings("SMTP_URL: starttls is true or false")
    return Security.STARTTLS if YES_OR_NO[wanted] else Security.NONE


def _local_name(public_url: str) -> str:
    """A full name of this host, or a literal: servers refuse short ones, and asking DNS may take long."""
    names = (urlsplit(public_url).hostname or "", socket.gethostname())
    return next((name for name in names if "." in name and name.isascii()), "[127.0.0.1]")
