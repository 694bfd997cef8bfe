"""Table of costs: CPU time of one unit of work, before and now. "Now" is from the stored results."""

import json
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

from bench.figures import readable

RESULTS: Final = Path(__file__).resolve().parent / "results"
UNKNOWN: Final = "not measured"


class Before(NamedTuple):
    """An earlier value in ms, with the commit that was measured and the date."""

    value: float
    commit: str
    measured_on: str


class Cost(NamedTuple):
    """A unit of work, and the figures of a scenario's row whose sum in ms is its cost."""

    title: str
    scenario: str
    row: str
    figures: tuple[str, ...]
    before: Before | None = None


COSTS: Final = (
    # bench/profiles.md: 5.5 and 5.8 ms of the web processes
    Cost(
        "a captured lead, web processes",
        "capture",
        "Relance, POST /api/leads",
        ("web CPU (ms)",),
        Before(5.65, "f5a2201d", "2026-11-23"),
    ),
    # bench/results/reads.json at this commit, as the next one: medians of web and PostgreSQL
    Cost(
        "a page of 50 leads, web and PostgreSQL",
        "reads",
        "leads",
        ("web CPU (ms)", "PostgreSQL CPU (ms)"),
        Before(9.99, "c5d13e1f", "2026-11-21"),
    ),
    Cost(
        "a page of 50 tasks, web and PostgreSQL",
        "reads",
        "my tasks",
        ("web CPU (ms)", "PostgreSQL CPU (ms)"),
        Before(6.44, "c5d13e1f", "2026-11-21"),
    ),
    # a profile of that version: 70 microseconds of Python and 56 of PostgreSQL
    Cost(
        "a due step, workers and PostgreSQL",
        "drain",
        "Relance",
        ("CPU (ms)",),
        Before(0.126, "2947b925", "2026-11-21"),
    ),
    # `python -m bench mails --only "one process"` at this commit, in turn with the next version
    Cost(
        "an e-mail, worker and PostgreSQL",
        "mails",
        "one process of deliveries",
        ("CPU (ms)",),
        Before(3.8, "7da3681d", "2026-11-24"),
    ),
)


def table() -> str:
    """Return the table in Markdown."""
    titles = ("work", "before (ms)", "before: commit, date", "now (ms)", "measured on")
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (titles, ["---"] * len(titles), *_lines()))


def _lines() -> Iterator[tuple[str, ...]]:
    for cost in COSTS:
        before = cost.before
        was = (readable(before.value), f"{before.commit}, {before.measured_on}") if before else (UNKNOWN, "")
        yield cost.title, *was, *_now(cost)


def _now(cost: Cost) -> tuple[str, str]:
    """Return the stored value and its date. A result of an older version may lack the figure."""
    file = RESULTS / f"{cost.scenario}.json"
    result: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {"rows": []}
    for row in result["rows"]:
        if row["name"] == cost.row and set(cost.figures) <= row["figures"].keys():
            value = sum(median(row["figures"][figure]) for figure in cost.figures)
            return readable(value), result["measured_at"][:10]
    return UNKNOWN, ""
