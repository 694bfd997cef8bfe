"""How fast a file of leads becomes leads."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.bulk_ways import BULK, WEB
from bench.figures import Row
from bench.import_ways import RATE, by_copy, by_relance
from bench.rounds import in_rounds
from bench.servers import Servers

TITLE = "Import: a file of leads"
WHAT = """A CSV of so many people is sent to `POST /api/imports` and started, with `on_duplicate=skip`: every row is
read and checked, looked for among those who are there, and becomes a lead with a coordinator, a first touch and a
history. The time runs from the upload until the job is done, **uploaded** until the rows are kept. Web and workers run
as the Procfile says. The bare COPY is what one connection takes to put the same people, and nothing else, into the same
table with its indexes and foreign keys, in one transaction."""

SIZES, QUICK_SIZES = (10_000, 100_000), (1_000,)
MEMORY_RATIO = 1.2
WAYS = {"Relance": by_relance, "bare COPY": by_copy}


@dataclass(frozen=True)
class Entry:
    """A way to take in that many."""

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
    """The rate beside COPY's, and the memory of the larger file against the smaller one's."""
    ours, bare = [one for one in rows if WEB in one.figures], [one for one in rows if WEB not in one.figures]
    said = [
        f"{one.name}: {rate:,.0f} rows/s, {rate / copied:.1%} of a bare COPY."
        for one, other in zip(ours, bare, strict=False)
        for rate, copied in [(one.figures[RATE].median, other.figures[RATE].median)]
    ]
    if len(ours) > 1:
        ratios = {title: ours[-1].figures[title].median / ours[0].figures[title].median for title in (WEB, BULK)}
        words = ", ".join(f"{title.partition(',')[0]} {ratio:.2f}" for title, ratio in ratios.items())
        reached = "reached" if all(ratio <= MEMORY_RATIO for ratio in ratios.values()) else "NOT reached"
        compared = f"{ours[-1].name} against {ours[0].name}"
        said.append(f"Peak memory, {compared}: {words} times: {reached} (to reach: {MEMORY_RATIO}).")
    return said
