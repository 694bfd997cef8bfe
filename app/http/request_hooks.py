"""Request hooks: request id, request log and response headers."""

from collections.abc import Callable
from time import perf_counter
from typing import Final
from uuid import UUID

import structlog
from flask import Flask, Request, Response, g, request

from app.core.telemetry import traces
from app.core.telemetry.logs import begin_request, request_id
from app.core.type_aliases import JsonDict, JsonObject
from app.http import rate_limits
from app.http.request_metrics import calls
from app.identity.sign_in import api_key_format, idle_timeout
from app.security.encryption import lacking

REQUEST_ID: Final = "X-Request-Id"
SERVER_ERROR: Final = 500
MOST_DROPPED: Final = 10_000_000  # bytes; a larger unread body closes the connection
PROBES: Final = frozenset({"/livez", "/readyz", "/metrics"})  # called every few seconds, so not logged

log = structlog.get_logger()


def register(app: Flask) -> None:
    """Install the hooks of every call."""
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(lambda _: calls.end())


def after_response(work: Callable[[], None]) -> None:
    """Do this work when the response has been sent, so that its duration reveals nothing. It must not raise."""
    g.setdefault("after_response", []).append(work)


def _begin() -> None:
    calls.begin()
    lacking.set(set())
    g.started = perf_counter()
    begin_request(request.headers.get(REQUEST_ID))
    traces.begin_request(request.headers.get("traceparent"))


def _end(response: Response) -> Response:
    headers = response.headers
    headers[REQUEST_ID] = request_id() or ""
    headers["X-Content-Type-Options"] = "nosniff"
    headers.setdefault("Cache-Control", "no-store")
    headers.update(rate_limits.rate_limit_headers())
    if api_key_format.recently_used:
        response.call_on_close(api_key_format.save_last_used)
    if idle_timeout.recently_used:
        response.call_on_close(idle_timeout.save_last_used)
    for work in g.pop("after_response", ()):
        response.call_on_close(work)
    call: Request = request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
    if call.content_length and "stream" not in vars(call):
        _drop_body(call, call.content_length)
    _log(call, response.status_code)
    return response


def _drop_body(call: Request, size: int) -> None:
    """Read and drop an unread body, because a client that is still sending does not read the response."""
    left, source = min(size, MOST_DROPPED), call.environ["wsgi.input"]
    while left > 0 and (chunk := source.read(min(left, 65_536))):
        left -= len(chunk)


def _log(call: Request, status: int) -> None:
    """Log the call by its route, not its path, because a path can contain personal data."""
    rule = call.url_rule
    if rule is not None and rule.rule in PROBES:
        return
    about: JsonDict = {"method": call.method, "route": rule and rule.rule, "status": status}
    seconds = perf_counter() - g.started
    calls.add(call.method, rule.rule if rule else None, status, seconds)
    about["ms"] = round(seconds * 1000, 2)
    if ids := {name: value for name, value in (call.view_args or {}).items() if isinstance(value, UUID)}:
        about["ids"] = ids  # only our own UUIDs; ids of other systems can be personal data
    if actor := g.get("actor"):
        about["clinic_id"] = actor.clinic.id
        about["api_key_id" if actor.api_key_id else "user_id"] = actor.api_key_id or actor.user_id
    log.info("request", **about)
    name = f"{call.method} {rule.rule if rule else 'unknown path'}"
    traces.end_request(name, _attributes(about), is_failure=status >= SERVER_ERROR)


def _attributes(about: JsonObject) -> dict[str, str | int | None]:
    """Return the attributes of the request's span: standard names of OpenTelemetry where there is one."""
    named = {name: about.get(name) for name in ("clinic_id", "user_id", "api_key_id")}
    return {
        "http.request.method": about["method"],
        "http.route": about["route"],
        "http.response.status_code": about["status"],
        "relance.request_id": request_id(),
        **{f"relance.{name}": str(value) for name, value in named.items() if value},
    }
