"""Follow-up rules: which events set off what (simplepro-follow-up-automation.md, "Follow-up Rules API")."""

from typing import Any
from uuid import UUID

from app.api.automation.rule_schemas import (
    BackfillIn,
    BackfillOut,
    CancelledOut,
    CompareQuery,
    ComparisonOut,
    FollowUpRuleChange,
    FollowUpRuleIn,
    FollowUpRuleOut,
    FollowUpRuleQuery,
    ImpactOut,
    ImpactQuery,
    RollBackIn,
    RuleTestIn,
    RuleTestOut,
    RuleVersionOut,
)
from app.automation.rules import service
from app.automation.rules.backfill import preview_backfill, start_backfill
from app.automation.rules.dry_run import dry_run
from app.automation.rules.impact import impact
from app.automation.rules.pending import cancel_pending
from app.core.optimistic_locking import SeenVersions
from app.core.pagination import Page
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.preconditions import if_match
from app.http.schemas.paging import PageQuery, page_of
from app.identity.permissions import Permission

blp = Blueprint("follow-up-rules", __name__, url_prefix="/api/follow-up-rules", description="What sets off what.")


@blp.get("")
@allow(Permission.AUTOMATION_READ)
@blp.arguments(FollowUpRuleQuery)
@blp.response(200, page_of(FollowUpRuleOut))
def list_follow_up_rules(query: dict[str, Any]) -> Page:
    """List the clinic's rules.

    By name.
    """
    with reading() as session:
        return service.list_rules(session, actor(), query)


@blp.get("/active")
@allow(Permission.AUTOMATION_READ)
@blp.arguments(PageQuery)
@blp.response(200, page_of(FollowUpRuleOut))
def list_active_rules(query: dict[str, Any]) -> Page:
    """List the rules that are switched on.

    By name.
    """
    with reading() as session:
        return service.list_rules(session, actor(), {**query, "is_active": True})


@blp.post("")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(FollowUpRuleIn)
@blp.response(201, FollowUpRuleOut)
@blp.alt_response(409, "CONFLICT")
def create_follow_up_rule(given: dict[str, Any]) -> dict[str, Any]:
    """Add a rule.

    It is in force for what happens from now on, unless it is a draft.
    """
    with unit_of_work() as session:
        return service.create_rule(session, actor(), given)


@blp.get("/<uuid:follow_up_rule_id>")
@allow(Permission.AUTOMATION_READ)
@blp.response(200, FollowUpRuleOut)
def get_follow_up_rule(follow_up_rule_id: UUID) -> dict[str, Any]:
    """Get one rule."""
    with reading() as session:
        return service.get_rule(session, actor(), follow_up_rule_id)


@blp.patch("/<uuid:follow_up_rule_id>")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(FollowUpRuleChange)
@blp.response(200, FollowUpRuleOut)
@blp.alt_response(409, "CONFLICT")
@if_match
def change_follow_up_rule(given: dict[str, Any], follow_up_rule_id: UUID, seen: SeenVersions) -> dict[str, Any]:
    """Change parts of a rule, or switch it on or off.

    A changed text is the next version. What is planned stays as its own version planned it.
    """
    with unit_of_work() as session:
        return service.change_rule(session, actor(), follow_up_rule_id, given, seen=seen)


@blp.delete("/<uuid:follow_up_rule_id>")
@allow(Permission.AUTOMATION_MANAGE)
@blp.response(204)
@if_match
def delete_follow_up_rule(follow_up_rule_id: UUID, seen: SeenVersions) -> None:
    """Delete a rule.

    What it has planned is skipped when it is due; to see it called off at once, cancel what is pending first.
    """
    with unit_of_work() as session:
        service.delete_rule(session, actor(), follow_up_rule_id, seen=seen)


@blp.post("/<uuid:follow_up_rule_id>/publish")
@allow(Permission.AUTOMATION_MANAGE)
@blp.response(200, FollowUpRuleOut)
@blp.alt_response(409, "CONFLICT")
def publish_follow_up_rule(follow_up_rule_id: UUID) -> dict[str, Any]:
    """Publish the draft of a rule.

    Look at its impact first. A rule that is published for the first time is switched on.
    """
    with unit_of_work() as session:
        return service.publish(session, actor(), follow_up_rule_id)


@blp.post("/<uuid:follow_up_rule_id>/rollback")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(RollBackIn)
@blp.response(200, FollowUpRuleOut)
def roll_back_follow_up_rule(given: dict[str, int], follow_up_rule_id: UUID) -> dict[str, Any]:
    """Put an earlier version of a rule in force again.

    Its text becomes a new version. A draft is thrown away.
    """
    with unit_of_work() as session:
        return service.roll_back(session, actor(), follow_up_rule_id, given["number"])


@blp.get("/<uuid:follow_up_rule_id>/versions")
@allow(Permission.AUTOMATION_READ)
@blp.response(200, page_of(RuleVersionOut))
def list_rule_versions(follow_up_rule_id: UUID) -> Page:
    """List all versions of a rule.

    The newest first; a draft before all others.
    """
    with reading() as session:
        return Page(service.versions_of(session, actor(), follow_up_rule_id), next_cursor=None)


@blp.get("/<uuid:follow_up_rule_id>/diff")
@allow(Permission.AUTOMATION_READ)
@blp.arguments(CompareQuery)
@blp.response(200, ComparisonOut)
def compare_rule_versions(query: dict[str, Any], follow_up_rule_id: UUID) -> dict[str, Any]:
    """See what differs between two versions of a rule."""
    with reading() as session:
        return service.compare(session, actor(), follow_up_rule_id, query)


@blp.post("/<uuid:follow_up_rule_id>/test")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(RuleTestIn)
@blp.response(200, RuleTestOut)
@blp.alt_response(409, "CONFLICT")
def test_follow_up_rule(given: dict[str, Any], follow_up_rule_id: UUID) -> dict[str, Any]:
    """Try a rule, with nothing written.

    With a lead that is there, with sample facts, or both: each condition with what it found, and each step with when
    it would be due and what moved it there. Its draft is tried, if it has one.
    """
    with reading() as session:
        return dry_run(session, actor(), follow_up_rule_id, given)


@blp.get("/<uuid:follow_up_rule_id>/impact")
@allow(Permission.AUTOMATION_READ)
@blp.arguments(ImpactQuery)
@blp.response(200, ImpactOut)
@blp.alt_response(409, "CONFLICT")
def preview_rule_impact(query: dict[str, int], follow_up_rule_id: UUID) -> dict[str, Any]:
    """See what a rule would have done with the events of the last days.

    Its draft is tried, if it has one. Facts that events do not keep are those of the leads as they are now.
    """
    with reading() as session:
        return impact(session, actor(), follow_up_rule_id, days=query["days"])


@blp.post("/<uuid:follow_up_rule_id>/cancel-pending")
@allow(Permission.AUTOMATION_MANAGE)
@blp.response(200, CancelledOut)
def cancel_pending_steps(follow_up_rule_id: UUID) -> dict[str, int]:
    """Call off all that a rule has planned and not done yet.

    The rule stays as it is: to keep it from planning more, switch it off as well.
    """
    with unit_of_work() as session:
        return {"cancelled": cancel_pending(session, actor(), follow_up_rule_id)}


@blp.post("/<uuid:follow_up_rule_id>/backfill")
@allow(Permission.AUTOMATION_MANAGE)
@blp.arguments(BackfillIn)
@blp.response(202, BackfillOut)
@blp.alt_response(409, "CONFLICT")
def backfill_rule(given: dict[str, Any], follow_up_rule_id: UUID) -> tuple[Any, dict[str, str], int]:
    """Have a rule act on the open leads that were there before it.

    Answers with a job, which `Location` names: cancelled, it also calls off what it has planned. Leads that got what
    the rule wants before are left out. Rules can be told of a lead's being created, of its stage, of a date, and of its
    being stale, too long in its stage or without a next action; others are refused. A dry run answers 200.
    """
    per_hour = given["per_hour"]
    if given["dry_run"]:
        with reading() as session:
            preview = preview_backfill(session, actor(), follow_up_rule_id, per_hour=per_hour)
        return {"job": None, "preview": preview}, {}, 200
    with unit_of_work() as session:
        job = start_backfill(session, actor(), follow_up_rule_id, per_hour=per_hour)
    return {"job": job, "preview": None}, {"Location": f"/api/jobs/{job.id}"}, 202
