"""The dead letters of the automation, and another chance for them."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from app.api.operations.step_schemas import RetriedOut, RetryIn, StepOut, StepQuery
from app.core.pagination import Page
from app.engine.models import Step
from app.engine.steps import failed
from app.engine.steps.failed import Retried
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.schemas.paging import page_of
from app.identity.permissions import Permission

blp = Blueprint("steps", __name__, url_prefix="/api/steps", description="Automation steps in trouble.")


@blp.get("")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(StepQuery)
@blp.response(200, page_of(StepOut))
def list_steps(query: dict[str, Any]) -> Page:
    """List the steps that failed, or that nobody knows about.

    Newest first. What a lead's steps did is at `GET /api/leads/{lead_id}/automation`.
    """
    with reading() as session:
        return failed.list_steps(session, actor().clinic.id, query)


@blp.post("/<uuid:step_id>/retry")
@allow(Permission.AUTOMATION_MANAGE)
@blp.response(200, StepOut)
@blp.alt_response(409, "CONFLICT")
def retry_step(step_id: UUID) -> Step:
    """Try a failed step again.

    At once, with all its tries; its guard is checked again.
    """
    with unit_of_work() as session:
        return failed.retry(session, actor().clinic.id, step_id)


@blp.post("/retry")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(RetryIn)
@blp.response(200, RetriedOut)
def retry_steps(given: dict[str, Any]) -> Retried:
    """Try all failed steps again that match.

    Oldest first, spread evenly over `spread_seconds`, at most 10,000 in one call.
    """
    spread = timedelta(seconds=given.pop("spread_seconds"))
    with unit_of_work() as session:
        return failed.retry_many(session, actor().clinic.id, given, spread=spread)
