"""Task templates: common follow-ups, written once."""

from typing import Any
from uuid import UUID

from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.paging import Page, page_of
from app.http.preconditions import if_match
from app.identity.permissions import Permission
from app.task_templates import service
from app.task_templates.models import TaskTemplate
from app.task_templates.schemas import TemplateIn, TemplateOut, TemplateQuery
from app.versions import Seen

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
