"""Routes of scores: of a lead, and the settings of the clinic."""

from uuid import UUID

from app.api.leads.scoring.schemas import (
    ComputedScoreOut,
    LeadScoreOut,
    ScoreChangeOut,
    ScorePreviewIn,
    ScoreSettingsIn,
    ScoreSettingsOut,
)
from app.core.optimistic_locking import SeenVersions
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.merge_patch import MergePatch
from app.http.preconditions import if_match
from app.http.schemas.paging import PageQuery, page_of
from app.identity.permissions import Permission
from app.leads.scoring import service

blp = Blueprint("lead-scores", __name__, url_prefix="/api/leads", description="Scores that explain themselves.")
settings_blp = Blueprint(
    "score-settings",
    __name__,
    url_prefix="/api/settings/lead-scores",
    description="The table of weights behind the scores of leads.",
)


@blp.get("/<uuid:lead_id>/score")
@allow(Permission.LEAD_READ)
@blp.response(200, LeadScoreOut)
def show_lead_score(lead_id: UUID) -> JsonDict:
    """Show the score of a lead.

    From 0 to 100, with the parts that sum to it: the same score as in the lead and in lists. The part `adjustment` has
    the points that persons and rules gave. The score follows an event of the lead within about a minute.
    """
    with reading() as session:
        return service.score_lead(session, actor(), lead_id)


@blp.get("/<uuid:lead_id>/score-history")
@allow(Permission.LEAD_READ)
@blp.arguments(PageQuery)
@blp.response(200, page_of(ScoreChangeOut))
def list_score_changes(query: JsonDict, lead_id: UUID) -> Page:
    """List the changes of a lead's score.

    Newest first, each with the parts of that time.
    """
    with reading() as session:
        return service.score_history(session, actor(), lead_id, query)


@settings_blp.get("")
@allow(Permission.LEAD_READ)
@settings_blp.response(200, ScoreSettingsOut)
def get_score_settings() -> JsonDict:
    """Show the score settings, and how good the learned model is."""
    with reading() as session:
        return service.get_score_settings(session, actor())


@settings_blp.put("")
@allow(Permission.LEAD_CONFIGURE)
@settings_blp.arguments(ScoreSettingsIn)
@settings_blp.response(200, ScoreSettingsOut)
@if_match
def set_score_settings(given: JsonDict, seen: SeenVersions) -> JsonDict:
    """Choose how leads are scored.

    Scores of leads follow with the next scan. A change of the table alone fires no rules.
    """
    with unit_of_work() as session:
        return service.set_score_settings(session, actor(), given, seen=seen)


@settings_blp.patch("")
@allow(Permission.LEAD_CONFIGURE)
@settings_blp.merge_patch(ScoreSettingsIn, ScoreSettingsOut)
@settings_blp.response(200, ScoreSettingsOut)
@if_match
def edit_score_settings(patch: MergePatch, seen: SeenVersions) -> JsonDict:
    """Edit how leads are scored.

    Given fields are replaced; others stay unchanged.
    """
    with unit_of_work() as session:
        given, seen = patch.onto(session, service.get_score_settings(session, actor()), seen)
        return service.set_score_settings(session, actor(), given, seen=seen)


@settings_blp.post("/preview")
@allow(Permission.LEAD_CONFIGURE)
@settings_blp.arguments(ScorePreviewIn, lookups=service.check_preview)
@settings_blp.response(200, ComputedScoreOut)
@settings_blp.alt_response(410, "GONE")
def preview_score(given: JsonDict) -> JsonDict:
    """Try a table of weights on a lead, without saving it."""
    with reading() as session:
        return service.preview_score(session, actor(), given)
