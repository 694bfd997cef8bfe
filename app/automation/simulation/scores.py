"""The score of a simulated lead: as capture and the sweeps compute it, from the clinic's table of weights."""

from app.automation.simulation.lead import lead_facts_for_rules
from app.automation.simulation.recording import record
from app.automation.simulation.world import StoredScore, World
from app.core.type_aliases import JsonDict
from app.engine.events.events import EventName
from app.engine.rules.conditions import CARRIED
from app.leads.changes import score_facts
from app.leads.events import lead_event
from app.leads.scoring.models import ScoreModel
from app.leads.scoring.parts import Part, Score, adjustment_to, score_of
from app.leads.scoring.weights import weigh


def begin_score(world: World, *, is_new: bool) -> None:
    """Give the lead its first score. A score that it has already stays."""
    parts, given = _parts(world), world.lead.score
    score = _score(parts, 0 if given is None else adjustment_to(given, parts))
    world.lead.score = score.shown
    world.score = StoredScore(score, world.now, is_new=is_new)


def update_score(world: World, stored: StoredScore) -> None:
    """Score the lead, as the sweep does after events and as time passes. A change fires `lead.scored`."""
    lead = world.lead
    parts, before = _parts(world), lead.score
    is_same = before in {None, stored.score.shown}
    score = _score(parts, stored.score.adjustment if is_same else adjustment_to(before, stored.score.computed))
    lead.score, world.score = score.shown, StoredScore(score, world.now, is_new=False)
    if not world.setting.rules.listening_to(EventName.LEAD_SCORED):
        return
    if stored.is_new:
        _record(world, stored.score.shown, None, key="score:capture")
    if score.shown != before:
        _record(world, score.shown, before, key=f"score:{world.now.isoformat()}")


def _record(world: World, score: int, before: int | None, *, key: str) -> None:
    about = score_facts(score, before)
    record(world, lead_event(EventName.LEAD_SCORED, world.lead, world.now, about=about, key=key))


def _parts(world: World) -> list[Part]:
    lead, table = world.lead, world.setting.scoring
    facts: JsonDict = {name: getattr(lead, name, None) for name in CARRIED}
    facts |= lead_facts_for_rules(lead, world.next_follow_up_at)
    local = {"at": world.setting.clinic.calendar.local(world.now)}
    return [*weigh(table.base, table.weights, {"lead": facts, "now": local})]


def _score(parts: list[Part], adjustment: int) -> Score:
    return score_of(parts, adjustment=adjustment, model=ScoreModel.RULES, basis="simulation")
