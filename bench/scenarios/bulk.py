"""How fast one call becomes a follow-up for every lead of a list."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.bulk_ways import BULK, SECONDS, WEB, by_copy, by_executemany, by_relance
from bench.figures import Row
from bench.rounds import in_rounds
from bench.servers import Servers

TITLE = "Bulk: one call, thousands of follow-ups"
WHAT = """`POST /api/followups/bulk` with the ids of so many leads, one call. The time runs from the request until the
job is done: every lead has its task, and every task its planned reminder, which is committed with it. Web and workers
run as the Procfile says (two web workers, one bulk worker), warmed up by a small job. **Peak** is their proportional
set size at its greatest, looked at five times a second. The bare rows are what one connection takes to put the same
number of task rows, and nothing else, into the same table with its indexes and foreign keys, in one transaction."""

SIZES, QUICK_SIZES = (10_000, 100_000), (1_000, 5_000)
WITHIN_SECONDS = {10_000: 2.0, 100_000: 20.0}
MEMORY_RATIO = 1.2
WAYS = {"Relance": by_relance, "bare COPY": by_copy, "bare executemany": by_executemany}


@dataclass(frozen=True)
class Entry:
    """A way to make that many follow-ups."""

    count: int
    way: str
    make: Callable[[Servers, int], dict[str, float]]

    @property
    def name(self) -> str:
        return f"{self.count:,}, {self.way}"


def run(servers: Servers, *, runs: int, quick: bool, only: str = "") -> list[Row]:
    entries = [Entry(count, *way) for count in (QUICK_SIZES if quick else SIZES) for way in WAYS.items()]
    chosen = [one for one in entries if only.lower() in one.name.lower()]
    return in_rounds(chosen, runs, lambda one: one.make(servers, one.count))


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Relance's times against the targets, and the memory of its larger job against the smaller's."""
    ours = [one for one in rows if WEB in one.figures]
    return [*_in_time(ours), *_memory(ours)]


def _in_time(ours: Sequence[Row]) -> list[str]:
    seconds = {one.name: one.figures[SECONDS].median for one in ours}
    within = {f"{count:,}, Relance": most for count, most in WITHIN_SECONDS.items()}
    return [
        f"{name}: {seconds[name]:.1f} s: {_said(seconds[name] < most)} (to reach: {most:.0f} s)."
        for name, most in within.items()
        if name in seconds
    ]


def _memory(ours: Sequence[Row]) -> list[str]:
    if len(ours) < 2:
        return []
    most, least = ours[-1], ours[0]
    ratios = {title: most.figures[title].median / least.figures[title].median for title in (WEB, BULK)}
    said = ", ".join(f"{title.partition(',')[0]} {ratio:.2f}" for title, ratio in ratios.items())
    reached = _said(all(ratio <= MEMORY_RATIO for ratio in ratios.values()))
    return [f"Peak memory, {most.name} against {least.name}: {said} times: {reached} (to reach: {MEMORY_RATIO})."]


def _said(is_reached: bool) -> str:
    return "reached" if is_reached else "NOT reached"
