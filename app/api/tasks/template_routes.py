"""Routes of task templates: reusable follow-ups."""

from uuid import UUID

from app.api.messaging.template_report_schemas import MissingFieldsOut, PeriodQuery
from app.api.tasks.template_schemas import (
    TaskPreviewIn,
    TaskPreviewOut,
    TaskTemplateFiguresOut,
    TemplateIn,
    TemplateOut,
    TemplateQuery,
)
from app.core.calendar.date_range import date_range_of
from app.core.optimistic_locking import SeenVersions
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.merge_patch import MergePatch
from app.http.preconditions import if_match
from app.http.schemas.paging import page_of
from app.identity.permissions import Permission
from app.tasks.templates import preview, service
from app.tasks.templates.models import TaskTemplate

blp = Blueprint("task-templates", __name__, url_prefix="/api/task-templates", description="Reusable follow-ups.")


@blp.get("")
@allow(Permission.LEAD_READ)
@blp.arguments(TemplateQuery)
@blp.response(200, page_of(TemplateOut))
def list_templates(query: JsonDict) -> Page:
    """List the clinic's task templates.

    Ordered by name.
    """
    with reading() as session:
        return service.list_templates(session, actor(), query)


@blp.post("")
@allow(Permission.LEAD_CONFIGURE)
@blp.arguments(TemplateIn, lookups=service.check_template)
@blp.response(201, TemplateOut)
@blp.alt_response(409, "CONFLICT")
def create_template(given: JsonDict) -> TaskTemplate:
    """Create a task template.

    Use it when creating a task by hand. With a `stage`, every lead that moves into that stage gets the task.
    """
    with unit_of_work() as session:
        return service.create_template(session, actor(), given)


@blp.get("/<uuid:template_id>")
@allow(Permission.LEAD_READ)
@blp.response(200, TemplateOut)
def get_template(template_id: UUID) -> object:
    """Show a task template."""
    with reading() as session:
        return service.find(session, actor(), template_id)


@blp.put("/<uuid:template_id>")
@allow(Permission.LEAD_CONFIGURE)
@blp.arguments(TemplateIn, lookups=service.check_template)
@blp.response(200, TemplateOut)
@blp.alt_response(409, "CONFLICT")
@if_match
def update_template(given: JsonDict, template_id: UUID, seen: SeenVersions) -> TaskTemplate:
    """Replace a task template.

    Missing fields get their default. Tasks created from the template stay unchanged. A template that a published rule
    or sequence names keeps its name.
    """
    with unit_of_work() as session:
        return service.update_template(session, actor(), template_id, given, seen=seen)


@blp.patch("/<uuid:template_id>")
@allow(Permission.LEAD_CONFIGURE)
@blp.merge_patch(TemplateIn, TemplateOut, lookups=service.check_template)
@blp.response(200, TemplateOut)
@blp.alt_response(409, "CONFLICT")
@if_match
def edit_template(patch: MergePatch, template_id: UUID, seen: SeenVersions) -> object:
    """Edit a task template.

    Given fields are replaced; others stay unchanged. A template that a published rule or sequence names keeps its name.
    """
    with unit_of_work() as session:
        given, seen = patch.onto(session, service.find(session, actor(), template_id), seen)
        return service.update_template(session, actor(), template_id, given, seen=seen)


@blp.delete("/<uuid:template_id>")
@allow(Permission.LEAD_CONFIGURE)
@blp.response(204)
@blp.alt_response(409, "CONFLICT")
@if_match
def delete_template(template_id: UUID, seen: SeenVersions) -> None:
    """Delete a task template.

    Tasks created from it stay. A template that a published rule or sequence, a planned step, or an earlier version of a
    sequence with leads in it names cannot be deleted.
    """
    with unit_of_work() as session:
        service.delete_template(session, actor(), template_id, seen=seen)


@blp.post("/<uuid:template_id>/preview")
@allow(Permission.LEAD_READ)
@blp.arguments(TaskPreviewIn)
@blp.response(200, TaskPreviewOut)
@blp.alt_response(410, "GONE")
def preview_template(given: JsonDict, template_id: UUID) -> JsonDict:
    """Preview the task that a template creates.

    For a lead that you may see, or for a sample lead. Nothing is created.
    """
    with reading() as session:
        return preview.preview(session, actor(), service.find(session, actor(), template_id), given["lead_id"])


@blp.get("/<uuid:template_id>/missing")
@allow(Permission.LEAD_READ)
@blp.response(200, MissingFieldsOut)
def missing_fields(template_id: UUID) -> JsonDict:
    """Show the merge fields of a task template, and how many open leads lack them.

    A missing value appears as a dash in the task.
    """
    with reading() as session:
        return preview.missing_fields(session, actor(), service.find(session, actor(), template_id))


@blp.get("/<uuid:template_id>/statistics")
@allow(Permission.LEAD_READ)
@blp.arguments(PeriodQuery)
@blp.response(200, TaskTemplateFiguresOut)
def show_statistics(query: JsonDict, template_id: UUID) -> JsonDict:
    """Show how many tasks were created from a template, by status.

    For a period of at most one year, and for leads that you may see.
    """
    period = date_range_of(query.get("since"), query.get("until"))
    with reading() as session:
        return preview.statistics(session, actor(), service.find(session, actor(), template_id), period)
