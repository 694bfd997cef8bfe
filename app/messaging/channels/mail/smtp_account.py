"""E-mail through a clinic's own mail server: its settings as a sender that stays connected between messages."""

import os
from functools import lru_cache
from typing import Final, NamedTuple

from app.config import get_settings
from app.messaging.channels.account import Account
from app.messaging.channels.mail import smtp
from app.messaging.channels.mail.mail_server import DEFAULT_PORTS, MailServer, Security, SignIn, local_name
from app.messaging.channels.mail.microsoft import Application
from app.messaging.channels.mail.mime import BadAddress, Sender, normalise_address

MOST_OPEN: Final = 32  # connections that a process keeps


class AccountSender(NamedTuple):
    """The sender of an account's messages, and the connection to its server."""

    sender: Sender
    transport: smtp.SmtpTransport


def sender_of(account: Account) -> AccountSender:
    """Return the sender for an account with the kind `smtp`. Raises BadAddress."""
    settings = account.settings
    sender = Sender(settings["sender_name"] or "", normalise_address(settings["sender_address"]))
    return AccountSender(sender, _transport(os.getpid(), server_of(account)))


def server_of(account: Account, *, timeout: float | None = None) -> MailServer:
    """Return the mail server of an account. Connections are made only to addresses that users may name."""
    settings, security = account.settings, Security(account.settings["security"])
    installation = get_settings()
    return MailServer(
        settings["host"],
        settings["port"] or DEFAULT_PORTS[security],
        security=security,
        user=settings["username"] or "",
        password=account.credentials.get("password", ""),
        application=_application(account),
        timeout=min(timeout or installation.smtp_timeout, installation.smtp_timeout),
        local_name=local_name(installation.public_url),
        is_entered_by_user=True,
    )


def _application(account: Account) -> Application | None:
    """Return the application whose tokens the account signs in with; None: it signs in with a password."""
    settings = account.settings
    if settings.get("sign_in") != SignIn.MICROSOFT:
        return None
    secret = account.credentials.get("client_secret", "")
    return Application(settings.get("tenant") or "", settings.get("client_id") or "", secret)


def coordinator_address(account: Account, address: str | None) -> str | None:
    """Return the address to write into `From` for a coordinator or an author; None: that of the account.

    The address must have the domain of the account, because its server may not send for other domains.
    """
    if not account.settings.get("send_as_coordinator"):
        return None
    try:
        own = normalise_address(address)
        domain = normalise_address(account.settings["sender_address"]).rpartition("@")[2]
    except BadAddress:
        return None
    return own if own.rpartition("@")[2] == domain else None


@lru_cache(maxsize=MOST_OPEN)
def _transport(_pid: int, server: MailServer) -> smtp.SmtpTransport:
    """Return the open connection. A forked child must not share its parent's socket."""
    return smtp.SmtpTransport(server)


def reset_connections() -> None:
    """Open new connections for the next messages."""
    _transport.cache_clear()
