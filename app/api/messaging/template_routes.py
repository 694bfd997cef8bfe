"""Message templates: what the clinic's messages say, by channel and language, and how they did."""

from typing import Any
from uuid import UUID

from app.api.messaging.template_report_schemas import (
    MessagePreviewIn,
    MessagePreviewOut,
    MissingFieldsOut,
    PeriodQuery,
    TemplateStatisticsOut,
    UnsavedMessageIn,
)
from app.api.messaging.template_schemas import (
    DiffQuery,
    MessageTemplateDetailOut,
    MessageTemplateIn,
    MessageTemplateOut,
    TemplateChange,
    TemplateRollbackIn,
    TemplateVersionDetailOut,
    TemplateVersionOut,
    TextDifferencesOut,
)
from app.core.date_range import period_of
from app.core.optimistic_locking import Seen
from app.core.pagination import Page
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.preconditions import if_match
from app.http.schemas.paging import PageQuery, page_of
from app.identity.permissions import Permission
from app.messaging.templates import missing, service, versions
from app.messaging.templates.preview import preview
from app.messaging.templates.statistics import statistics
from app.messaging.templates.texts import variants_of

blp = Blueprint(
    "message-templates", __name__, url_prefix="/api/message-templates", description="What the clinic's messages say."
)


@blp.get("")
@allow(Permission.AUTOMATION_READ)
@blp.arguments(PageQuery)
@blp.response(200, page_of(MessageTemplateOut))
def list_templates(query: dict[str, Any]) -> Page:
    """List the clinic's message templates.

    By slug, without their texts.
    """
    with reading() as session:
        return service.list_templates(session, actor(), query)


@blp.post("")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(MessageTemplateIn)
@blp.response(201, MessageTemplateDetailOut)
@blp.alt_response(409, "CONFLICT")
def create_template(given: dict[str, Any]) -> dict[str, Any]:
    """Add a message template.

    Its texts are version 1. Rules speak of it by its slug, which stays.
    """
    with unit_of_work() as session:
        return service.create_template(session, actor(), given)


@blp.post("/preview")
@allow(Permission.AUTOMATION_READ)
@blp.arguments(UnsavedMessageIn)
@blp.response(200, MessagePreviewOut)
def preview_texts(given: dict[str, Any]) -> dict[str, Any]:
    """Show a message made from texts that are not saved yet.

    For a lead that you may see, or for somebody made up. Nothing is written.
    """
    with reading() as session:
        variants = variants_of(session, actor().clinic, given["variants"])
        return preview(session, actor(), variants, given)


@blp.get("/<uuid:message_template_id>")
@allow(Permission.AUTOMATION_READ)
@blp.response(200, MessageTemplateDetailOut)
def get_template(message_template_id: UUID) -> dict[str, Any]:
    """Show a message template with its present texts, and the rules that speak of it."""
    with reading() as session:
        return service.get_template(session, actor(), message_template_id)


@blp.patch("/<uuid:message_template_id>")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(TemplateChange)
@blp.response(200, MessageTemplateDetailOut)
@if_match
def update_template(given: dict[str, Any], message_template_id: UUID, seen: Seen) -> dict[str, Any]:
    """Change a message template.

    What is not given stays; `variants` replaces all texts. Texts that are different make a new version, which messages
    are made from from then on.
    """
    with unit_of_work() as session:
        return service.update_template(session, actor(), message_template_id, given, seen=seen)


@blp.delete("/<uuid:message_template_id>")
@allow(Permission.AUTOMATION_MANAGE)
@blp.response(204)
@blp.alt_response(409, "CONFLICT")
@if_match
def delete_template(message_template_id: UUID, seen: Seen) -> None:
    """Delete a message template.

    With its versions; messages that were made from it stay. While active rules speak of it: 409, which names them.
    """
    with unit_of_work() as session:
        service.delete_template(session, actor(), message_template_id, seen=seen)


@blp.get("/<uuid:message_template_id>/versions")
@allow(Permission.AUTOMATION_READ)
@blp.arguments(PageQuery)
@blp.response(200, page_of(TemplateVersionOut))
def list_versions(query: dict[str, Any], message_template_id: UUID) -> Page:
    """List the versions of a template's texts.

    Newest first; the first is the one that is used.
    """
    with reading() as session:
        return versions.list_versions(session, service.find(session, actor(), message_template_id), query)


@blp.get("/<uuid:message_template_id>/versions/<uuid:version_id>")
@allow(Permission.AUTOMATION_READ)
@blp.response(200, TemplateVersionDetailOut)
def get_version(message_template_id: UUID, version_id: UUID) -> dict[str, Any]:
    """Show a version of a template's texts."""
    with reading() as session:
        return versions.shown_version(session, service.find(session, actor(), message_template_id), version_id)


@blp.get("/<uuid:message_template_id>/versions/<uuid:version_id>/diff")
@allow(Permission.AUTOMATION_READ)
@blp.arguments(DiffQuery)
@blp.response(200, TextDifferencesOut)
def diff_versions(query: dict[str, Any], message_template_id: UUID, version_id: UUID) -> dict[str, Any]:
    """Show what is different in a version of a template's texts.

    Against the version before it, or the one that `from` names.
    """
    with reading() as session:
        template = service.find(session, actor(), message_template_id)
        return {"differences": versions.diff(session, template, version_id, **query)}


@blp.post("/<uuid:message_template_id>/rollback")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(TemplateRollbackIn)
@blp.response(200, MessageTemplateDetailOut)
@blp.alt_response(409, "CONFLICT")
def roll_back(given: dict[str, Any], message_template_id: UUID) -> dict[str, Any]:
    """Use the texts of an earlier version again.

    As a new version, so that nothing is lost. Where they are used already: 409.
    """
    with unit_of_work() as session:
        return service.roll_back(session, actor(), message_template_id, **given)


@blp.post("/<uuid:message_template_id>/preview")
@allow(Permission.AUTOMATION_READ)
@blp.arguments(MessagePreviewIn)
@blp.response(200, MessagePreviewOut)
def preview_template(given: dict[str, Any], message_template_id: UUID) -> dict[str, Any]:
    """Show a message made from a template.

    For a lead that you may see, or for somebody made up: which text is used, how it reads, and which fields have no
    value. Nothing is written.
    """
    with reading() as session:
        return preview(session, actor(), service.texts_of(session, actor(), message_template_id), given)


@blp.get("/<uuid:message_template_id>/missing")
@allow(Permission.AUTOMATION_READ)
@blp.response(200, MissingFieldsOut)
def missing_fields(message_template_id: UUID) -> dict[str, Any]:
    """Show which fields a template needs, and how many open leads lack them.

    A lead that lacks one gets no message: its step is skipped with the reason `missing_field`.
    """
    with reading() as session:
        return missing.missing_fields(session, actor(), service.texts_of(session, actor(), message_template_id))


@blp.get("/<uuid:message_template_id>/statistics")
@allow(Permission.AUTOMATION_READ)
@blp.arguments(PeriodQuery)
@blp.response(200, TemplateStatisticsOut)
def show_statistics(query: dict[str, Any], message_template_id: UUID) -> dict[str, Any]:
    """Show what became of the messages that were made from a template.

    In all, and by version; of those written within a time of at most a year, about leads that you may see.
    """
    period = period_of(query.get("since"), query.get("until"))
    with reading() as session:
        return statistics(session, actor(), service.find(session, actor(), message_template_id), period)
