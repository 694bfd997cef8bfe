"""Routes of next actions: suggest, accept, dismiss, and the report about the answers."""

from uuid import UUID

from app.analytics.next_actions import next_action_report
from app.api.leads.scoring.next_action_schemas import (
    NextActionAcceptance,
    NextActionDismissal,
    NextActionOut,
    NextActionQuery,
    NextActionReportOut,
)
from app.automation.lead_view.next_action_service import answer_next_action, next_action
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.identity.permissions import Permission

blp = Blueprint("next-actions", __name__, url_prefix="/api/leads", description="What to do next for a lead, and why.")


@blp.get("/<uuid:lead_id>/next-action")
@allow(Permission.LEAD_READ)
@blp.response(200, NextActionOut)
def show_next_action(lead_id: UUID) -> JsonDict:
    """Show the next best action of a lead.

    One act with its reason, and the facts behind it.
    """
    with reading() as session:
        return next_action(session, actor(), lead_id)


@blp.post("/<uuid:lead_id>/next-action/accept")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(NextActionAcceptance)
@blp.response(200, NextActionOut)
@blp.alt_response(409, "CONFLICT")
def accept_next_action(given: JsonDict, lead_id: UUID) -> JsonDict:
    """Accept the suggested action.

    The answer is counted. The response is the next suggestion. 409: the act is not suggested any more.
    """
    with unit_of_work() as session:
        return answer_next_action(session, actor(), lead_id, given["act"], is_accepted=True)


@blp.post("/<uuid:lead_id>/next-action/dismiss")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(NextActionDismissal)
@blp.response(200, NextActionOut)
@blp.alt_response(409, "CONFLICT")
def dismiss_next_action(given: JsonDict, lead_id: UUID) -> JsonDict:
    """Dismiss the suggested action, with a reason.

    It is suggested again when the facts behind it change. 409: the act is not suggested any more.
    """
    with unit_of_work() as session:
        return answer_next_action(session, actor(), lead_id, given["act"], is_accepted=False, reason=given["reason"])


@blp.get("/analytics/next-actions")
@allow(Permission.LEAD_ANALYTICS)
@blp.arguments(NextActionQuery)
@blp.response(200, NextActionReportOut)
def show_next_action_report(query: JsonDict) -> JsonDict:
    """Show how often suggested actions are accepted.

    By act and by the time of the answer.
    """
    with reading() as session:
        return next_action_report(session, actor(), query)
