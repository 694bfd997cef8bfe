"""Routes of `/api/assignment-rules`."""

from uuid import UUID

from app.api.assignment.rule_schemas import DryRunIn, DryRunOut, RuleIn, RuleOrderIn, RuleOut
from app.core.optimistic_locking import SeenVersions
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.merge_patch import MergePatch
from app.http.preconditions import if_match
from app.http.schemas.paging import PageQuery, page_of
from app.identity.permissions import Permission
from app.leads.assignment.dry_run import dry_run
from app.leads.assignment.models import AssignmentRule
from app.leads.assignment.rules import service
from app.leads.attribution.sources import require_named_source

blp = Blueprint(
    "assignment-rules",
    __name__,
    url_prefix="/api/assignment-rules",
    description="Rules that assign new leads to users.",
)


@blp.get("")
@allow(Permission.LEAD_READ)
@blp.arguments(PageQuery)
@blp.response(200, page_of(RuleOut))
def list_rules(query: JsonDict) -> Page:
    """List the clinic's assignment rules.

    In order: the first active rule that matches a lead and has an available user decides. If none does, the lead goes
    to a treatment coordinator by round robin, else to an admin.
    """
    with reading() as session:
        return service.list_rules(session, actor().clinic.id, query)


@blp.post("")
@allow(Permission.LEAD_CONFIGURE)
@blp.arguments(RuleIn, lookups=service.check_rule)
@blp.response(201, RuleOut)
@blp.alt_response(409, "CONFLICT")
def create_rule(given: JsonDict) -> AssignmentRule:
    """Add an assignment rule.

    It is added after all other rules; reorder them to move it. It applies to leads created from now on.
    """
    with unit_of_work() as session:
        return service.create_rule(session, actor().clinic.id, given)


@blp.get("/<uuid:rule_id>")
@allow(Permission.LEAD_READ)
@blp.response(200, RuleOut)
def get_rule(rule_id: UUID) -> object:
    """Show an assignment rule."""
    with reading() as session:
        return service.read_rule(session, actor().clinic.id, rule_id)


@blp.put("/<uuid:rule_id>")
@allow(Permission.LEAD_CONFIGURE)
@blp.arguments(RuleIn, lookups=service.check_rule)
@blp.response(200, RuleOut)
@if_match
def update_rule(given: JsonDict, rule_id: UUID, seen: SeenVersions) -> AssignmentRule:
    """Replace an assignment rule.

    Fields that are left out get their default.
    """
    with unit_of_work() as session:
        return service.update_rule(session, actor().clinic.id, rule_id, given, seen=seen)


@blp.patch("/<uuid:rule_id>")
@allow(Permission.LEAD_CONFIGURE)
@blp.merge_patch(RuleIn, RuleOut, lookups=service.check_rule)
@blp.response(200, RuleOut)
@blp.alt_response(409, "CONFLICT")
@if_match
def edit_rule(patch: MergePatch, rule_id: UUID, seen: SeenVersions) -> object:
    """Edit an assignment rule.

    Given fields are replaced; others stay unchanged.
    """
    with unit_of_work() as session:
        given, seen = patch.onto(session, service.read_rule(session, actor().clinic.id, rule_id), seen)
        return service.update_rule(session, actor().clinic.id, rule_id, given, seen=seen)


@blp.delete("/<uuid:rule_id>")
@allow(Permission.LEAD_CONFIGURE)
@blp.response(204)
@if_match
def delete_rule(rule_id: UUID, seen: SeenVersions) -> None:
    """Delete an assignment rule.

    Leads keep their owners, and their history keeps the rule's name.
    """
    with unit_of_work() as session:
        service.delete_rule(session, actor().clinic.id, rule_id, seen=seen)


@blp.put("/reorder")
@allow(Permission.LEAD_CONFIGURE)
@blp.arguments(RuleOrderIn, lookups=service.check_order)
@blp.response(200, page_of(RuleOut))
def reorder_rules(given: dict[str, list[UUID]]) -> Page:
    """Reorder the assignment rules.

    Name every rule of the clinic once.
    """
    with unit_of_work() as session:
        return Page(service.reorder(session, actor().clinic.id, given["ids"]), next_cursor=None)


@blp.post("/dry-run")
@allow(Permission.LEAD_READ)
@blp.arguments(DryRunIn, lookups=require_named_source)
@blp.response(200, DryRunOut)
@blp.alt_response(404, "NOT_FOUND")
@blp.alt_response(410, "GONE")
def try_rules(given: JsonDict) -> JsonDict:
    """Dry-run the assignment rules for a lead.

    For an existing lead, or for the fields of a new one, as if it were created now. Nothing is written, and no
    round-robin turn is used.
    """
    with reading() as session:
        return dry_run(session, actor(), given)
