"""Brute-force definitions of the metrics, over lists of leads in Python."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from app.core.calendar.calendar import Calendar
from tests.support.lead_histories import STAGES, Known, median_and_p90

Leads = list[Known]


class Expected(NamedTuple):
    """A value, the leads behind it, and the leads among which they are counted."""

    value: float | None
    leads: Leads
    among: Leads | None = None


@dataclass
class Oracle:
    """The leads of a clinic, its zone, and the period: local days from `first` to before `end`."""

    everyone: Sequence[Known]
    calendar: Calendar
    first: date
    end: date
    mature_before: date
    now: datetime
    row: Callable[[Known], bool] = lambda _: True

    @property
    def zone(self) -> ZoneInfo:
        return self.calendar.zone

    def _in(self, at: datetime | None) -> bool:
        return at is not None and self.first <= at.astimezone(self.zone).date() < self.end

    @property
    def living(self) -> Leads:
        return [lead for lead in self.everyone if lead.is_there]

    def created(self, *, of_all: bool = False) -> Leads:
        return [lead for lead in self.living if self._in(lead.created) and (of_all or self.row(lead))]

    def mature(self, leads: Iterable[Known]) -> Leads:
        return [lead for lead in leads if lead.created.astimezone(self.zone).date() < self.mature_before]

    def ended(self, status: str, *, cohort: bool, of_all: bool = False) -> Leads:
        if cohort:
            return [lead for lead in self.created(of_all=of_all) if lead.status == status]
        leads = [lead for lead in self.living if of_all or self.row(lead)]
        return [lead for lead in leads if lead.status == status and self._in(lead.ended)]

    def entered(self, stage: str) -> Leads:
        return [
            lead
            for lead in self.living
            if self.row(lead)
            and (
                any(new == stage and self._in(at) for _, new, at in lead.changes)
                or (lead.first == stage and self._in(lead.created))
            )
        ]

    def reached(self, stage: str) -> Leads:
        return [lead for lead in self.created() if lead.seen & set(STAGES[STAGES.index(stage) :])]

    def share(self, leads: Leads, among: Leads) -> Expected:
        return Expected(len(leads) / len(among) if among else None, leads, among)

    def general(self, basis: str) -> dict[str, Expected]:
        """Return the metrics of the reports by source, coordinator and reason, and of the summary."""
        cohort = basis == "cohort"
        created, converted, lost = self.created(), *(self.ended(one, cohort=cohort) for one in ("CONVERTED", "LOST"))
        mature = self.mature(created)
        rate = self.share([one for one in mature if one.status == "CONVERTED"], mature)
        rate = rate if cohort else self.share(converted, created)
        contacted = [lead for lead in created if lead.contact and not lead.is_imported]
        waits = [max((one.contact - one.created).total_seconds() / 60, 0) for one in contacted if one.contact]
        median, p90 = median_and_p90(waits)
        open_waits = [_open_minutes(self.calendar, one.created, one.contact) for one in contacted if one.contact]
        business = median_and_p90(open_waits)
        contactable = [lead for lead in created if not lead.is_imported]
        in_time = [one for one in contacted if one.contact and one.contact - one.created <= timedelta(minutes=120)]
        return {
            "total_leads": Expected(len(created), created),
            "lead_source_mix": self.share(created, self.created(of_all=True)),
            "converted_leads": Expected(len(converted), converted),
            "lost_leads": Expected(len(lost), lost),
            "lost_share": self.share(lost, self.ended("LOST", cohort=cohort, of_all=True)),
            "lost_value": Expected(self._sum(lost), lost),
            "average_time_to_loss": Expected(self._mean_days(lost), lost),
            "conversion_rate": rate,
            "coordinator_conversion_rate": rate,
            "average_time_to_convert": Expected(self._mean_days(converted), converted),
            "value": Expected(self._sum(created), created),
            "contacted_leads": Expected(len(contacted), contacted),
            "not_contacted_leads": Expected(
                len(contactable) - len(contacted), [one for one in contactable if not one.contact]
            ),
            "median_time_to_contact": Expected(median, contacted),
            "p90_time_to_contact": Expected(p90, contacted),
            "median_business_time_to_contact": Expected(business[0], contacted),
            "p90_business_time_to_contact": Expected(business[1], contacted),
            "contacted_within_target": self.share(in_time, contactable),
            "mean_time_to_contact": Expected(sum(waits) / len(waits) if waits else None, contacted),
            **self._answers(created),
            "marketing_spend": Expected(None, created),
            "cost_per_lead": Expected(None, created),
            "cost_per_acquisition": Expected(None, converted),
            **self._consultations(cohort=cohort),
        }

    def _answers(self, created: Leads) -> dict[str, Expected]:
        reached_out = [lead for lead in created if lead.contact]
        answered = [lead for lead in reached_out if lead.has_answered]
        return {
            "reached_out_leads": Expected(len(reached_out), reached_out),
            "answered_leads": Expected(len(answered), answered),
            "response_rate": self.share(answered, reached_out),
        }

    def pipeline(self) -> dict[str, Expected]:
        leads = [lead for lead in self.living if lead.status == "OPEN" and self.row(lead)]
        return {"open_leads": Expected(len(leads), leads), "open_value": Expected(self._sum(leads), leads)}

    def _consultations(self, *, cohort: bool) -> dict[str, Expected]:
        stages = ("consultation_scheduled", "consultation_completed", "treatment_accepted")
        counts = [self.mature(self.reached(one)) if cohort else self.entered(one) for one in stages]
        scheduled, completed, accepted = counts
        return {
            "consultation_show_rate": self.share(completed, scheduled),
            "treatment_acceptance_rate": self.share(accepted, completed),
        }

    def _mean_days(self, leads: Leads) -> float | None:
        days = [(lead.ended - lead.created).total_seconds() / 86_400 for lead in leads if lead.ended]
        return sum(days) / len(days) if days else None

    def _sum(self, leads: Leads) -> float:
        return float(sum(lead.value or 0 for lead in leads))

    def funnel(self, stage: str, basis: str) -> dict[str, Expected]:
        place = STAGES.index(stage)
        previous = STAGES[place - 1] if place else None
        created = self.created()
        if basis == "period":
            entered = self.entered(stage)
            before = self.entered(previous) if previous else created
            return {"entered": Expected(len(entered), entered), "conversion": self.share(entered, before)}
        reached = self.reached(stage)
        before = self.mature(self.reached(previous) if previous else created)
        never = [lead for lead in created if lead not in reached]
        gone = [lead for lead in never if lead.status == "LOST"]
        entered = [lead for lead in created if stage in lead.seen]
        skipped = [lead for lead in reached if stage not in lead.seen]
        there = [lead for lead in created if lead.stage == stage]
        counts = {
            "reached": reached,
            "entered": entered,
            "skipped": skipped,
            "still_in": there,
            "never_reached": never,
            "never_reached_lost": gone,
        }
        return {
            **{name: Expected(len(leads), leads) for name, leads in counts.items()},
            "conversion": self.share(self.mature(reached), before),
            "drop_off": self.share([lead for lead in before if lead not in reached], before),
            "value": Expected(self._sum(reached), reached),
        }

    def velocity(self, stage: str) -> dict[str, Expected]:
        leads = [lead for lead in self.created() if stage in lead.seen]
        there = [lead for lead in leads if lead.stage == stage]
        stays = [(self._hours_in(lead, stage), lead.stage != stage) for lead in leads]
        names = (("median_days", 0.5), ("p75_days", 0.75), ("p90_days", 0.9))
        return {
            "leads": Expected(len(leads), leads),
            "still_in": Expected(len(there), there),
            **{name: Expected(_quantile(stays, share), leads) for name, share in names},
        }

    def _hours_in(self, lead: Known, stage: str) -> int:
        spent = lead.spent.get(stage, timedelta())
        if lead.stage == stage:
            spent += self.now - lead.entered
        return int(spent.total_seconds() // 3600)


@cache
def _open_minutes(calendar: Calendar, since: datetime, until: datetime) -> int:
    """Count the open minutes one by one: all times are whole minutes."""
    length = (until - since) // timedelta(minutes=1)
    return sum(calendar.is_open(since + timedelta(minutes=minute)) for minute in range(length))


def _quantile(stays: Sequence[tuple[int, bool]], share: float) -> float | None:
    """Return the Kaplan-Meier estimate by its definition: the product over the hours with an end."""
    surviving = 1.0
    for hours in sorted({hours for hours, is_over in stays if is_over}):
        at_risk = sum(one >= hours for one, _ in stays)
        surviving *= 1 - sum(one == hours and is_over for one, is_over in stays) / at_risk
        if surviving <= 1 - share + 1e-9:
            return hours / 24
    return None
