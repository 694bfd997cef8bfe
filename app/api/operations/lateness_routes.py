"""How punctual the automation was."""

from typing import Any

from app.api.operations.step_schemas import LatenessOut, LatenessQuery
from app.engine.steps.lateness import lateness
from app.http.access import actor, allow, reading
from app.http.blueprint import Blueprint
from app.identity.permissions import Permission

blp = Blueprint("automation", __name__, url_prefix="/api/automation", description="How punctual the automation is.")


@blp.get("/lateness")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(LatenessQuery)
@blp.response(200, LatenessOut)
def show_lateness(query: dict[str, Any]) -> dict[str, Any]:
    """Show what ran late, and what became of it: after a downtime.

    Of the steps that ended in the period, by rule and kind: how many ran on time and late, and were skipped for it; of
    all others how many were put off, and why, and how many are still to be done though they are due. `gaps` are the
    times in which no worker finished a step of the clinic's.
    """
    with reading() as session:
        return lateness(session, actor().clinic, **query)
