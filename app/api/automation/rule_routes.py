"""Routes of follow-up rules (simplepro-follow-up-automation.md, "Follow-up Rules API")."""

from uuid import UUID

from app.api.automation.backfill_schemas import BackfillIn, BackfillOut
from app.api.automation.rule_schemas import (
    CancelledOut,
    FollowUpRuleChange,
    FollowUpRuleIn,
    FollowUpRuleOut,
    FollowUpRuleQuery,
    ImpactOut,
    ImpactQuery,
    RuleTestIn,
    RuleTestOut,
    RuleVersionOut,
)
from app.api.automation.version_schemas import CompareQuery, ComparisonOut, RollBackIn
from app.automation.rules import service
from app.automation.rules.backfill import preview_backfill, start_backfill
from app.automation.rules.cancel_rule_steps import cancel_steps_of_rule
from app.automation.rules.dry_run import check_dry_run, dry_run
from app.automation.rules.impact import impact
from app.core.optimistic_locking import SeenVersions
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.preconditions import if_match, if_match_accepted
from app.http.schemas.paging import PageQuery, page_of
from app.identity.permissions import Permission

blp = Blueprint(
    "follow-up-rules",
    __name__,
    url_prefix="/api/follow-up-rules",
    description="Automation rules: events and their actions.",
)


@blp.get("")
@allow(Permission.AUTOMATION_READ)
@blp.arguments(FollowUpRuleQuery)
@blp.response(200, page_of(FollowUpRuleOut))
def list_follow_up_rules(query: JsonDict) -> Page:
    """List the clinic's rules.

    Ordered by name.
    """
    with reading() as session:
        return service.list_rules(session, actor(), query)


@blp.get("/active")
@allow(Permission.AUTOMATION_READ)
@blp.arguments(PageQuery)
@blp.response(200, page_of(FollowUpRuleOut))
def list_active_rules(query: JsonDict) -> Page:
    """List the active rules.

    Ordered by name.
    """
    with reading() as session:
        return service.list_rules(session, actor(), {**query, "is_active": True})


@blp.post("")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(FollowUpRuleIn, lookups=service.RULES.check_new)
@blp.response(201, FollowUpRuleOut)
@blp.alt_response(409, "CONFLICT")
def create_follow_up_rule(given: JsonDict) -> JsonDict:
    """Create a rule.

    It applies to events from now on, unless it is a draft.
    """
    with unit_of_work() as session:
        return service.create_rule(session, actor(), given)


@blp.get("/<uuid:follow_up_rule_id>")
@allow(Permission.AUTOMATION_READ)
@blp.response(200, FollowUpRuleOut)
def get_follow_up_rule(follow_up_rule_id: UUID) -> JsonDict:
    """Show a rule."""
    with reading() as session:
        return service.get_rule(session, actor(), follow_up_rule_id)


@blp.patch("/<uuid:follow_up_rule_id>")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(FollowUpRuleChange, lookups=service.RULES.check_change)
@blp.response(200, FollowUpRuleOut)
@blp.alt_response(409, "CONFLICT")
@if_match
def change_follow_up_rule(given: JsonDict, follow_up_rule_id: UUID, seen: SeenVersions) -> JsonDict:
    """Edit, activate or deactivate a rule.

    A changed definition becomes the next version. Planned steps stay unchanged.
    """
    with unit_of_work() as session:
        return service.change_rule(session, actor(), follow_up_rule_id, given, seen=seen)


@blp.delete("/<uuid:follow_up_rule_id>")
@allow(Permission.AUTOMATION_MANAGE)
@blp.response(204)
@if_match
def delete_follow_up_rule(follow_up_rule_id: UUID, seen: SeenVersions) -> None:
    """Delete a rule.

    Its pending steps are skipped when they are due. To cancel them at once, use `cancel-pending` first.
    """
    with unit_of_work() as session:
        service.delete_rule(session, actor(), follow_up_rule_id, seen=seen)


@blp.post("/<uuid:follow_up_rule_id>/publish")
@allow(Permission.AUTOMATION_MANAGE)
@blp.response(200, FollowUpRuleOut)
@blp.alt_response(409, "CONFLICT")
@if_match_accepted
def publish_follow_up_rule(follow_up_rule_id: UUID, seen: SeenVersions) -> JsonDict:
    """Publish the draft of a rule.

    Check its impact first, and send `If-Match` to publish no other draft than the one that you have seen. A rule that
    is published for the first time becomes active.
    """
    with unit_of_work() as session:
        return service.publish(session, actor(), follow_up_rule_id, seen=seen)


@blp.post("/<uuid:follow_up_rule_id>/rollback")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(RollBackIn)
@blp.response(200, FollowUpRuleOut)
@if_match_accepted
def roll_back_follow_up_rule(given: dict[str, int], follow_up_rule_id: UUID, seen: SeenVersions) -> JsonDict:
    """Roll back a rule to an earlier version.

    The earlier definition becomes a new version. A draft is discarded. Send `If-Match` to discard no draft unseen.
    """
    with unit_of_work() as session:
        return service.roll_back(session, actor(), follow_up_rule_id, given["number"], seen=seen)


@blp.get("/<uuid:follow_up_rule_id>/versions")
@allow(Permission.AUTOMATION_READ)
@blp.response(200, page_of(RuleVersionOut))
def list_rule_versions(follow_up_rule_id: UUID) -> Page:
    """List all versions of a rule.

    The newest first; a draft is first of all.
    """
    with reading() as session:
        return Page(service.versions_of(session, actor(), follow_up_rule_id), next_cursor=None)


@blp.get("/<uuid:follow_up_rule_id>/diff")
@allow(Permission.AUTOMATION_READ)
@blp.arguments(CompareQuery)
@blp.response(200, ComparisonOut)
def compare_rule_versions(query: JsonDict, follow_up_rule_id: UUID) -> JsonDict:
    """Compare two versions of a rule."""
    with reading() as session:
        return service.compare(session, actor(), follow_up_rule_id, query)


@blp.post("/<uuid:follow_up_rule_id>/test")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(RuleTestIn, lookups=check_dry_run)
@blp.response(200, RuleTestOut)
@blp.alt_response(409, "CONFLICT")
@blp.alt_response(410, "GONE")
def test_follow_up_rule(given: JsonDict, follow_up_rule_id: UUID) -> JsonDict:
    """Test a rule.

    With an existing lead, with sample facts, or both. Returns each condition with the value found, and each step with
    its due time and what moved it. Uses the draft if there is one. Nothing is written.
    """
    with reading() as session:
        return dry_run(session, actor(), follow_up_rule_id, given)


@blp.get("/<uuid:follow_up_rule_id>/impact")
@allow(Permission.AUTOMATION_READ)
@blp.arguments(ImpactQuery)
@blp.response(200, ImpactOut)
@blp.alt_response(409, "CONFLICT")
def preview_rule_impact(query: dict[str, int], follow_up_rule_id: UUID) -> JsonDict:
    """Preview what a rule would have done with the events of the last days.

    Uses the draft if there is one. Facts that events do not store have their current values.
    """
    with reading() as session:
        return impact(session, actor(), follow_up_rule_id, days=query["days"])


@blp.post("/<uuid:follow_up_rule_id>/cancel-pending")
@allow(Permission.AUTOMATION_MANAGE)
@blp.response(200, CancelledOut)
def cancel_pending_steps(follow_up_rule_id: UUID) -> dict[str, int]:
    """Cancel the pending steps of a rule.

    The rule stays active: deactivate it to plan no more steps.
    """
    with unit_of_work() as session:
        return {"cancelled": cancel_steps_of_rule(session, actor(), follow_up_rule_id)}


@blp.post("/<uuid:follow_up_rule_id>/backfill")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(BackfillIn)
@blp.response(202, BackfillOut)
@blp.alt_response(200, schema=BackfillOut, description="The preview of a dry run.")
@blp.alt_response(409, "CONFLICT")
def backfill_rule(given: JsonDict, follow_up_rule_id: UUID) -> tuple[object, dict[str, str], int]:
    """Apply a rule to existing open leads.

    Starts a job; `Location` names it. Cancelling the job also cancels the steps that it planned. Leads that already
    have steps of the rule are left out. Supports rules on a lead's creation, its stage, a date, and on leads that are
    stale, too long in their stage or without a next action; other rules return 409. A dry run returns 200.
    """
    per_hour = given["per_hour"]
    if given["dry_run"]:
        with reading() as session:
            preview = preview_backfill(session, actor(), follow_up_rule_id, per_hour=per_hour)
        return {"job": None, "preview": preview}, {}, 200
    with unit_of_work() as session:
        job = start_backfill(session, actor(), follow_up_rule_id, per_hour=per_hour)
    return {"job": job, "preview": None}, {"Location": f"/api/jobs/{job.id}"}, 202
