"""Estimates of the best hours from contacts, with few contacts drawn towards the wider group (shrinkage). Pure.

The chance to reach a person at an hour is estimated for the clinic; then for the source, drawn towards the clinic's;
then for the lead, drawn towards the source's. So one answer of a lead at 19:00 counts, but does not decide alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import sqrt
from typing import Final, NamedTuple, TypeAlias

from app.core.type_aliases import JsonDict, JsonObject

HOURS: Final = 24
LEAST: Final = 50  # contacts of the clinic without which nothing is estimated
MOST_SLOTS: Final = 10  # best hours that are kept
_PRIOR: Final = 20.0  # weight, in contacts, of the wider group
_PRIOR_OF_LEAD: Final = 4.0
_MOST_BORROWED: Final = 30.0  # contacts of the wider group that count for how sure it is, beside own ones
_USUAL: Final = 1 / 3  # chance to reach a person, as long as there are few calls
_SURE, _LIKELY = 1.64, 0.84  # standard deviations above the mean: one-sided 95 % and 80 %
_SATURDAY: Final = 5


class Part(StrEnum):
    WEEKDAY = "weekday"
    WEEKEND = "weekend"


class Level(StrEnum):
    """The narrowest group whose contacts count for much in the estimate."""

    LEAD = "lead"
    SOURCE = "source"
    CLINIC = "clinic"


class Sureness(StrEnum):
    """How sure it is that an hour is better than the average."""

    SURE = "sure"  # 95 %
    LIKELY = "likely"  # 80 %
    UNSURE = "unsure"


class Slot(NamedTuple):
    """An hour of the local day, on weekdays or at weekends."""

    part: Part
    hour: int

    def __str__(self) -> str:
        return f"{self.part} {self.hour}"


class Contacts(NamedTuple):
    """Calls to leads, those that reached a person, and answers of leads."""

    tried: int
    reached: int
    answers: int = 0

    @property
    def all(self) -> int:
        """Calls and answers."""
        return self.tried + self.answers


class Evidence(NamedTuple):
    """Calls and answers as trials with successes."""

    tried: float
    reached: float


Counts: TypeAlias = Mapping[Slot, Contacts]
NONE: Final = Contacts(0, 0, 0)
_DAYS: Final[Mapping[Part, int]] = {Part.WEEKDAY: 5, Part.WEEKEND: 2}


class Groups(NamedTuple):
    """The contacts of a lead, of its source and of the clinic."""

    lead: Counts
    source: Counts
    clinic: Counts


@dataclass(frozen=True, slots=True)
class Estimate:
    """The chance to reach a lead in a slot, 0 to 1, and how sure it is that this is more than the average.

    With 95 % certainty, the chance is not less than `at_least`.
    """

    slot: Slot
    chance: float
    at_least: float
    sureness: Sureness
    of_lead: Contacts
    of_source: Contacts
    of_clinic: Contacts


@dataclass(frozen=True, slots=True)
class BestTimes:
    """All slots with contacts, the best first; empty if the clinic has too few contacts. `average`: of the clinic.

    The order is that of `at_least`, so that an hour with few contacts is not before one that has proved good.
    """

    level: Level
    average: float
    contacts: int  # of the clinic
    slots: Sequence[Estimate] = ()

    @property
    def best(self) -> list[Estimate]:
        """The slots that are better than the average, at least likely."""
        return [one for one in self.slots if one.sureness is not Sureness.UNSURE][:MOST_SLOTS]


def estimate(lead: Counts, source: Counts, clinic: Counts) -> BestTimes:
    """Return the estimates for a lead from its contacts, those of its source, and those of the whole clinic."""
    total = _total(clinic)
    level = Level.LEAD if _total(lead).all >= _PRIOR_OF_LEAD else _level(source)
    average = (total.reached + 1) / (total.tried + 2) if total.tried >= LEAST else _USUAL
    if total.all < LEAST:
        return BestTimes(level, average, total.all)
    groups = Groups(lead, source, clinic)
    evidence = (_of_group(clinic, average), _of_group(source, average), _of_lead(lead))
    slots = [_estimate(slot, groups, evidence, average=average) for slot in {*lead, *source, *clinic}]
    return BestTimes(level, average, total.all, sorted(slots, key=lambda one: (-one.at_least, one.slot)))


def _of_lead(counts: Counts) -> Mapping[Slot, Evidence]:
    """Each answer of a lead is a contact that reached it."""
    return {slot: Evidence(one.all, one.reached + one.answers) for slot, one in counts.items()}


def _of_group(counts: Counts, average: float) -> Mapping[Slot, Evidence]:
    """Return the calls, and the answers as successes among as many trials in each slot.

    Answers have no attempts without an answer. Their trials are chosen so that answers in the hours of calls have the
    average chance, and that no chance exceeds 1. A weekend has two days, and so fewer trials than the weekdays.
    """
    busy = [one.answers / _DAYS[slot.part] for slot, one in counts.items() if one.tried]
    peak = max((one.answers / _DAYS[slot.part] for slot, one in counts.items()), default=0)
    trials = max(peak, sum(busy) / len(busy) / average if busy else 0)
    return {
        slot: Evidence(one.tried + trials * _DAYS[slot.part], one.reached + one.answers) for slot, one in counts.items()
    }


def _level(source: Counts) -> Level:
    return Level.SOURCE if _total(source).all >= LEAST else Level.CLINIC


def _estimate(slot: Slot, groups: Groups, evidence: Sequence[Mapping[Slot, Evidence]], *, average: float) -> Estimate:
    """`evidence`: of the clinic, the source and the lead, in this order."""
    chance, weight = average, 0.0
    for of_slots, prior in zip(evidence, (_PRIOR, _PRIOR, _PRIOR_OF_LEAD), strict=True):
        contacts = of_slots.get(slot, Evidence(0, 0))
        chance = (contacts.reached + prior * chance) / (contacts.tried + prior)
        weight = contacts.tried + min(weight, _MOST_BORROWED) if contacts.tried else weight
    deviation = sqrt(chance * (1 - chance) / (weight + 1))
    above = (chance - average) / deviation if deviation else 0.0
    sureness = Sureness.SURE if above >= _SURE else Sureness.LIKELY if above >= _LIKELY else Sureness.UNSURE
    of_lead, of_source, of_clinic = (one.get(slot, NONE) for one in groups)
    return Estimate(slot, chance, chance - _SURE * deviation, sureness, of_lead, of_source, of_clinic)


def _total(counts: Counts) -> Contacts:
    return Contacts(*(sum(one[place] for one in counts.values()) for place in range(len(NONE))))


def add_up(counts: Iterable[tuple[Slot, Contacts]]) -> dict[Slot, Contacts]:
    """Return the sums by slot."""
    found: dict[Slot, Contacts] = {}
    for slot, one in counts:
        before = found.get(slot, NONE)
        found[slot] = Contacts(*(sum(pair) for pair in zip(before, one, strict=True)))
    return found


def counts_to_json(counts: Counts) -> JsonDict:
    """Return the counts for the column `counts`."""
    return {part.value: [list(counts.get(Slot(part, hour), NONE)) for hour in range(HOURS)] for part in Part}


def counts_from_json(stored: JsonObject) -> dict[Slot, Contacts]:
    """Return the counts of the column `counts`, without hours that have none."""
    pairs = {Slot(part, hour): Contacts(*stored[part][hour]) for part in Part for hour in range(HOURS)}
    return {slot: contacts for slot, contacts in pairs.items() if contacts.all}


def slot_of(local: datetime) -> Slot:
    """Return the slot of a local time."""
    return Slot(Part.WEEKEND if local.weekday() >= _SATURDAY else Part.WEEKDAY, local.hour)
