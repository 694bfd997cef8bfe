"""The best time to contact one lead, with counts and words."""

from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.clock import now
from app.core.type_aliases import JsonDict
from app.engine.rules.timing import Due, LocalClock, at_best_time
from app.identity.actor import Actor
from app.leads.facts.best_time.estimate import HOURS, LEAST, BestTimes, Contacts, Estimate, Level, Part, Sureness
from app.leads.facts.best_time.load import best_times_of
from app.leads.search.lookup import read_lead

_SHOWN: Final = 5
_PARTS: Final = {Part.WEEKDAY: "on weekdays", Part.WEEKEND: "at weekends"}
_SURE: Final = {Sureness.SURE: "sure", Sureness.LIKELY: "likely", Sureness.UNSURE: "unsure"}
_OF: Final = {Level.LEAD: "this lead", Level.SOURCE: "leads of its source", Level.CLINIC: "the clinic's leads"}


def best_time(session: Session, actor: Actor, lead_id: UUID) -> JsonDict:
    """Return the best hours of a lead, as BestTimeOut. Raises NotFound, LeadWasMerged."""
    lead = read_lead(session, actor, lead_id)
    found = best_times_of(session, [lead_id])[lead_id]
    calendar = actor.clinic.calendar
    zone = ZoneInfo(lead.timezone) if lead.timezone else calendar.zone
    best = found.best[:_SHOWN]
    due = at_best_time(Due(now()), [str(one.slot) for one in best], LocalClock(calendar, zone))
    return {
        "is_known": bool(best),
        "words": _words(found, best),
        "timezone": str(zone),
        "level": found.level,
        "average": found.average,
        "contacts": found.contacts,
        "hours": [_shown(one, found.average) for one in best],
        "next_at": due.at,
    }


def _words(found: BestTimes, best: list[Estimate]) -> str:
    if found.contacts < LEAST:
        return f"Not enough history: {found.contacts} of {LEAST} contacts of the clinic in the past year."
    if not best:
        return "No hour is likely better than others: contact the lead at any opening hour."
    return f"Best {_slot(best[0])}, by the contacts of {_OF[found.level]}: {_sentence(best[0], found.average)}"


def _shown(one: Estimate, average: float) -> JsonDict:
    groups = {"lead": one.of_lead, "source": one.of_source, "clinic": one.of_clinic}
    return {
        "part": one.slot.part,
        "hour": one.slot.hour,
        "chance": one.chance,
        "sureness": one.sureness,
        **{name: _counts(contacts) for name, contacts in groups.items()},
        "words": f"{_slot(one).capitalize()}: {_sentence(one, average)}",
    }


def _counts(contacts: Contacts) -> JsonDict:
    return contacts._asdict()


def _slot(one: Estimate) -> str:
    return f"{_PARTS[one.slot.part]} from {one.slot.hour:02}:00 to {(one.slot.hour + 1) % HOURS:02}:00"


def _sentence(one: Estimate, average: float) -> str:
    return (
        f"about {one.chance:.0%} of the contacts reach a person, on average {average:.0%} ({_SURE[one.sureness]};"
        f" {_said(one.of_lead)} of the lead, {_said(one.of_source)} of its source,"
        f" {_said(one.of_clinic)} of the clinic)."
    )


def _said(contacts: Contacts) -> str:
    return f"{contacts.reached} of {contacts.tried} calls and {contacts.answers} answers"
