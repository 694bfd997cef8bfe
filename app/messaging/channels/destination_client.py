"""Destinations of users: which URLs they may have, and what no stored answer may repeat."""

from typing import Final

from app.core.http_client.targets import NotAllowed, parse_target
from app.messaging.channels.base import OutgoingMessage

JSON: Final = {"Content-Type": "application/json"}


def texts_of(message: OutgoingMessage) -> list[str]:
    """Return the texts that no stored answer may repeat."""
    return [message.subject, message.body, *message.body.splitlines()]


def require_host(url: str, hosts: tuple[str, ...], what: str) -> None:
    """Check that the URL has one of these hosts, or a host below one that begins with a dot, by https.

    A host that OUTGOING_ALLOW lists is allowed too. Raises NotAllowed, which names `what` the URL must be.
    """
    target = parse_target(url)
    is_known = any(target.host == host or (host[0] == "." and target.host.endswith(host)) for host in hosts)
    if not (target.is_allowlisted or (is_known and target.scheme == "https")):
        raise NotAllowed(f"is not {what}")
