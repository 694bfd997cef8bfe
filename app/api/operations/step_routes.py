"""Routes for failed automation steps (dead letters): list and retry."""

from datetime import timedelta
from uuid import UUID

from app.api.operations.step_schemas import RetriedOut, RetryIn, StepOut, StepQuery
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.engine import failed_steps
from app.engine.failed_steps import Retried
from app.engine.models import Step
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.schemas.paging import page_of
from app.identity.permissions import Permission

blp = Blueprint("steps", __name__, url_prefix="/api/steps", description="Failed automation steps.")


@blp.get("")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(StepQuery)
@blp.response(200, page_of(StepOut))
def list_steps(query: JsonDict) -> Page:
    """List failed steps and steps with an unknown result.

    Newest first. For the steps of one lead use `GET /api/leads/{lead_id}/automation`.
    """
    with reading() as session:
        return failed_steps.list_steps(session, actor().clinic.id, query)


@blp.post("/<uuid:step_id>/retry")
@allow(Permission.AUTOMATION_MANAGE)
@blp.response(200, StepOut)
@blp.alt_response(409, "CONFLICT")
def retry_step(step_id: UUID) -> Step:
    """Retry a failed step.

    It runs at once, with all its attempts, and its guard is checked again.
    """
    with unit_of_work() as session:
        return failed_steps.retry(session, actor().clinic.id, step_id)


@blp.post("/retry")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(RetryIn)
@blp.response(200, RetriedOut)
def retry_steps(given: JsonDict) -> Retried:
    """Retry all matching failed steps.

    Oldest first, spread evenly over `spread_seconds`; at most 10,000 steps per call. `dry_run` counts without changing
    anything.
    """
    spread, dry_run = timedelta(seconds=given.pop("spread_seconds")), given.pop("dry_run")
    with unit_of_work() as session:
        return failed_steps.retry_many(session, actor().clinic.id, given, spread=spread, dry_run=dry_run)
