"""Receive the new mails of an open folder, in the order of their numbers and with one transaction per mail."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from threading import BoundedSemaphore, Event
from typing import Final

import structlog
from imapclient import SEEN
from sqlalchemy.exc import InterfaceError, OperationalError

from app.clock import now
from app.core.db import transaction
from app.messaging.inbound.receive import receive_email, store_unreadable
from app.messaging.mailboxes.imap_client import ImapClient
from app.messaging.mailboxes.reading_state import (
    Claim,
    NotHeld,
    Place,
    record_attempt,
    record_stored,
)

VIA: Final = "imap"
LARGEST_MAIL: Final = 25_000_000  # bytes; of a larger mail only the headers are received
LARGE: Final = 1_000_000  # bytes; only some large mails are in memory at once
LARGEST_HEADERS: Final = 500_000  # bytes
# Attempts at one mail, after which less of it is tried: it is stored unread, then only its headers are downloaded, then
# nothing. The last limit takes half an hour, because the failure may be one of the server.
TRIES: Final = 2  # within one read
MOST_READS: Final = 3
MOST_DOWNLOADS: Final = 6
MOST_ATTEMPTS: Final = 14
SIZES_AT_ONCE: Final = 200
DOWNLOAD_WITHIN: Final = 300.0  # seconds for one mail

log = structlog.get_logger()

_large_mails = BoundedSemaphore(4)


@dataclass(frozen=True, slots=True)
class _Listed:
    """A new mail, before its content is read."""

    uid: int
    size: int
    received_at: datetime


def receive_new(client: ImapClient, place: Place, claim: Claim, last_uid: int, *, stop: Event) -> int:
    """Receive every mail after `last_uid`, and return the number of the last one. Ends after a mail if `stop` is set.

    Raises NotHeld, and the errors of the connection and of the database.
    """
    is_first = True
    for mail in _list_new(client, place, last_uid):
        if stop.is_set():
            break
        # Counted before the first mail only: one that ends the process is the first one after the restart.
        attempts = _begin(claim, mail.uid) if is_first else 1
        _receive(client, place, claim, mail, attempts=attempts)
        if place.mark_seen:
            client.allow()
            client.add_flags([mail.uid], [SEEN], silent=True)
        last_uid, is_first = mail.uid, False
    return last_uid


def _list_new(client: ImapClient, place: Place, last_uid: int) -> Iterator[_Listed]:
    client.allow()
    client.forget_news()
    found = client.search(["UID", f"{last_uid + 1}:*", "SINCE", place.since])
    new = sorted(uid for uid in found if uid > last_uid)  # `9:*` also names the last mail, whatever its number
    for start in range(0, len(new), SIZES_AT_ONCE):
        yield from _sizes(client, new[start : start + SIZES_AT_ONCE])


def _sizes(client: ImapClient, uids: Sequence[int]) -> Iterator[_Listed]:
    client.allow()
    found = client.fetch(uids, ["RFC822.SIZE", "INTERNALDATE"])
    for uid in sorted(found):
        received_at = found[uid].get(b"INTERNALDATE")
        yield _Listed(uid, int(found[uid].get(b"RFC822.SIZE", 0)), min(received_at or now(), now()))


def _begin(claim: Claim, uid: int) -> int:
    with transaction() as session:
        return record_attempt(session, claim, uid)


def _receive(client: ImapClient, place: Place, claim: Claim, mail: _Listed, *, attempts: int) -> None:
    """Receive one mail. One that fails again and again is stored as unreadable, so that the others are read."""
    with _large_mails if mail.size > LARGE else nullcontext():
        content = _download(client, mail, attempts=attempts)
        if content is not None and attempts > MOST_READS:
            _store_unreadable(place, claim, mail, content)
        elif not any(_is_received(place, claim, mail, content) for _ in range(TRIES)):
            _store_unreadable(place, claim, mail, content or b"")


def _is_received(place: Place, claim: Claim, mail: _Listed, content: bytes | None) -> bool:
    """Receive the content in one transaction with the position. Returns False after an unexpected error.

    The same mail, received from another mailbox at the same time, is such an error: it is known at the second try.
    """
    try:
        with transaction() as session:
            if content is not None:
                receive_email(
                    session, place.clinic_id, content, received_at=mail.received_at, via=VIA, policy=place.policy
                )
            record_stored(session, claim, mail.uid)
    except (NotHeld, OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("mailbox.mail_failed", mailbox=str(claim.mailbox_id), uid=mail.uid)
        return False
    return True


def _store_unreadable(place: Place, claim: Claim, mail: _Listed, content: bytes) -> None:
    with transaction() as session:
        store_unreadable(session, place.clinic_id, content, received_at=mail.received_at, via=VIA)
        record_stored(session, claim, mail.uid)


def _download(client: ImapClient, mail: _Listed, *, attempts: int) -> bytes | None:
    """Return the mail, or the headers of a very large one; None if it is no longer there."""
    if attempts > MOST_ATTEMPTS:
        return f"X-Unreadable: mail {mail.uid} of {mail.size} bytes\r\n\r\n".encode()
    is_whole = mail.size <= LARGEST_MAIL and attempts <= MOST_DOWNLOADS
    part, most = ("", LARGEST_MAIL) if is_whole else ("HEADER", LARGEST_HEADERS)
    client.allow(DOWNLOAD_WITHIN)
    found = client.fetch([mail.uid], [f"BODY.PEEK[{part}]<0.{most}>"]).get(mail.uid, {})
    content: bytes | None = found.get(f"BODY[{part}]<0>".encode())
    return content
