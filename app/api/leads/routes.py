"""Routes of `/api/leads`."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import Response

from app.api.leads.action_schemas import (
    Assignment,
    BegunOut,
    Conversion,
    Loss,
    OptOut,
    Reopening,
    StageMove,
    StaysOut,
    WaitingLeads,
)
from app.api.leads.automation_schemas import LeadStepOut
from app.api.leads.capture_schemas import CapturedOut, CaptureIn
from app.api.leads.expand import lead_response, lead_responses
from app.api.leads.field_schemas import LeadFieldsOut
from app.api.leads.list_schemas import IdleLeadQuery, LeadExportQuery, LeadQuery, OneLeadQuery
from app.api.leads.out_schemas import IdleLeadOut, LeadOut
from app.api.leads.schemas import LeadChanges
from app.api.leads.why_schemas import WhyOut, WhyQuery
from app.automation.lead_view.steps import automation_of
from app.automation.lead_view.why import why
from app.core.optimistic_locking import SeenVersions
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, read_from_replica, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.downloads import TEXT, WORKBOOK, download
from app.http.preconditions import if_match
from app.http.schemas.paging import PageQuery, page_of
from app.identity.permissions import Permission
from app.identity.users.lookup import require_named_assignee
from app.leads import changes
from app.leads.assignment import assign_one
from app.leads.capture import capture
from app.leads.capture.imports.export import export_leads
from app.leads.field_list import list_fields
from app.leads.pipeline import closing, reopening, waiting
from app.leads.pipeline import stages as lead_stages
from app.leads.pipeline.stage_history import stage_history
from app.leads.search import listing
from app.leads.search.lookup import read_lead
from app.leads.search.without_next_action import without_next_action
from app.messaging.contact_policy import opt_outs

blp = Blueprint("leads", __name__, url_prefix="/api/leads", description="Leads: prospective patients.")


@blp.get("")
@allow(Permission.LEAD_READ)
@blp.arguments(LeadQuery)
@blp.response(200, page_of(LeadOut))
def list_leads(query: JsonDict) -> Page:
    """List the clinic's leads.

    Newest first, unless `sort` is given.
    """
    with reading() as session:
        found = listing.list_leads(session, actor(), query)
        return replace(found, items=lead_responses(session, found.items, query))


@blp.post("")
@allow(Permission.LEAD_CREATE)
@blp.arguments(CaptureIn, lookups=capture.check_new_lead)
@blp.response(201, CapturedOut)
def capture_lead(given: JsonDict) -> tuple[Any, dict[str, str]]:
    """Create a lead.

    It enters the clinic's first stage, is assigned to a coordinator, and gets its first follow-ups. The response lists
    possible duplicates; `on_duplicate=refuse` refuses the lead instead.
    """
    with unit_of_work() as session:
        lead = capture.capture_lead(session, actor(), given)
    return lead, {"Location": f"/api/leads/{lead.id}"}


@blp.get("/export")
@allow(Permission.LEAD_READ)
@blp.arguments(LeadExportQuery)
@blp.doc(responses=WORKBOOK)
@blp.alt_response(200, schema=TEXT, content_type="text/csv", success=True)
@blp.alt_response(409, "CONFLICT")
def export(query: JsonDict) -> Response:
    """Download leads as a file.

    Takes the filters of the list except `q`, and its sort orders; at most 100,000 leads. The columns have the names of
    an import's fields, so that an import reads the file. The column `export_error` says if the encrypted fields of a
    lead cannot be decrypted. The file is CSV in UTF-8, or XLSX. In CSV, values that a spreadsheet would run as a
    formula, such as phone numbers, start with an apostrophe.
    """
    return download(read_from_replica(export_leads, query), "leads", query["format"])


@blp.get("/without-next-action")
@allow(Permission.LEAD_READ)
@blp.arguments(IdleLeadQuery)
@blp.response(200, page_of(IdleLeadOut))
def list_without_next_action(query: JsonDict) -> Page:
    """List open leads without a next action.

    Leads without an open task and without an automation step that will create one or send a message, longest first. A
    background scan finds them some minutes after their last task or step has ended.
    """
    with reading() as session:
        found = without_next_action(session, actor(), query)
        return replace(found, items=lead_responses(session, found.items, query))


@blp.get("/fields")
@allow(Permission.LEAD_READ, also=Permission.LEAD_CREATE)
@blp.response(200, LeadFieldsOut)
def list_lead_fields() -> JsonDict:
    """List the fields of a lead.

    With their labels, types and choices, and whether you may see and write them. The clinic's custom fields that are in
    use are at the end, sorted by label.
    """
    with reading() as session:
        return {"fields_": list_fields(session, actor())}


@blp.get("/<uuid:lead_id>")
@allow(Permission.LEAD_READ)
@blp.arguments(OneLeadQuery)
@blp.response(200, LeadOut)
def get_lead(query: JsonDict, lead_id: UUID) -> object:
    """Show a lead."""
    with reading() as session:
        lead = read_lead(session, actor(), lead_id)
        return lead_responses(session, [lead], query)[0]


@blp.put("/<uuid:lead_id>")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(LeadChanges, lookups=changes.check_changes)
@blp.response(200, LeadOut)
@blp.alt_response(409, "CONFLICT")
@if_match
def update_lead(given: JsonDict, lead_id: UUID, seen: SeenVersions) -> object:
    """Edit a lead, at its published path.

    As `PATCH`, and unlike other PUTs: fields that are left out stay unchanged. New programs use `PATCH`.
    """
    with unit_of_work() as session:
        return lead_response(session, changes.update_lead(session, actor(), lead_id, given, seen=seen))


@blp.patch("/<uuid:lead_id>")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(LeadChanges, lookups=changes.check_changes)
@blp.response(200, LeadOut)
@blp.alt_response(409, "CONFLICT")
@if_match
def edit_lead(given: JsonDict, lead_id: UUID, seen: SeenVersions) -> object:
    """Edit a lead.

    Given fields are replaced; null clears optional fields. Other fields stay unchanged.
    """
    with unit_of_work() as session:
        return lead_response(session, changes.update_lead(session, actor(), lead_id, given, seen=seen))


@blp.post("/<uuid:lead_id>/stage")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(StageMove, lookups=lead_stages.check_move)
@blp.response(200, LeadOut)
@blp.alt_response(409, "CONFLICT")
def change_stage(given: JsonDict, lead_id: UUID) -> object:
    """Move a lead to another stage.

    Forward only, stages may be skipped; Lost is always possible.
    """
    with unit_of_work() as session:
        return lead_response(session, lead_stages.change_stage(session, actor(), lead_id, given))


@blp.post("/<uuid:lead_id>/assign")
@allow(Permission.LEAD_ASSIGN)
@blp.arguments(Assignment, lookups=require_named_assignee)
@blp.response(200, LeadOut)
@blp.alt_response(409, "CONFLICT")
def assign(given: JsonDict, lead_id: UUID) -> object:
    """Assign a lead to a user.

    Also used to transfer a lead, with a reason. Manual assignment ignores absences and ceilings.
    """
    with unit_of_work() as session:
        return lead_response(
            session,
            assign_one.assign(session, actor(), lead_id, given["assigned_to_id"], reason=given.get("reason")),
        )


@blp.post("/<uuid:lead_id>/convert")
@allow(Permission.LEAD_CONVERT)
@blp.arguments(Conversion, required=False)
@blp.response(200, LeadOut)
@blp.alt_response(409, "CONFLICT")
def convert(given: JsonDict, lead_id: UUID) -> object:
    """Convert a lead to a patient.

    Its open tasks and pending steps are cancelled, and the lead becomes read-only. A lead that was converted without a
    patient id, also by its stage, gets it once by this call.
    """
    with unit_of_work() as session:
        patient_id = given.get("converted_to_patient_id")
        return lead_response(session, closing.convert(session, actor(), lead_id, patient_id=patient_id))


@blp.post("/<uuid:lead_id>/lost")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(Loss)
@blp.response(200, LeadOut)
@blp.alt_response(409, "CONFLICT")
def lose(given: JsonDict, lead_id: UUID) -> object:
    """Close a lead as lost.

    Its open tasks and pending steps are cancelled.
    """
    with unit_of_work() as session:
        return lead_response(session, closing.lose(session, actor(), lead_id, given))


@blp.post("/<uuid:lead_id>/reopen")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(Reopening, lookups=reopening.check_reopening)
@blp.response(200, LeadOut)
@blp.alt_response(409, "CONFLICT")
def reopen(given: JsonDict, lead_id: UUID) -> object:
    """Reopen a lost lead.

    The reason is added to the timeline. Cancelled tasks and steps stay cancelled; rules may plan new ones.
    """
    with unit_of_work() as session:
        return lead_response(session, reopening.reopen(session, actor(), lead_id, given))


@blp.post("/<uuid:lead_id>/opt-out")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(OptOut, required=False)
@blp.response(200, LeadOut)
def opt_out(given: JsonDict, lead_id: UUID) -> object:
    """Opt a lead out of all messages, or of one channel.

    Pending messages are cancelled, and the addresses are added to the suppression list, so that the opt-out also holds
    for later leads with the same address. Idempotent. A new consent ends the opt-out.
    """
    with unit_of_work() as session:
        return lead_response(session, opt_outs.opt_out(session, actor(), lead_id, channel=given["channel"]))


@blp.post("/<uuid:lead_id>/begin-follow-ups")
@allow(Permission.LEAD_UPDATE)
@blp.response(200, LeadOut)
def begin_follow_ups(lead_id: UUID) -> object:
    """Begin the follow-ups of a lead that was imported without them.

    Rules run as for a new lead. Does nothing if the lead's rules do not wait (`rules_wait_since` is null).
    """
    with unit_of_work() as session:
        return lead_response(session, waiting.begin(session, actor(), lead_id))


@blp.post("/begin-follow-ups")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(WaitingLeads)
@blp.response(200, BegunOut)
def begin_follow_ups_of_many(given: JsonDict) -> JsonDict:
    """Begin the follow-ups of up to 1,000 leads that were imported without them.

    `GET /api/leads?rules_wait=true` lists them. Due times of the tasks are spread over the opening hours.
    """
    with unit_of_work() as session:
        return waiting.begin_many(session, actor(), given)


@blp.get("/<uuid:lead_id>/stages")
@allow(Permission.LEAD_READ)
@blp.response(200, StaysOut)
def stages(lead_id: UUID) -> object:
    """Show the stage history of a lead.

    With the time spent in each stage; the last one is the current stage.
    """
    with reading() as session:
        return {"items": stage_history(session, actor(), lead_id)}


@blp.get("/<uuid:lead_id>/automation")
@allow(Permission.LEAD_READ)
@blp.arguments(PageQuery)
@blp.response(200, page_of(LeadStepOut))
def automation(query: JsonDict, lead_id: UUID) -> Page:
    """Show the automation steps of a lead.

    Past, current and planned steps by due time, with their cause and outcome.
    """
    with reading() as session:
        return automation_of(session, actor(), lead_id, query)


@blp.get("/<uuid:lead_id>/why")
@allow(Permission.LEAD_READ)
@blp.arguments(WhyQuery)
@blp.response(200, page_of(WhyOut))
def why_something_ran_or_did_not(query: JsonDict, lead_id: UUID) -> Page:
    """Explain why the automation did, or did not, act on a lead.

    Events, latest first, with the decision of each rule in plain words and in detail: the failing condition and the
    value found, or the planned steps with their due times and what moved them.
    """
    with reading() as session:
        return why(session, actor(), lead_id, query)
