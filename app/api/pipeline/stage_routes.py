"""The stages a lead moves through."""

from typing import Any
from uuid import UUID

from app.api.pipeline.stage_schemas import Archival, OrderIn, StageChange, StageIn, StageOut, StageQuery
from app.core.optimistic_locking import Seen
from app.core.pagination import Page
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.preconditions import if_match
from app.http.schemas.paging import page_of
from app.identity.permissions import Permission
from app.leads.pipeline import archive, service
from app.leads.pipeline.models import PipelineStage

blp = Blueprint("pipeline-stages", __name__, url_prefix="/api/pipeline-stages", description="The pipeline's stages.")


@blp.get("")
@allow(Permission.LEAD_READ)
@blp.arguments(StageQuery)
@blp.response(200, page_of(StageOut))
def list_stages(query: dict[str, Any]) -> Page:
    """List the clinic's pipeline stages.

    In their order, which is the only way a lead moves, but for Lost.
    """
    with reading() as session:
        return service.list_stages(session, actor().clinic.id, query)


@blp.post("")
@allow(Permission.LEAD_CONFIGURE)
@blp.arguments(StageIn)
@blp.response(201, StageOut)
@blp.alt_response(409, "CONFLICT")
def create_stage(given: dict[str, Any]) -> PipelineStage:
    """Add a pipeline stage.

    It goes before the first terminal stage; reorder the stages to put it elsewhere.
    """
    with unit_of_work() as session:
        return service.create_stage(session, actor().clinic.id, given)


@blp.put("/<uuid:stage_id>")
@allow(Permission.LEAD_CONFIGURE)
@blp.arguments(StageChange)
@blp.response(200, StageOut)
@blp.alt_response(409, "CONFLICT")
@if_match
def update_stage(given: dict[str, Any], stage_id: UUID, seen: Seen) -> PipelineStage:
    """Change a pipeline stage.

    The body replaces all of it: what is left out gets its default. Its slug stays, since leads and rules name it.
    """
    with unit_of_work() as session:
        return service.update_stage(session, actor().clinic.id, stage_id, given, seen=seen)


@blp.put("/reorder")
@allow(Permission.LEAD_CONFIGURE)
@blp.arguments(OrderIn)
@blp.response(200, page_of(StageOut))
def reorder_stages(given: dict[str, list[str]]) -> Page:
    """Reorder the pipeline stages.

    Name every stage in use once, terminal ones last.
    """
    with unit_of_work() as session:
        return Page(service.reorder(session, actor().clinic.id, given["slugs"]), next_cursor=None)


@blp.post("/<uuid:stage_id>/archive")
@allow(Permission.LEAD_CONFIGURE)
@blp.arguments(Archival)
@blp.response(200, StageOut)
@blp.alt_response(409, "CONFLICT")
def archive_stage(given: dict[str, str], stage_id: UUID) -> PipelineStage:
    """Give up a pipeline stage.

    From now on no lead enters it. Those that are in it are moved to the other stage within a minute or so, each with
    its entry on the timeline. Neither the default stage nor a terminal one can be given up.
    """
    with unit_of_work() as session:
        return archive.archive_stage(session, actor().clinic.id, stage_id, moves_to=given["moves_to"])


@blp.post("/<uuid:stage_id>/restore")
@allow(Permission.LEAD_CONFIGURE)
@blp.response(200, StageOut)
@blp.alt_response(409, "CONFLICT")
def restore_stage(stage_id: UUID) -> PipelineStage:
    """Take up an archived stage again.

    It goes before the first terminal stage. Leads that were moved away stay where they are.
    """
    with unit_of_work() as session:
        return archive.restore_stage(session, actor().clinic.id, stage_id)
