"""Task templates: common follow-ups, written once."""

from typing import Any
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
from app.core.date_range import period_of
from app.core.optimistic_locking import Seen
from app.core.pagination import Page
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.preconditions import if_match
from app.http.schemas.paging import page_of
from app.identity.permissions import Permission
from app.tasks.templates import preview, service
from app.tasks.templates.models import TaskTemplate

blp = Blueprint("task-templates", __name__, url_prefix="/api/task-templates", description="Common follow-ups.")


@blp.get("")
@allow(Permission.LEAD_READ)
@blp.arguments(TemplateQuery)
@blp.response(200, page_of(TemplateOut))
def list_templates(query: dict[str, Any]) -> Page:
    """List the clinic's task templates.

    By name.
    """
    with reading() as session:
        return service.list_templates(session, actor(), query)


@blp.post("")
@allow(Permission.LEAD_CONFIGURE)
@blp.arguments(TemplateIn)
@blp.response(201, TemplateOut)
@blp.alt_response(409, "CONFLICT")
def create_template(given: dict[str, Any]) -> TaskTemplate:
    """Add a task template.

    To be named by hand when a task is planned; with a `stage`, each lead that moves into it gets the task.
    """
    with unit_of_work() as session:
        return service.create_template(session, actor(), given)


@blp.put("/<uuid:template_id>")
@allow(Permission.LEAD_CONFIGURE)
@blp.arguments(TemplateIn)
@blp.response(200, TemplateOut)
@blp.alt_response(409, "CONFLICT")
@if_match
def update_template(given: dict[str, Any], template_id: UUID, seen: Seen) -> TaskTemplate:
    """Change a task template.

    The body replaces all of it: what is left out gets its default. Tasks that were planned from it stay.
    """
    with unit_of_work() as session:
        return service.update_template(session, actor(), template_id, given, seen=seen)


@blp.delete("/<uuid:template_id>")
@allow(Permission.LEAD_CONFIGURE)
@blp.response(204)
@if_match
def delete_template(template_id: UUID, seen: Seen) -> None:
    """Delete a task template.

    Tasks that were planned from it stay.
    """
    with unit_of_work() as session:
        service.delete_template(session, actor(), template_id, seen=seen)


@blp.post("/<uuid:template_id>/preview")
@allow(Permission.LEAD_READ)
@blp.arguments(TaskPreviewIn)
@blp.response(200, TaskPreviewOut)
def preview_template(given: dict[str, Any], template_id: UUID) -> dict[str, Any]:
    """Show a task as a template would make it.

    For a lead that you may see, or for somebody made up. Nothing is planned.
    """
    with reading() as session:
        return preview.preview(session, actor(), service.find(session, actor(), template_id), given["lead_id"])


@blp.get("/<uuid:template_id>/missing")
@allow(Permission.LEAD_READ)
@blp.response(200, MissingFieldsOut)
def missing_fields(template_id: UUID) -> dict[str, Any]:
    """Show which fields a task template prints, and how many open leads lack them.

    Tasks for those have a dash there.
    """
    with reading() as session:
        return preview.missing_fields(session, actor(), service.find(session, actor(), template_id))


@blp.get("/<uuid:template_id>/statistics")
@allow(Permission.LEAD_READ)
@blp.arguments(PeriodQuery)
@blp.response(200, TaskTemplateFiguresOut)
def show_statistics(query: dict[str, Any], template_id: UUID) -> dict[str, Any]:
    """Show how many tasks were made from a template, and what became of them.

    Of those made within a time of at most a year, for leads that you may see.
    """
    period = period_of(query.get("since"), query.get("until"))
    with reading() as session:
        return preview.statistics(session, actor(), service.find(session, actor(), template_id), period)
