"""The API: every blueprint, around them the edge."""

from collections.abc import Callable
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from app import logs
from app.activities.routes import blp as activities
from app.bulk.routes import blp as bulk
from app.config import get_settings
from app.fields.routes import blp as fields
from app.forms.public_routes import blp as public_forms
from app.forms.routes import blp as forms
from app.http import access, docs, openapi, problems, requests
from app.identity.routes import blueprints as identity
from app.leads.board_routes import blp as board
from app.leads.capture_routes import blp as capture
from app.leads.routes import blp as leads
from app.notifications.routes import blp as notifications
from app.ops.routes import blp as ops
from app.pipeline.routes import blp as pipeline
from app.sources.routes import blp as sources
from app.steps.routes import blp as steps
from app.tasks.routes import blp as tasks

BLUEPRINTS = (
    *identity,
    leads,
    capture,
    board,
    tasks,
    activities,
    bulk,
    sources,
    fields,
    forms,
    public_forms,
    pipeline,
    notifications,
    steps,
    ops,
)


class _Relance(Flask):
    """Flask asks of every view and hook, at every call, whether it is a coroutine. None is."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func


def create_app() -> Flask:
    """The WSGI application."""
    settings = get_settings()
    logs.configure()
    app = _Relance("relance", static_folder=None)
    app.config |= {"MAX_CONTENT_LENGTH": settings.max_body_bytes, "PROVIDE_AUTOMATIC_OPTIONS": False}
    requests.register(app)
    access.register(app)
    problems.register(app)
    openapi.register(app, BLUEPRINTS)
    app.register_blueprint(docs.blp)
    _believe(app, settings.trusted_proxies)
    return app


def _believe(app: Flask, proxies: int) -> None:
    """Take client, scheme and host from the X-Forwarded-* entries that so many proxies in front wrote."""
    if proxies:  # whatever stands left of those entries the client may have written itself
        edge = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies)
        app.wsgi_app = edge  # type: ignore[method-assign]
