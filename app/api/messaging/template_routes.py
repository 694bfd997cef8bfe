"""Routes for message templates: texts by channel and language, versions, previews and statistics."""

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
    MessageTemplateQuery,
    TemplateChange,
    TemplateRollbackIn,
    TemplateVersionDetailOut,
    TemplateVersionOut,
    TextDifferencesOut,
)
from app.core.calendar.date_range import date_range_of
from app.core.optimistic_locking import SeenVersions
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.preconditions import if_match
from app.http.schemas.paging import PageQuery, page_of
from app.identity.permissions import Permission
from app.messaging.templates import missing_field_report, service, versions
from app.messaging.templates.preview import check_preview, check_unsaved_preview, preview
from app.messaging.templates.statistics import statistics
from app.messaging.templates.variant_validation import validated_variants

blp = Blueprint(
    "message-templates", __name__, url_prefix="/api/message-templates", description="The clinic's message templates."
)


@blp.get("")
@allow(Permission.AUTOMATION_READ, also=Permission.LEAD_UPDATE)
@blp.arguments(MessageTemplateQuery)
@blp.response(200, page_of(MessageTemplateOut))
def list_templates(query: JsonDict) -> Page:
    """List the clinic's message templates.

    Sorted by slug, without their texts. Users who may write to leads (`lead:update`) see them too.
    """
    with reading() as session:
        return service.list_templates(session, actor(), query)


@blp.post("")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(MessageTemplateIn, lookups=service.check_new)
@blp.response(201, MessageTemplateDetailOut)
@blp.alt_response(409, "CONFLICT")
def create_template(given: JsonDict) -> JsonDict:
    """Add a message template.

    Its texts become version 1. Rules refer to it by its slug, which cannot be changed.
    """
    with unit_of_work() as session:
        return service.create_template(session, actor(), given)


@blp.post("/preview")
@allow(Permission.AUTOMATION_READ)
@blp.arguments(UnsavedMessageIn, lookups=check_unsaved_preview)
@blp.response(200, MessagePreviewOut)
@blp.alt_response(404, "NOT_FOUND")
@blp.alt_response(410, "GONE")
def preview_texts(given: JsonDict) -> JsonDict:
    """Preview a message from unsaved texts.

    For a lead that you may see, or for sample data. Nothing is written.
    """
    with reading() as session:
        variants = validated_variants(session, actor().clinic, given["variants"])
        return preview(session, actor(), variants, given)


@blp.get("/<uuid:message_template_id>")
@allow(Permission.AUTOMATION_READ)
@blp.response(200, MessageTemplateDetailOut)
def get_template(message_template_id: UUID) -> JsonDict:
    """Get a message template with its current texts and the rules that use it."""
    with reading() as session:
        return service.get_template(session, actor(), message_template_id)


@blp.patch("/<uuid:message_template_id>")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(TemplateChange, lookups=service.check_texts)
@blp.response(200, MessageTemplateDetailOut)
@if_match
def update_template(given: JsonDict, message_template_id: UUID, seen: SeenVersions) -> JsonDict:
    """Change a message template.

    Fields that are left out stay unchanged; `variants` replaces all texts. Different texts make a new version, which is
    used for messages from then on.
    """
    with unit_of_work() as session:
        return service.update_template(session, actor(), message_template_id, given, seen=seen)


@blp.delete("/<uuid:message_template_id>")
@allow(Permission.AUTOMATION_MANAGE)
@blp.response(204)
@blp.alt_response(409, "CONFLICT")
@if_match
def delete_template(message_template_id: UUID, seen: SeenVersions) -> None:
    """Delete a message template.

    Its versions are deleted too; messages made from it stay. Returns 409 with the slugs of the rules while active rules
    use it.
    """
    with unit_of_work() as session:
        service.delete_template(session, actor(), message_template_id, seen=seen)


@blp.get("/<uuid:message_template_id>/versions")
@allow(Permission.AUTOMATION_READ)
@blp.arguments(PageQuery)
@blp.response(200, page_of(TemplateVersionOut))
def list_versions(query: JsonDict, message_template_id: UUID) -> Page:
    """List the versions of a template's texts.

    Newest first; the first one is in use.
    """
    with reading() as session:
        return versions.list_versions(session, service.find_template(session, actor(), message_template_id), query)


@blp.get("/<uuid:message_template_id>/versions/<uuid:version_id>")
@allow(Permission.AUTOMATION_READ)
@blp.response(200, TemplateVersionDetailOut)
def get_version(message_template_id: UUID, version_id: UUID) -> JsonDict:
    """Get a version of a template's texts."""
    with reading() as session:
        return versions.version_detail(
            session, service.find_template(session, actor(), message_template_id), version_id
        )


@blp.get("/<uuid:message_template_id>/versions/<uuid:version_id>/diff")
@allow(Permission.AUTOMATION_READ)
@blp.arguments(DiffQuery)
@blp.response(200, TextDifferencesOut)
def diff_versions(query: JsonDict, message_template_id: UUID, version_id: UUID) -> JsonDict:
    """Show the differences between two versions of a template's texts.

    Compares with the previous version, or with the one in `from`.
    """
    with reading() as session:
        template = service.find_template(session, actor(), message_template_id)
        return {"differences": versions.diff(session, template, version_id, **query)}


@blp.post("/<uuid:message_template_id>/rollback")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(TemplateRollbackIn, lookups=service.check_rollback)
@blp.response(200, MessageTemplateDetailOut)
@blp.alt_response(409, "CONFLICT")
def roll_back(given: JsonDict, message_template_id: UUID) -> JsonDict:
    """Use the texts of an earlier version again.

    They become a new version, so no version is lost. Returns 409 if they are already in use.
    """
    with unit_of_work() as session:
        return service.roll_back(session, actor(), message_template_id, **given)


@blp.post("/<uuid:message_template_id>/preview")
@allow(Permission.AUTOMATION_READ, also=Permission.LEAD_UPDATE)
@blp.arguments(MessagePreviewIn, lookups=check_preview)
@blp.response(200, MessagePreviewOut)
@blp.alt_response(410, "GONE")
def preview_template(given: JsonDict, message_template_id: UUID) -> JsonDict:
    """Preview a message from a template.

    For a lead that you may see, or for sample data. Returns the variant that is used, its text, and the fields without
    a value. Nothing is written. Users who may write to leads (`lead:update`) use it to choose a template.
    """
    with reading() as session:
        return preview(session, actor(), service.current_texts(session, actor(), message_template_id), given)


@blp.get("/<uuid:message_template_id>/missing")
@allow(Permission.AUTOMATION_READ)
@blp.response(200, MissingFieldsOut)
def missing_fields(message_template_id: UUID) -> JsonDict:
    """Show the required fields of a template, and how many open leads lack them.

    A lead that lacks one gets no message: its step is skipped with the reason `missing_field`.
    """
    with reading() as session:
        return missing_field_report.report_missing_fields(
            session, actor(), service.current_texts(session, actor(), message_template_id)
        )


@blp.get("/<uuid:message_template_id>/statistics")
@allow(Permission.AUTOMATION_READ)
@blp.arguments(PeriodQuery)
@blp.response(200, TemplateStatisticsOut)
def show_statistics(query: JsonDict, message_template_id: UUID) -> JsonDict:
    """Show the statistics of messages made from a template.

    In total and by version, for messages created in a period of at most a year, about leads that you may see.
    """
    period = date_range_of(query.get("since"), query.get("until"))
    with reading() as session:
        return statistics(session, actor(), service.find_template(session, actor(), message_template_id), period)
