"""Routes for the lateness report of the automation."""

from app.api.operations.step_schemas import LatenessOut, LatenessQuery
from app.core.type_aliases import JsonDict
from app.engine.steps.lateness_report import lateness_report
from app.http.access import actor, allow, reading
from app.http.blueprint import Blueprint
from app.identity.permissions import Permission

blp = Blueprint("automation", __name__, url_prefix="/api/automation", description="Lateness of the automation.")


@blp.get("/lateness")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(LatenessQuery)
@blp.response(200, LatenessOut)
def show_lateness(query: JsonDict) -> JsonDict:
    """Show the lateness report.

    Use it after a downtime. For the steps that ended in the period, by rule and kind: how many ran on time, ran late,
    or were skipped as too late. For all other steps: how many were postponed, with the reason, and how many are
    overdue. `gaps` are the times in which no worker finished a step of the clinic.
    """
    with reading() as session:
        return lateness_report(session, actor().clinic, **query)
