"""The score of a simulated lead: as capture and the sweeps compute it, from the clinic's table of weights."""

from app.automation.simulation.lead import lead_facts_for_rules, set_facts
from app.automation.simulation.recording import record
from app.automation.simulation.world import StoredScore, World
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.events.events import Event, EventName
from app.engine.rules.conditions import CARRIED
from app.leads.changes import set_fields, update_events
from app.leads.events import lead_event, score_facts
from app.leads.scoring.given import Given, first_score_event, given_score, rescored
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
    before = lead.score
    score = _score(_parts(world), stored.score.adjustment)
    lead.score, world.score = score.shown, StoredScore(score, world.now, is_new=False)
    if not world.setting.rules.listening_to(EventName.LEAD_SCORED):
        return
    if stored.is_new:
        record(world, first_score_event(lead, stored.score.shown, world.now))
    if score.shown != before:
        about, key = score_facts(score.shown, before), f"score:{world.now.isoformat()}"
        record(world, lead_event(EventName.LEAD_SCORED, lead, world.now, about=about, key=key))


def change_lead(world: World, values: JsonObject) -> list[Event]:
    """Set these fields of the lead, and its score, as a person or a rule does. Returns the events."""
    lead, events = world.lead, list[Event]()
    before = set_fields(lead, world.actor, values, at=world.now)
    if (given := given_score(values)) and (stored := world.score):
        if stored.is_new and world.setting.rules.listening_to(EventName.LEAD_SCORED):
            events.append(first_score_event(lead, stored.score.shown, world.now))
        _give(world, given, stored, is_new=False)
    return [*events, *update_events(lead, before, world.now)]


def tell_facts(world: World, facts: JsonObject) -> None:
    """Set these facts of the lead, by their names in rules. They record no event."""
    set_facts(world.lead, facts)
    if (given := given_score(facts)) and (stored := world.score):
        _give(world, given, stored, is_new=stored.is_new)


def _give(world: World, given: Given, stored: StoredScore, *, is_new: bool) -> None:
    known = _score(_parts(world), 0) if given.is_set else stored.score
    score = rescored(known, given, stored.score.adjustment)
    world.lead.score, world.score = score.shown, StoredScore(score, world.now, is_new=is_new)


def _parts(world: World) -> list[Part]:
    lead, table = world.lead, world.setting.scoring
    facts: JsonDict = {name: getattr(lead, name, None) for name in CARRIED}
    facts |= lead_facts_for_rules(lead, world.next_follow_up_at, world.lost_suggestion_at)
    local = {"at": world.setting.clinic.calendar.local(world.now)}
    return [*weigh(table.base, table.weights, {"lead": facts, "now": local})]


def _score(parts: list[Part], adjustment: int) -> Score:
    return score_of(parts, adjustment=adjustment, model=ScoreModel.RULES, basis="simulation")
