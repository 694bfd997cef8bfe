"""Routes of `/api/pipeline-stages`."""

from uuid import UUID

from app.api.pipeline.stage_schemas import Archival, OrderIn, StageChange, StageIn, StageQuery, StageWithAutomationOut
from app.automation.stages import service
from app.core.optimistic_locking import SeenVersions
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.merge_patch import MergePatch
from app.http.preconditions import if_match
from app.http.schemas.paging import page_of
from app.identity.permissions import Permission
from app.leads.pipeline import archive
from app.leads.pipeline import service as pipeline

blp = Blueprint("pipeline-stages", __name__, url_prefix="/api/pipeline-stages", description="Stages of the pipeline.")


@blp.get("")
@allow(Permission.LEAD_READ)
@blp.arguments(StageQuery)
@blp.response(200, page_of(StageWithAutomationOut))
def list_stages(query: JsonDict) -> Page:
    """List the clinic's pipeline stages.

    In order, with what reacts to each of them. Leads only move forward in this order, except to Lost.
    """
    with reading() as session:
        return service.list_stages(session, actor(), query)


@blp.post("")
@allow(Permission.LEAD_CONFIGURE)
@blp.arguments(StageIn, lookups=service.check_new_stage)
@blp.response(201, StageWithAutomationOut)
@blp.alt_response(409, "CONFLICT")
def create_stage(given: JsonDict) -> JsonDict:
    """Add a pipeline stage.

    It is added before the first terminal stage; reorder the stages to move it. Templates are stored as a rule, which
    needs the permission `automation:manage`.
    """
    with unit_of_work() as session:
        return service.create_stage(session, actor(), given)


@blp.get("/<uuid:stage_id>")
@allow(Permission.LEAD_READ)
@blp.response(200, StageWithAutomationOut)
def get_stage(stage_id: UUID) -> object:
    """Show a pipeline stage."""
    with reading() as session:
        return service.read_stage(session, actor(), stage_id)


@blp.put("/<uuid:stage_id>")
@allow(Permission.LEAD_CONFIGURE)
@blp.arguments(StageChange, lookups=service.check_stage)
@blp.response(200, StageWithAutomationOut)
@blp.alt_response(409, "CONFLICT")
@if_match
def update_stage(given: JsonDict, stage_id: UUID, seen: SeenVersions) -> JsonDict:
    """Replace a pipeline stage.

    Fields that are left out get their default, except the templates, which stay. The slug never changes.
    """
    with unit_of_work() as session:
        return service.update_stage(session, actor(), stage_id, given, seen=seen)


@blp.patch("/<uuid:stage_id>")
@allow(Permission.LEAD_CONFIGURE)
@blp.merge_patch(StageChange, StageWithAutomationOut, lookups=service.check_stage)
@blp.response(200, StageWithAutomationOut)
@blp.alt_response(409, "CONFLICT")
@if_match
def edit_stage(patch: MergePatch, stage_id: UUID, seen: SeenVersions) -> object:
    """Edit a pipeline stage.

    Given fields are replaced; others stay unchanged.
    """
    with unit_of_work() as session:
        given, seen = patch.onto(session, service.read_stage(session, actor(), stage_id), seen)
        return service.update_stage(session, actor(), stage_id, given, seen=seen)


@blp.put("/reorder")
@allow(Permission.LEAD_CONFIGURE)
@blp.arguments(OrderIn, lookups=pipeline.check_order)
@blp.response(200, page_of(StageWithAutomationOut))
def reorder_stages(given: dict[str, list[str]]) -> Page:
    """Reorder the pipeline stages.

    Give every active stage once, terminal ones last.
    """
    with unit_of_work() as session:
        stages = pipeline.reorder(session, actor().clinic.id, given["slugs"])
        return Page(service.to_responses(session, actor(), stages), next_cursor=None)


@blp.post("/<uuid:stage_id>/archive")
@allow(Permission.LEAD_CONFIGURE)
@blp.arguments(Archival, lookups=archive.check_archival)
@blp.response(200, StageWithAutomationOut)
@blp.alt_response(409, "CONFLICT")
def archive_stage(given: dict[str, str], stage_id: UUID) -> JsonDict:
    """Archive a pipeline stage.

    No lead can enter it. A job moves its leads to the other stage within about a minute, each with a timeline entry.
    The default stage and terminal stages cannot be archived.
    """
    with unit_of_work() as session:
        stage = archive.archive_stage(session, actor().clinic.id, stage_id, moves_to=given["moves_to"])
        return service.to_response(session, actor(), stage)


@blp.post("/<uuid:stage_id>/restore")
@allow(Permission.LEAD_CONFIGURE)
@blp.response(200, StageWithAutomationOut)
@blp.alt_response(409, "CONFLICT")
def restore_stage(stage_id: UUID) -> JsonDict:
    """Restore an archived stage.

    It is placed before the first terminal stage. Leads that were moved do not return.
    """
    with unit_of_work() as session:
        return service.to_response(session, actor(), archive.restore_stage(session, actor().clinic.id, stage_id))
