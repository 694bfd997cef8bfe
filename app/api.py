"""The API: every blueprint, around them the edge."""

from collections.abc import Callable
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from app import logs
from app.accounts.page import blp as password_page
from app.accounts.password_routes import blp as passwords
from app.accounts.routes import blueprints as accounts
from app.activities.routes import blp as activities
from app.assignment.lead_routes import blp as lead_assignment
from app.assignment.routes import blp as assignment_rules
from app.assignment.user_routes import blp as availability
from app.audit.routes import blp as audit
from app.bulk.routes import blp as bulk
from app.config import get_settings
from app.fields.routes import blp as fields
from app.forms.public_routes import blp as public_forms
from app.forms.routes import blp as forms
from app.gateways.public_routes import blp as gateway_events
from app.gateways.routes import blp as gateways
from app.http import access, docs, openapi, problems, requests
from app.identity.routes import blueprints as identity
from app.imports.routes import blp as imports
from app.lead_activities.routes import blp as lead_activities
from app.leads.board_routes import blp as board
from app.leads.capture_routes import blp as capture
from app.leads.event_routes import blp as events
from app.leads.routes import blp as leads
from app.message_templates.routes import blp as message_templates
from app.notifications.routes import blp as notifications
from app.nurtures.routes import blp as nurtures
from app.ops.routes import blp as ops
from app.pipeline.routes import blp as pipeline
from app.playbooks.routes import blp as playbooks
from app.privacy.routes import blueprints as privacy
from app.rules.routes import blp as follow_up_rules
from app.sequences.bulk_routes import blp as bulk_enrollments
from app.sequences.enrollment_routes import blp as enrollments
from app.sequences.move_routes import blp as sequence_moves
from app.sequences.performance_routes import blp as sequence_performance
from app.sequences.routes import blp as sequences
from app.settings.routes import blp as clinic_settings
from app.simulation.routes import blp as simulations
from app.sources.routes import blp as sources
from app.steps.lateness_routes import blp as lateness
from app.steps.routes import blp as steps
from app.task_templates.routes import blp as task_templates
from app.tasks.overview_routes import blp as overview
from app.tasks.queue_routes import blp as queue
from app.tasks.routes import blp as tasks
from app.tasks.views_routes import blp as views

BLUEPRINTS = (
    *identity,
    passwords,
    *accounts,
    leads,
    capture,
    events,
    board,
    tasks,
    activities,
    bulk,
    imports,
    sources,
    pipeline,
    notifications,
    steps,
    lateness,
    audit,
    *privacy,
    lead_assignment,
    assignment_rules,
    follow_up_rules,
    sequences,
    enrollments,
    bulk_enrollments,
    sequence_performance,
    sequence_moves,
    playbooks,
    simulations,
    nurtures,
    availability,
    queue,
    overview,
    views,
    task_templates,
    message_templates,
    lead_activities,
    fields,
    forms,
    public_forms,
    clinic_settings,
    gateways,
    gateway_events,
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
    app.register_blueprint(password_page)
    _believe(app, settings.trusted_proxies)
    return app


def _believe(app: Flask, proxies: int) -> None:
    """Take client, scheme and host from the X-Forwarded-* entries that so many proxies in front wrote."""
    if proxies:  # whatever stands left of those entries the client may have written itself
        edge = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies)
        app.wsgi_app = edge  # type: ignore[method-assign]
