"""The rules by which leads are given out."""

from typing import Any
from uuid import UUID

from app.api.assignment.rule_schemas import DryRunIn, DryRunOut, RuleIn, RuleOrderIn, RuleOut
from app.core.optimistic_locking import Seen
from app.core.pagination import Page
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.preconditions import if_match
from app.http.schemas.paging import PageQuery, page_of
from app.identity.permissions import Permission
from app.leads.assignment.models import AssignmentRule
from app.leads.assignment.rules import service
from app.leads.assignment.rules.dry_run import dry_run

blp = Blueprint("assignment-rules", __name__, url_prefix="/api/assignment-rules", description="Which leads go to whom.")


@blp.get("")
@allow(Permission.LEAD_READ)
@blp.arguments(PageQuery)
@blp.response(200, page_of(RuleOut))
def list_rules(query: dict[str, Any]) -> Page:
    """List the clinic's assignment rules.

    In their order: the first active one that matches a lead and has somebody for it decides. Where none does, the lead
    goes to a treatment coordinator in turn, else to an admin.
    """
    with reading() as session:
        return service.list_rules(session, actor().clinic.id, query)


@blp.post("")
@allow(Permission.LEAD_CONFIGURE)
@blp.arguments(RuleIn)
@blp.response(201, RuleOut)
@blp.alt_response(409, "CONFLICT")
def create_rule(given: dict[str, Any]) -> AssignmentRule:
    """Add an assignment rule.

    It goes after all others; reorder the rules to put it elsewhere. It counts for leads that come in from now on.
    """
    with unit_of_work() as session:
        return service.create_rule(session, actor().clinic.id, given)


@blp.put("/<uuid:rule_id>")
@allow(Permission.LEAD_CONFIGURE)
@blp.arguments(RuleIn)
@blp.response(200, RuleOut)
@if_match
def update_rule(given: dict[str, Any], rule_id: UUID, seen: Seen) -> AssignmentRule:
    """Change an assignment rule.

    The body replaces all of it: what is left out gets its default.
    """
    with unit_of_work() as session:
        return service.update_rule(session, actor().clinic.id, rule_id, given, seen=seen)


@blp.delete("/<uuid:rule_id>")
@allow(Permission.LEAD_CONFIGURE)
@blp.response(204)
@if_match
def delete_rule(rule_id: UUID, seen: Seen) -> None:
    """Delete an assignment rule.

    Leads stay where they are, and their history keeps the rule's name.
    """
    with unit_of_work() as session:
        service.delete_rule(session, actor().clinic.id, rule_id, seen=seen)


@blp.put("/reorder")
@allow(Permission.LEAD_CONFIGURE)
@blp.arguments(RuleOrderIn)
@blp.response(200, page_of(RuleOut))
def reorder_rules(given: dict[str, list[UUID]]) -> Page:
    """Reorder the assignment rules.

    Name every rule of the clinic once.
    """
    with unit_of_work() as session:
        return Page(service.reorder(session, actor().clinic.id, given["ids"]), next_cursor=None)


@blp.post("/dry-run")
@allow(Permission.LEAD_READ)
@blp.arguments(DryRunIn)
@blp.response(200, DryRunOut)
def try_rules(given: dict[str, Any]) -> dict[str, Any]:
    """Ask who would get a lead, and why.

    For what a lead would be like, or for one that is there, as if it came in now. Nothing is written, and nobody's
    turn is taken.
    """
    with reading() as session:
        return dry_run(session, actor(), given)
