"""Generate the leads of a year. Pure apart from ids and encryption keys: the same seed gives the same leads."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from math import exp
from random import Random
from typing import Final, NamedTuple
from uuid import UUID

from app.core.type_aliases import JsonDict
from app.identity.actor import Actor
from app.leads.enums import CaptureChannel
from app.ops.demo.history.arrivals import Arrivals
from app.ops.demo.history.journey import Life, draw_fate
from app.ops.demo.history.people import person
from app.ops.demo.history.rows import Rows, Writer, opted_out, value_near
from app.ops.demo.history.truths import (
    BASE,
    BEST_SOURCE,
    BEST_SOURCE_CONVERTS,
    ENGAGED,
    IMPORTED,
    IMPORTED_DAYS_AGO,
    INTERESTS,
    MERGED,
    OPTED_OUT,
    REOPENED,
    SOURCES,
    WITH_INSURANCE,
    WITH_PHONE,
    Coordinator,
    holidays,
)

_MOST_CHANCE: Final = 0.97
_REPORTED: Final = 5_000  # leads


class Place(NamedTuple):
    """The clinic that gets the leads: its actor, sources by name, coordinators, and day limits by stage."""

    actor: Actor
    sources: Mapping[str, UUID]
    coordinators: Sequence[tuple[UUID, Coordinator]]
    limits: Mapping[str, int | None]


def generate(
    place: Place, *, leads: int, seed: int, until: datetime, report: Callable[[int], None] = lambda _: None
) -> Rows:
    """Return the rows of this many leads, created in the year up to `until`, and of a few merged duplicates."""
    dice, calendar = Random(seed), place.actor.clinic.calendar  # noqa: S311  (no secret)
    today = calendar.local(until).date()
    arrivals = Arrivals(calendar, until, holidays(range(today.year - 1, today.year + 1)))
    writer = Writer(dice, place.actor, place.limits, until)
    imported_at = calendar.next_open(until - timedelta(days=IMPORTED_DAYS_AGO)) + timedelta(hours=1)
    for number, day in enumerate(sorted(arrivals.days(dice, leads))):
        _add_lead(place, writer, _arrival(dice, arrivals, day, imported_at), number)
        if not (number + 1) % _REPORTED:
            report(number + 1)
    opted_out(writer.rows.leads, dice, OPTED_OUT)
    return writer.rows


class _Arrival(NamedTuple):
    at: datetime
    source: str
    channel: CaptureChannel


def _arrival(dice: Random, arrivals: Arrivals, day: date, imported_at: datetime) -> _Arrival:
    source = dice.choices(list(SOURCES), [plan.share for plan in SOURCES.values()])[0]
    if dice.random() < IMPORTED:
        return _Arrival(imported_at, source, CaptureChannel.IMPORT)
    channel = SOURCES[source].channel
    return _Arrival(arrivals.time(dice, day, channel), source, channel)


def _add_lead(place: Place, writer: Writer, arrival: _Arrival, number: int) -> None:
    dice = writer.dice
    interest = dice.choices(list(INTERESTS), [one.share for one in INTERESTS.values()])[0]
    coordinator_id, coordinator = dice.choice(place.coordinators)
    who, engaged = person(dice, number), dice.gauss(0, 1)
    has_phone, value = who["phone"] is not None, value_near(dice, INTERESTS[interest].value)
    columns: JsonDict = {
        **who,
        "source_id": place.sources[arrival.source],
        "capture_channel": arrival.channel,
        "treatment_interest": [interest],
        "captured_interest": [interest],
        "lead_value": value,
        "assigned_to_id": coordinator_id,
    }
    if arrival.channel is CaptureChannel.IMPORT:
        columns |= {"external_source": "old-crm", "external_id": str(number)}
    odds = BASE + INTERESTS[interest].effect + ENGAGED * engaged
    odds += WITH_PHONE * has_phone + WITH_INSURANCE * (who["insurance_carrier"] is not None)
    chance = 1 / (1 + exp(-odds)) * (BEST_SOURCE_CONVERTS if arrival.source == BEST_SOURCE else 1)
    fate = draw_fate(dice, min(chance, _MOST_CHANCE), engaged)
    life = Life(dice, place.actor.clinic.calendar, coordinator, engaged=engaged, has_phone=has_phone)
    journey = life.begin(arrival.at, fate, reopened=dice.random() < REOPENED)
    lead = writer.add(columns, arrival.at, journey)
    duplicate_at = arrival.at + timedelta(days=dice.uniform(0.1, 9))
    if dice.random() < MERGED and duplicate_at + timedelta(hours=1) < lead.updated_at:
        again = {**columns, "external_id": None, "external_source": None, "capture_channel": CaptureChannel.WEB_FORM}
        writer.merge(lead, again, duplicate_at)
