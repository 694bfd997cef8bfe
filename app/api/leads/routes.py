"""Leads: people who asked."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from app.api.capture.lead_schemas import CapturedOut, CaptureIn
from app.api.leads.action_schemas import Assignment, Conversion, Loss, OptOut, Reopening, StageMove, StaysOut
from app.api.leads.automation_schemas import LeadStepOut
from app.api.leads.expand import expanded, shown
from app.api.leads.list_schemas import IdleLeadQuery, LeadQuery, OneLeadQuery
from app.api.leads.out_schemas import IdleLeadOut, LeadOut
from app.api.leads.schemas import LeadChanges
from app.api.leads.why_schemas import WhyOut, WhyQuery
from app.automation.lead_view.steps import automation_of
from app.automation.lead_view.why import why
from app.core.optimistic_locking import Seen
from app.core.pagination import Page
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.preconditions import if_match
from app.http.schemas.paging import PageQuery, page_of
from app.identity.permissions import Permission
from app.leads import changes
from app.leads.assignment import assign_one
from app.leads.capture import capture
from app.leads.lookup import read_lead
from app.leads.next_actions.without_next_action import without_next_action
from app.leads.pipeline import closing, reopening
from app.leads.pipeline import stages as lead_stages
from app.leads.pipeline.stage_history import stage_history
from app.leads.search import listing
from app.messaging.contact_policy import opt_outs

blp = Blueprint("leads", __name__, url_prefix="/api/leads", description="People who asked, until they are patients.")


@blp.get("")
@allow(Permission.LEAD_READ)
@blp.arguments(LeadQuery)
@blp.response(200, page_of(LeadOut))
def list_leads(query: dict[str, Any]) -> Page:
    """List the clinic's leads.

    Newest first, unless another order is asked for.
    """
    with reading() as session:
        found = listing.list_leads(session, actor(), query)
        return replace(found, items=expanded(session, found.items, query))


@blp.post("")
@allow(Permission.LEAD_CREATE)
@blp.arguments(CaptureIn)
@blp.response(201, CapturedOut)
def capture_lead(given: dict[str, Any]) -> tuple[Any, dict[str, str]]:
    """Take in a lead.

    It enters the clinic's first stage, goes to a coordinator, and gets its first follow-ups. The answer warns of leads
    that may be the same person; with `on_duplicate` such a lead is refused instead.
    """
    with unit_of_work() as session:
        lead = capture.capture_lead(session, actor(), given)
    return lead, {"Location": f"/api/leads/{lead.id}"}


@blp.get("/without-next-action")
@allow(Permission.LEAD_READ)
@blp.arguments(IdleLeadQuery)
@blp.response(200, page_of(IdleLeadOut))
def list_without_next_action(query: dict[str, Any]) -> Page:
    """List the open leads that nothing will happen with.

    Those that have neither an open task nor a step of the automation that will make one or write to them, the longest
    so first. They are looked for all the time: one is listed some minutes after the last thing happened with it.
    """
    with reading() as session:
        found = without_next_action(session, actor(), query)
        return replace(found, items=expanded(session, found.items, query))


@blp.get("/<uuid:lead_id>")
@allow(Permission.LEAD_READ)
@blp.arguments(OneLeadQuery)
@blp.response(200, LeadOut)
def get_lead(query: dict[str, Any], lead_id: UUID) -> Any:
    """Show a lead."""
    with reading() as session:
        lead = read_lead(session, actor(), lead_id)
        return expanded(session, [lead], query)[0]


@blp.put("/<uuid:lead_id>")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(LeadChanges)
@blp.response(200, LeadOut)
@blp.alt_response(409, "CONFLICT")
@if_match
def update_lead(given: dict[str, Any], lead_id: UUID, seen: Seen) -> Any:
    """Edit a lead.

    The fields given are replaced (null empties those that may be empty); those not given stay as they are.
    """
    with unit_of_work() as session:
        return shown(session, changes.update_lead(session, actor(), lead_id, given, seen=seen))


@blp.post("/<uuid:lead_id>/stage")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(StageMove)
@blp.response(200, LeadOut)
@blp.alt_response(409, "CONFLICT")
def change_stage(given: dict[str, Any], lead_id: UUID) -> Any:
    """Move a lead to another stage.

    Forward, and stages may be skipped; backwards only to Lost.
    """
    with unit_of_work() as session:
        return shown(session, lead_stages.change_stage(session, actor(), lead_id, given))


@blp.post("/<uuid:lead_id>/assign")
@allow(Permission.LEAD_ASSIGN)
@blp.arguments(Assignment)
@blp.response(200, LeadOut)
@blp.alt_response(409, "CONFLICT")
def assign(given: dict[str, Any], lead_id: UUID) -> Any:
    """Give a lead to somebody of the clinic.

    By hand it may go to somebody who is away or has more than enough: a person knows better. Also the way to transfer
    it, with a reason.
    """
    with unit_of_work() as session:
        return shown(
            session,
            assign_one.assign(session, actor(), lead_id, given["assigned_to_id"], reason=given.get("reason")),
        )


@blp.post("/<uuid:lead_id>/convert")
@allow(Permission.LEAD_CONVERT)
@blp.arguments(Conversion, required=False)
@blp.response(200, LeadOut)
@blp.alt_response(409, "CONFLICT")
def convert(given: dict[str, Any], lead_id: UUID) -> Any:
    """Convert a lead to a patient.

    Its open tasks and pending steps end, and from now on it can only be read.
    """
    with unit_of_work() as session:
        patient_id = given.get("converted_to_patient_id")
        return shown(session, closing.convert(session, actor(), lead_id, patient_id=patient_id))


@blp.post("/<uuid:lead_id>/lost")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(Loss)
@blp.response(200, LeadOut)
@blp.alt_response(409, "CONFLICT")
def lose(given: dict[str, Any], lead_id: UUID) -> Any:
    """Give a lead up as lost.

    Its open tasks and pending steps end.
    """
    with unit_of_work() as session:
        return shown(session, closing.lose(session, actor(), lead_id, given))


@blp.post("/<uuid:lead_id>/reopen")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(Reopening)
@blp.response(200, LeadOut)
@blp.alt_response(409, "CONFLICT")
def reopen(given: dict[str, Any], lead_id: UUID) -> Any:
    """Take up a lost lead again.

    The reason goes on its timeline. What was cancelled when it was lost stays so; rules may plan anew.
    """
    with unit_of_work() as session:
        return shown(session, reopening.reopen(session, actor(), lead_id, given))


@blp.post("/<uuid:lead_id>/opt-out")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(OptOut, required=False)
@blp.response(200, LeadOut)
def opt_out(given: dict[str, Any], lead_id: UUID) -> Any:
    """Send a lead no more messages, or none by one channel.

    Those that are pending are stopped, and the addresses go on the list of those that nobody writes to, so that it
    holds for whoever comes with them later. Saying it twice changes nothing. It ends with a consent to be written to.
    """
    with unit_of_work() as session:
        return shown(session, opt_outs.opt_out(session, actor(), lead_id, channel=given["channel"]))


@blp.get("/<uuid:lead_id>/stages")
@allow(Permission.LEAD_READ)
@blp.response(200, StaysOut)
def stages(lead_id: UUID) -> Any:
    """Show through which stages a lead went.

    How long it stayed in each; the last is where it is.
    """
    with reading() as session:
        return {"items": stage_history(session, actor(), lead_id)}


@blp.get("/<uuid:lead_id>/automation")
@allow(Permission.LEAD_READ)
@blp.arguments(PageQuery)
@blp.response(200, page_of(LeadStepOut))
def automation(query: dict[str, Any], lead_id: UUID) -> Page:
    """Show what the automation did, does and will do for a lead.

    Every step as it is due: what caused it, what it did, or why it did not.
    """
    with reading() as session:
        return automation_of(session, actor(), lead_id, query)


@blp.get("/<uuid:lead_id>/why")
@allow(Permission.LEAD_READ)
@blp.arguments(WhyQuery)
@blp.response(200, page_of(WhyOut))
def why_something_ran_or_did_not(query: dict[str, Any], lead_id: UUID) -> Page:
    """Explain why something was, or was not, done for a lead.

    What happened, the latest first, and what each rule that listens decided about it, in plain words and in detail:
    the condition that did not hold and what it found, or the steps, when they were due and what moved them.
    """
    with reading() as session:
        return why(session, actor(), lead_id, query)
