"""The API application: all blueprints, and the HTTP layer around them."""

from collections.abc import Callable
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from app import wiring
from app.api.activities.lead_activity_routes import blp as lead_activities
from app.api.activities.routes import blp as activities
from app.api.analytics.best_time_routes import blp as best_time
from app.api.analytics.forecast_routes import blp as forecast
from app.api.analytics.report_routes import blp as reports
from app.api.analytics.routes import blp as analytics
from app.api.analytics.saved_routes import blp as saved_reports
from app.api.assignment.availability_routes import blp as availability
from app.api.assignment.lead_routes import blp as lead_assignment
from app.api.assignment.rule_routes import blp as assignment_rules
from app.api.automation.definition_routes import blp as definitions
from app.api.automation.lead_step_routes import blp as lead_steps
from app.api.automation.nurture_routes import blp as nurtures
from app.api.automation.playbook_routes import blp as playbooks
from app.api.automation.rule_routes import blp as follow_up_rules
from app.api.automation.simulation_routes import blp as simulations
from app.api.capture.form_routes import blp as forms
from app.api.capture.import_routes import blp as imports
from app.api.capture.lead_routes import blp as capture
from app.api.capture.public_form_routes import blp as public_forms
from app.api.capture.search_routes import blp as search
from app.api.clinic.custom_field_routes import blp as fields
from app.api.clinic.settings_routes import blp as clinic_settings
from app.api.clinic.source_routes import blp as sources
from app.api.clinic.task_settings_routes import blp as task_settings
from app.api.console.pages import blp as console
from app.api.identity.browser_session_routes import blp as browser_sessions
from app.api.identity.password_page import blp as password_page
from app.api.identity.password_routes import blp as passwords
from app.api.identity.session_routes import blp as own_sessions
from app.api.identity.sign_in_routes import blueprints as identity
from app.api.identity.user_routes import blueprints as accounts
from app.api.leads.duplicate_routes import blp as duplicates
from app.api.leads.event_routes import blp as events
from app.api.leads.routes import blp as leads
from app.api.leads.scoring.next_action_routes import blp as next_actions
from app.api.leads.scoring.routes import blp as lead_scores
from app.api.leads.scoring.routes import settings_blp as score_settings
from app.api.leads.touch_routes import blp as touches
from app.api.live_updates.routes import blp as live_updates
from app.api.messaging.gateway_event_routes import blp as gateway_events
from app.api.messaging.gateway_routes import blp as gateways
from app.api.messaging.inbound.conversation_routes import blp as conversations
from app.api.messaging.inbound.email_routes import blp as inbound_emails
from app.api.messaging.inbound.hook_routes import blp as inbound_hooks
from app.api.messaging.inbound.lead_message_routes import blp as lead_messages
from app.api.messaging.inbound.provider_routes import blp as inbound_calls
from app.api.messaging.inbound.sentiment_routes import blp as sentiment_settings
from app.api.messaging.inbound.settings_routes import blp as inbound_settings
from app.api.messaging.inbound.text_provider_routes import blp as channel_events
from app.api.messaging.inbound.text_routes import blp as inbound_texts
from app.api.messaging.mailbox_routes import blp as mailboxes
from app.api.messaging.notices.destination_routes import blp as destinations
from app.api.messaging.notices.preference_routes import blp as notice_preferences
from app.api.messaging.notification_routes import blp as notifications
from app.api.messaging.preference_page import blp as preference_page
from app.api.messaging.sending_accounts.routes import blp as sending_accounts
from app.api.messaging.template_routes import blp as message_templates
from app.api.messaging.tracking.hit_routes import blp as tracking
from app.api.messaging.tracking.settings_routes import blp as tracking_settings
from app.api.messaging.webhooks.delivery_routes import blp as webhook_deliveries
from app.api.messaging.webhooks.endpoint_routes import blp as webhooks
from app.api.operations.audit_routes import blp as audit
from app.api.operations.lateness_routes import blp as lateness
from app.api.operations.overview_routes import blp as operations
from app.api.operations.probe_routes import blp as ops
from app.api.operations.step_routes import blp as steps
from app.api.pipeline.board_routes import blp as board
from app.api.pipeline.lead_view_routes import blp as lead_views
from app.api.pipeline.stage_routes import blp as pipeline
from app.api.privacy.routes import blueprints as privacy
from app.api.request_bodies import REQUEST_BODIES
from app.api.sequences.bulk_routes import blp as bulk_enrollments
from app.api.sequences.enrollment_routes import blp as enrollments
from app.api.sequences.move_routes import blp as sequence_moves
from app.api.sequences.performance_routes import blp as sequence_performance
from app.api.sequences.routes import blp as sequences
from app.api.tasks.bulk_routes import blp as bulk
from app.api.tasks.overview_routes import blp as overview
from app.api.tasks.queue_routes import blp as queue
from app.api.tasks.routes import blp as tasks
from app.api.tasks.template_routes import blp as task_templates
from app.api.tasks.timeline.routes import blp as task_links
from app.api.tasks.view_routes import blp as views
from app.config import get_settings
from app.core.telemetry import logs
from app.http import access, path_converters, problems, request_hooks
from app.http.openapi import docs_page, openapi

BLUEPRINTS = (  # in the order of the docs page
    leads,
    capture,
    duplicates,
    touches,
    lead_scores,
    next_actions,
    events,
    lead_views,
    board,
    analytics,
    reports,
    saved_reports,
    forecast,
    best_time,
    tasks,
    activities,
    task_links,
    search,
    bulk,
    imports,
    sources,
    pipeline,
    notifications,
    live_updates,
    lead_steps,
    steps,
    lateness,
    operations,
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
    definitions,
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
    score_settings,
    sentiment_settings,
    gateways,
    gateway_events,
    webhooks,
    webhook_deliveries,
    lead_messages,
    conversations,
    inbound_emails,
    inbound_settings,
    tracking_settings,
    task_settings,
    inbound_hooks,
    inbound_calls,
    inbound_texts,
    channel_events,
    mailboxes,
    sending_accounts,
    destinations,
    notice_preferences,
    ops,
    browser_sessions,
    own_sessions,
    *identity,
    passwords,
    *accounts,
)


class _Relance(Flask):
    """Flask without the check for coroutine views, which it makes at every call."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func


def create_app() -> Flask:
    """Create the WSGI application of the API."""
    settings = get_settings()
    logs.configure()
    wiring.connect()
    app = _Relance("relance", static_folder=None)
    app.config |= {"MAX_CONTENT_LENGTH": settings.max_body_bytes, "PROVIDE_AUTOMATIC_OPTIONS": False}
    path_converters.register(app)
    request_hooks.register(app)
    access.register(app)
    problems.register(app)
    openapi.register(app, BLUEPRINTS, REQUEST_BODIES)
    app.register_blueprint(docs_page.blp)
    app.register_blueprint(console)
    app.register_blueprint(password_page)
    app.register_blueprint(preference_page)
    app.register_blueprint(tracking)
    _trust_proxies(app, settings.trusted_proxies)
    return app


def _trust_proxies(app: Flask, proxies: int) -> None:
    """Take client, scheme and host from the last `proxies` entries of the X-Forwarded-* headers."""
    if proxies:  # a client can forge the entries before those
        edge = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies)
        app.wsgi_app = edge  # type: ignore[method-assign]
