"""Metric: its name, its unit, and the leads that it counts on each basis."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.analytics.metrics.measures import Basis, Measure
from app.core.type_aliases import JsonDict, JsonObject


class Unit(StrEnum):
    LEADS = "leads"
    TASKS = "tasks"
    SHARE = "share"  # from 0 to 1; of a period it may exceed 1
    DAYS = "days"
    MINUTES = "minutes"
    MONEY = "money"  # in the clinic's currency


@dataclass(frozen=True, slots=True)
class Formula:
    """Leads that a metric counts (`of`), and for a share the leads among which (`among`).

    `of_all`: the leads of `among` are those of all rows of the report. `per_spend`: the spend on marketing is divided
    by the number of leads; `is_spend`: the spend itself.
    """

    words: str
    of: Measure
    among: Measure | None = None
    of_all: bool = False
    per_spend: bool = False
    is_spend: bool = False


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric with its definition for each basis."""

    name: str
    label: str
    unit: Unit
    formulas: Mapping[Basis, Formula]


def figure_of(name: str, unit: Unit, value: float | None, of: JsonObject, *, among: JsonObject | None) -> JsonDict:
    """Return a figure as it is sent. `of` and `among` have a number of `leads` and their list (`drill`)."""
    known = None if value is None else float(value)
    return {"metric": name, "unit": unit, "value": known, "leads": of["leads"], "drill": of["drill"], "among": among}


def define(name: str, label: str, unit: Unit, *formulas: Formula) -> Metric:
    """Return a metric with a formula for cohorts and one for periods, or with a single one for both."""
    return Metric(name, label, unit, {Basis.COHORT: formulas[0], Basis.PERIOD: formulas[-1]})
