"""Server-sent events as bytes (WHATWG HTML, section 9.2)."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

import orjson

RETRY_MS: Final = 2000  # how long a client waits before it opens a closed stream again


class CloseReason(StrEnum):
    """Reasons why the server closes a stream. The client opens it again, with a new token if needed."""

    TOKEN_EXPIRED = "token_expired"  # noqa: S105  (not a secret)
    ACCESS_CHANGED = "access_changed"  # sign-out, or a new role, team or password
    STOPPING = "stopping"  # the process is restarted


class LiveEvent(NamedTuple):
    """One event for one viewer: ids of the changed objects and of their leads, and whether there are more."""

    kind: str
    ids: list[str]
    lead_ids: list[str]
    more: bool


def events(found: Sequence[LiveEvent], entry_id: str) -> bytes:
    """Return the events of one entry. Only the last has the id, so that a replay repeats the whole entry."""
    *first, last = found
    return b"".join(_event(one) for one in first) + f"id: {entry_id}\n".encode() + _event(last)


def _event(one: LiveEvent) -> bytes:
    data = {"ids": one.ids, "lead_ids": one.lead_ids, "more": one.more}
    return b"event: %s\ndata: %s\n\n" % (one.kind.encode(), orjson.dumps(data))


def ready(entry_id: str) -> bytes:
    """Return the first event of a stream, after a replay: from now on, nothing is missed."""
    return f"retry: {RETRY_MS}\nid: {entry_id}\nevent: ready\ndata: {{}}\n\n".encode()


def reset(entry_id: str) -> bytes:
    """Return the event after which a client loads everything again."""
    return f"id: {entry_id}\nevent: reset\ndata: {{}}\n\n".encode()


def closed(reason: CloseReason) -> bytes:
    """Return the last event of a stream."""
    return f'event: closed\ndata: {{"reason":"{reason}"}}\n\n'.encode()


def heartbeat(entry_id: str) -> bytes:
    """Return a comment, and the id of the newest event of the clinic, also of one that the viewer may not see."""
    return f":\nid: {entry_id}\n\n".encode()
