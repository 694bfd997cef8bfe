"""Public addresses in tracked e-mails: the image that reports opens, and the links. The signed id is the credential.

The answers have no personal data, and are the same whatever is recorded.
"""

from base64 import b64decode
from typing import Final
from uuid import UUID

import psycopg
import structlog
from flask import Blueprint, Response, request
from sqlalchemy.exc import DBAPIError

from app.errors import TooManyRequests
from app.http.access import PUBLIC, allow, reading, unit_of_work
from app.http.body.unknown_parameters import declare_reads_query
from app.messaging.tracking.links import CLICK_PATH, CLICK_PURPOSE, OPEN_PATH, OPEN_PURPOSE
from app.messaging.tracking.models import HitKind
from app.messaging.tracking.record import find_target, record_click, record_open
from app.messaging.tracking.signals import HitRequest
from app.messaging.unsubscribe.page_texts import all_texts, texts_for
from app.security.client_network import client_network
from app.security.public_limits import count_public_call
from app.security.signed_ids import InvalidSignedId, read_signed_id

HITS_PER_MINUTE: Final = 300  # of one client network; further ones are answered, but not recorded
_IMAGE: Final = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")  # GIF, one transparent pixel
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
}
_NOT_FOUND: Final = (
    '<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8"><title>404</title></head>'
    "<body><p>{text}</p></body></html>\n"
)

blp = Blueprint("tracking", __name__)
log = structlog.get_logger()


@blp.get(f"{OPEN_PATH}/<token>")
@allow(PUBLIC)
@declare_reads_query
def record_message_open(token: str) -> Response:
    """Answer with an invisible image, also for an unknown message."""
    message_id = _read(OPEN_PURPOSE, token)
    if message_id is not None and _may_record():
        try:
            with unit_of_work() as session:
                record_open(session, message_id, _hit(HitKind.OPEN))
        except (DBAPIError, psycopg.Error):
            log.warning("tracking.open_not_recorded", exc_info=True)
    return Response(_IMAGE, headers=_HEADERS, content_type="image/gif")


@blp.get(f"{CLICK_PATH}/<token>")
@allow(PUBLIC)
@declare_reads_query
def follow_tracked_link(token: str) -> Response:
    """Redirect to the stored target of a link."""
    link_id = _read(CLICK_PURPOSE, token)
    target = None if link_id is None else _record_click(link_id) or _find_target(link_id)
    if target is None:
        return _not_found()
    response = Response(status=302, headers=_HEADERS)
    response.headers["Location"] = target
    return response


def _record_click(link_id: UUID) -> str | None:
    """Record the click and return the link's target; None: nothing was recorded."""
    if not _may_record():
        return None
    try:
        with unit_of_work() as session:
            return record_click(session, link_id, _hit(HitKind.CLICK))
    except (DBAPIError, psycopg.Error):
        log.warning("tracking.click_not_recorded", exc_info=True)
        return None


def _find_target(link_id: UUID) -> str | None:
    with reading() as session:
        return find_target(session, link_id)


def _read(purpose: str, token: str) -> UUID | None:
    try:
        return read_signed_id(purpose, token)
    except InvalidSignedId:
        return None


def _may_record() -> bool:
    try:
        count_public_call("tracking", client_network(request.remote_addr or ""), most=HITS_PER_MINUTE, noun="calls")
    except TooManyRequests:
        return False
    return True


def _hit(kind: HitKind) -> HitRequest:
    headers = {name.lower(): value for name, value in request.headers.items()}
    return HitRequest(kind, request.method, headers, request.remote_addr, is_https=request.is_secure)


def _not_found() -> Response:
    language = request.accept_languages.best_match(all_texts()) or "en"
    page = _NOT_FOUND.format(language=language, text=texts_for(language).not_found)
    return Response(page, status=404, headers=_HEADERS, content_type="text/html; charset=utf-8")
