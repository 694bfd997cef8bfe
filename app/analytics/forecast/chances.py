"""Chances of conversion by stage and time in it, learned from weekly snapshots of the past. Pure.

A snapshot is taken at the beginning of each week: which leads are in which stage, and for how long. Leads of a snapshot
that were converted `ahead` weeks later, among all of them, give the chance. Only weeks that were over at the origin
count, so that the same code serves the forecast and its test on the past.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, NamedTuple, TypeAlias

from app.analytics.forecast.stays import OLDEST_AGE, WEEKS_OF_HISTORY, Cohort, Stay

AHEAD: Final = 8  # weeks of a forecast
_AGES: Final = (0, 1, 2, 3, 4, 6, 9, OLDEST_AGE)  # lower limits of the ages in weeks
_PLACES: Final = [sum(limit <= age for limit in _AGES) - 1 for age in range(_AGES[-1] + 1)]  # of each age in weeks
_PRIOR: Final = 20.0  # weight, in leads, of the chance of all ages, and of all stages
_RECENT: Final = 8  # weeks whose new leads and conversions count as the present rate
_ALL: Final = ("", -1)

State: TypeAlias = tuple[str, int]  # stage, and place of the age in `_AGES`; age -1: all ages
Snapshots: TypeAlias = Mapping[int, Mapping[State, "Open"]]  # by week


@dataclass(slots=True)
class Open:
    """Leads in a state at a snapshot, and the sum of their values."""

    leads: int = 0
    value: float = 0.0


class Expected(NamedTuple):
    """Expected conversions of each week ahead, of leads that are open and of new ones, and their expected value."""

    open_: Sequence[float]
    new: Sequence[float]
    value: Sequence[float]
    squares: Sequence[float]  # sum of squared values, weighted by the chances

    @property
    def conversions(self) -> list[float]:
        """Expected conversions of each week."""
        return [one + other for one, other in zip(self.open_, self.new, strict=True)]


class Past:
    """Snapshots and conversions of the past weeks, up to week 0."""

    def __init__(self, stays: Iterable[Stay], cohorts: Iterable[Cohort]) -> None:
        self._open: defaultdict[int, defaultdict[State, Open]] = defaultdict(_no_leads)
        self._won: defaultdict[int, defaultdict[tuple[State, int], int]] = defaultdict(_no_conversions)
        for stay in stays:
            self._add_stay(stay)
        self._created: defaultdict[int, int] = defaultdict(int)
        self._won_of_new: defaultdict[tuple[int, int], int] = defaultdict(int)
        self._converted: defaultdict[int, int] = defaultdict(int)
        self._values: defaultdict[int, float] = defaultdict(float)
        for cohort in cohorts:
            self._add_cohort(cohort)
        self._learned = _Learned(self._open, self._won)

    @property
    def conversions(self) -> int:
        """Conversions of the last year."""
        return sum(count for week, count in self._converted.items() if -WEEKS_OF_HISTORY <= week < 0)

    @property
    def weeks(self) -> int:
        """Weeks since the first lead."""
        return -min((week for week, count in self._created.items() if count), default=0)

    def converted_in(self, week: int) -> int:
        """Return the conversions of a week."""
        return self._converted.get(week, 0)

    def recent_conversions(self, origin: int) -> float:
        """Return the mean conversions of a week, over the eight weeks before."""
        return self._recent_mean(self._converted, origin)

    def expected(self, origin: int) -> Expected:
        """Return the expected conversions of the weeks from `origin` on, known at its beginning."""
        open_, value, squares = ([0.0] * AHEAD for _ in range(3))
        for state, leads in self._open.get(origin, {}).items():
            mean = leads.value / leads.leads
            for ahead in range(AHEAD):
                chance = self._learned.chance(state, ahead, origin)
                open_[ahead] += leads.leads * chance
                value[ahead] += leads.value * chance
                squares[ahead] += leads.leads * chance * mean * mean
        new = self._from_new_leads(origin)
        mean = self.mean_value(origin)
        return Expected(
            open_,
            new,
            [one + mean * count for one, count in zip(value, new, strict=True)],
            [one + mean * mean * count for one, count in zip(squares, new, strict=True)],
        )

    def new_leads(self, origin: int) -> float:
        """Return the expected new leads of a week: the mean of the eight weeks before."""
        return self._recent_mean(self._created, origin)

    def _recent_mean(self, counts: Mapping[int, int], origin: int) -> float:
        recent = range(max(origin - _RECENT, -self.weeks), origin)
        return sum(counts.get(week, 0) for week in recent) / max(len(recent), 1)

    def _from_new_leads(self, origin: int) -> list[float]:
        """Return the expected conversions of leads that are created from `origin` on."""
        rate = self.new_leads(origin)
        return [rate * total for total in accumulate(self._chance_after(age, origin) for age in range(AHEAD))]

    def _chance_after(self, age: int, origin: int) -> float:
        """Return the share of new leads that convert this many weeks after the week of their creation."""
        weeks = range(max(-self.weeks, origin - WEEKS_OF_HISTORY), origin - age)
        created = sum(self._created.get(week, 0) for week in weeks)
        return sum(self._won_of_new.get((week, age), 0) for week in weeks) / created if created else 0.0

    def mean_value(self, origin: int) -> float:
        """Return the mean value of the conversions of the year before."""
        weeks = [week for week in self._converted if origin - WEEKS_OF_HISTORY <= week < origin]
        count = sum(self._converted[week] for week in weeks)
        return sum(self._values[week] for week in weeks) / count if count else 0.0

    def _add_stay(self, stay: Stay) -> None:
        """Add the leads to each snapshot at whose beginning they were in the stage."""
        stage, entered, left, converted, leads, value = stay
        last = 0 if left is None else min(left, 0)
        for week in range(max(entered + 1, -WEEKS_OF_HISTORY), last + 1):
            state = (stage, _PLACES[min(week - 1 - entered, _AGES[-1])])
            found = self._open[week][state]
            found.leads += leads
            found.value += value
            if converted is not None and 0 <= converted - week < AHEAD:
                self._won[week][state, converted - week] += leads

    def _add_cohort(self, cohort: Cohort) -> None:
        self._created[cohort.created] += cohort.leads
        if cohort.converted is not None:
            self._won_of_new[cohort.created, cohort.converted - cohort.created] += cohort.leads
            self._converted[cohort.converted] += cohort.leads
            self._values[cohort.converted] += cohort.value


class _Learned:
    """Chances by state, from cumulative counts of the snapshots, so that many origins cost little."""

    def __init__(self, open_: Snapshots, won: Mapping[int, Mapping[tuple[State, int], int]]) -> None:
        leads: defaultdict[State, list[int]] = defaultdict(_no_weeks)
        wins: defaultdict[tuple[State, int], list[int]] = defaultdict(_no_weeks)
        for week, states in open_.items():
            for state, one in states.items():
                for wider in _wider(state):
                    leads[wider][week + WEEKS_OF_HISTORY] += one.leads
            for (state, ahead), count in won.get(week, {}).items():
                for wider in _wider(state):
                    wins[wider, ahead][week + WEEKS_OF_HISTORY] += count
        self._leads = {state: list(accumulate(counts)) for state, counts in leads.items()}
        self._won = {key: list(accumulate(counts)) for key, counts in wins.items()}

    def chance(self, state: State, ahead: int, origin: int) -> float:
        """Return the chance that a lead in this state converts in the week `ahead`.

        Few leads of an age are drawn towards the chance of all ages, and those of a stage towards that of all stages.
        """
        last = origin - ahead - 1 + WEEKS_OF_HISTORY  # the week ahead of this snapshot was over at the origin
        chance = 0.0
        if last < 0:
            return chance
        for one in reversed(_wider(state)):
            leads, won = self._leads.get(one), self._won.get((one, ahead))
            chance = ((won[last] if won else 0) + _PRIOR * chance) / ((leads[last] if leads else 0) + _PRIOR)
        return chance


def _no_leads() -> defaultdict[State, Open]:
    return defaultdict(Open)


def _no_conversions() -> defaultdict[tuple[State, int], int]:
    return defaultdict(int)


def _no_weeks() -> list[int]:
    return [0] * (WEEKS_OF_HISTORY + 1)


def _wider(state: State) -> tuple[State, State, State]:
    """Return the state, its stage at any age, and all stages."""
    return state, (state[0], -1), _ALL
