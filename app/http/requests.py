"""What happens around every call: its id, its line in the log, and the headers of every answer."""

from time import perf_counter
from typing import Any, Final
from uuid import UUID

import structlog
from flask import Flask, Request, Response, g, request

from app.core.logs import begin_request, request_id
from app.http import rate_limits
from app.identity.sign_in import api_key_format

REQUEST_ID: Final = "X-Request-Id"
MOST_DROPPED: Final = 10_000_000  # bytes; of more than that the line is cut
PROBES: Final = frozenset({"/livez", "/readyz", "/metrics"})  # asked every few seconds by machines

log = structlog.get_logger()


def register(app: Flask) -> None:
    """Begin and end every call of this application."""
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    g.started = perf_counter()
    begin_request(request.headers.get(REQUEST_ID))


def _end(response: Response) -> Response:
    headers = response.headers
    headers[REQUEST_ID] = request_id() or ""
    headers["X-Content-Type-Options"] = "nosniff"
    headers.setdefault("Cache-Control", "no-store")
    headers.update(rate_limits.headers())
    if api_key_format.used:
        response.call_on_close(api_key_format.write_down_uses)
    call: Request = request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
    if call.content_length and "stream" not in vars(call):
        _drop_body(call, call.content_length)
    _log(call, response.status_code)
    return response


def _drop_body(call: Request, size: int) -> None:
    """Take off the line what nobody read: a caller who is still sending would not get to read the refusal."""
    left, source = min(size, MOST_DROPPED), call.environ["wsgi.input"]
    while left > 0 and (chunk := source.read(min(left, 65_536))):
        left -= len(chunk)


def _log(call: Request, status: int) -> None:
    """The route, not the path: what a stranger types into a path is nobody's business."""
    rule = call.url_rule
    if rule is not None and rule.rule in PROBES:
        return
    about: dict[str, Any] = {"method": call.method, "route": rule and rule.rule, "status": status}
    about["ms"] = round((perf_counter() - g.started) * 1000, 2)
    if ids := {name: value for name, value in (call.view_args or {}).items() if isinstance(value, UUID)}:
        about["ids"] = ids  # of ours: those of other systems may be anything
    if actor := g.get("actor"):
        about["clinic_id"] = actor.clinic.id
        about["api_key_id" if actor.api_key_id else "user_id"] = actor.api_key_id or actor.user_id
    log.info("request", **about)
