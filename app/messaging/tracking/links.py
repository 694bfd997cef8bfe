"""Tracked links of a message: its text with rewritten links, and the addresses that report opens and clicks.

An address holds only a signed id. The target is in the database, so the server redirects to no other address.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID, uuid5

from app.config import get_settings
from app.core.type_aliases import ColumnDict
from app.identity.message_tracking import TrackingSettings
from app.messaging.tracking.html import Link, Piece, html_of
from app.messaging.unsubscribe.links import PREFERENCES_PATH, UNSUBSCRIBE_PATH
from app.security.signed_ids import sign_id

OPEN_PATH: Final = "/t/o"
CLICK_PATH: Final = "/t/c"
OPEN_PURPOSE: Final = "tracked open"
CLICK_PURPOSE: Final = "tracked click"
MOST_LINKS: Final = 50  # of one message; further ones stay as they are

_URL: Final = re.compile(r"https?://[^\s<>\"'`\\^{}|]+", re.IGNORECASE)
_AFTER_URL: Final = ".,;:!?)]*"  # punctuation of the sentence, not of the address
_NEVER_TRACKED: Final = (UNSUBSCRIBE_PATH, PREFERENCES_PATH, OPEN_PATH, CLICK_PATH)
_LONGEST_TARGET: Final = 2000


@dataclass(frozen=True, slots=True)
class TrackedText:
    """A message's text as it is sent, and the rows of its links."""

    body: str
    html: str
    links: tuple[ColumnDict, ...]  # rows of `tracked_links`, not encrypted


def track(body: str, clinic_id: UUID, notification_id: UUID, *, settings: TrackingSettings) -> TrackedText:
    """Return the text with tracked links, and the same as HTML with the image that reports opens.

    The ids are the same at each attempt to send the message.
    """
    targets: list[str] = []
    pieces = list(_pieces(body, notification_id, targets if settings.clicks else None))
    image = f"{_base_url()}{OPEN_PATH}/{sign_id(OPEN_PURPOSE, notification_id)}" if settings.opens else None
    return TrackedText(
        "".join(piece.address if isinstance(piece, Link) else piece for piece in pieces),
        html_of(pieces, image=image),
        tuple(_row(clinic_id, notification_id, position, target) for position, target in enumerate(targets)),
    )


def is_web_address(target: str) -> bool:
    """Return whether a target is an http or https address with a host."""
    try:
        parts = urlsplit(target)
    except ValueError:
        return False
    return parts.scheme.lower() in {"http", "https"} and bool(parts.hostname) and target.isprintable()


def _pieces(body: str, notification_id: UUID, targets: list[str] | None) -> Iterator[Piece]:
    """Yield the parts of the text, and append the targets of tracked links to `targets`. None: no link is tracked."""
    end = 0
    for found in _URL.finditer(body):
        target = _without_punctuation(found[0])
        yield body[end : found.start()]
        if targets is None or len(targets) == MOST_LINKS or not _may_be_tracked(target):
            yield Link(target, target)
        else:
            yield Link(target, _click_address(notification_id, len(targets)))
            targets.append(target)
        end = found.start() + len(target)
    yield body[end:]


def _without_punctuation(url: str) -> str:
    """Return the address without what follows it in the sentence. A closing bracket stays if the address opens it."""
    while url[-1] in _AFTER_URL and not (url[-1] == ")" and url.count("(") >= url.count(")")):
        url = url[:-1]
    return url


def _may_be_tracked(target: str) -> bool:
    own = any(
        target.startswith(base + path) for base in {get_settings().own_url, _base_url()} for path in _NEVER_TRACKED
    )
    return not own and len(target) <= _LONGEST_TARGET and is_web_address(target)


def _click_address(notification_id: UUID, position: int) -> str:
    return f"{_base_url()}{CLICK_PATH}/{sign_id(CLICK_PURPOSE, _link_id(notification_id, position))}"


def _row(clinic_id: UUID, notification_id: UUID, position: int, target: str) -> ColumnDict:
    columns = {"clinic_id": clinic_id, "notification_id": notification_id, "position": position, "target": target}
    return {"id": _link_id(notification_id, position), **columns}


def _link_id(notification_id: UUID, position: int) -> UUID:
    return uuid5(notification_id, f"link {position}")


def _base_url() -> str:
    settings = get_settings()
    return settings.tracking_url.rstrip("/") or settings.own_url
