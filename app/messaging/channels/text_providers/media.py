"""Files that are sent with a text: the provider fetches them from their URL, so type and size are checked before.

The server of the file is asked with HEAD. What it does not say is not checked: the provider has limits of its own.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from app.core.http_client import client
from app.core.http_client.client import NoResponse, NotSent, Response
from app.core.http_client.targets import NotAllowed, Unresolved
from app.messaging.channels.base import Permanent, Receipt, Transient
from app.messaging.channels.provider_call import is_success, not_found, retry_receipt
from app.messaging.rendering.variants import Media, MediaType

MEGABYTE: Final = 1_000_000
_CALLED: Final = "file"
_HEAD_IS_UNKNOWN: Final = frozenset({405, 501})
_IMAGES: Final = frozenset({"image/jpeg", "image/png"})
_VIDEOS: Final = frozenset({"video/mp4", "video/3gpp"})
_OFFICE: Final = "application/vnd.openxmlformats-officedocument."
_DOCUMENTS: Final = frozenset(
    {
        *("application/pdf", "text/plain", "application/msword", "application/vnd.ms-excel"),
        *("application/vnd.ms-powerpoint", f"{_OFFICE}wordprocessingml.document"),
        *(f"{_OFFICE}spreadsheetml.sheet", f"{_OFFICE}presentationml.presentation"),
    }
)


class FileLimit(NamedTuple):
    """The content types of a kind of file, and its largest size in bytes."""

    types: frozenset[str]
    size: int


FileLimits = Mapping[str, FileLimit]

MMS: Final[FileLimits] = {
    MediaType.IMAGE: FileLimit(_IMAGES | {"image/gif"}, 5 * MEGABYTE),
    MediaType.VIDEO: FileLimit(_VIDEOS, 5 * MEGABYTE),
}
WHATSAPP: Final[FileLimits] = {
    MediaType.IMAGE: FileLimit(_IMAGES, 5 * MEGABYTE),
    MediaType.VIDEO: FileLimit(_VIDEOS, 16 * MEGABYTE),
    MediaType.DOCUMENT: FileLimit(_DOCUMENTS, 100 * MEGABYTE),
}
WHATSAPP_BY_TWILIO: Final[FileLimits] = {
    kind: limit._replace(size=min(limit.size, 16 * MEGABYTE)) for kind, limit in WHATSAPP.items()
}


def refusal_of(media: Media | None, limits: FileLimits) -> Receipt | None:
    """Ask the server of the file. Returns the receipt if the file cannot be sent; None if it can."""
    if media is None:
        return None
    if media.type not in limits:
        return Permanent(f"the channel sends no {media.type}")
    try:
        answer = client.head(media.url, timeout=client.post_timeout() / 2)
    except Unresolved as error:
        return Transient(not_found(error, _CALLED))
    except NotAllowed as refusal:
        return Permanent(f"the file's URL {refusal}")
    except (NotSent, NoResponse) as error:
        return Transient(f"the file cannot be fetched: {error}")
    return _judge(answer, media, limits[media.type])


def _judge(answer: Response, media: Media, limit: FileLimit) -> Receipt | None:
    if answer.status in _HEAD_IS_UNKNOWN:
        return None
    if not is_success(answer):
        words = f"the file cannot be fetched: its server answers {answer.status}"
        retried = retry_receipt(answer, words)
        return Transient(words, wait=retried.wait) if retried else Permanent(words)
    content_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type and content_type not in limit.types:
        return Permanent(f"the file is no {media.type} that the provider takes: {content_type[:100]}")
    size = answer.headers.get("content-length", "")
    if size.isascii() and size.isdigit() and int(size[:20]) > limit.size:
        return Permanent(f"the file is larger than {limit.size // MEGABYTE} MB")
    return None
