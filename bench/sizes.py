"""Ways to do the same to few and to many, and whether memory grows with how many they are."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.figures import Row
from bench.rounds import in_rounds
from bench.servers import Servers

MEMORY_RATIO = 1.2
Way = Callable[[Servers, int], dict[str, float]]


@dataclass(frozen=True)
class Entry:
    """A way to do it to that many."""

    count: int
    way: str
    make: Way

    @property
    def name(self) -> str:
        return f"{self.count:,}, {self.way}"


def run_sizes(servers: Servers, sizes: Iterable[int], ways: Mapping[str, Way], *, runs: int, only: str) -> list[Row]:
    """Each way with each size; those whose name has `only` in it."""
    entries = [Entry(count, *way) for count in sizes for way in ways.items()]
    chosen = [one for one in entries if only.lower() in one.name.lower()]
    return in_rounds(chosen, runs, lambda one: one.make(servers, one.count))


def on_memory(ours: Sequence[Row], titles: Sequence[str]) -> list[str]:
    """The greatest size against the least, by these figures."""
    if len(ours) < 2:
        return []
    most, least = ours[-1], ours[0]
    ratios = {title: most.figures[title].median / least.figures[title].median for title in titles}
    words = ", ".join(f"{title.partition(',')[0]} {ratio:.2f}" for title, ratio in ratios.items())
    reached = said(all(ratio <= MEMORY_RATIO for ratio in ratios.values()))
    return [f"Peak memory, {most.name} against {least.name}: {words} times: {reached} (to reach: {MEMORY_RATIO})."]


def said(is_reached: bool) -> str:
    """In words that can be looked for."""
    return "reached" if is_reached else "NOT reached"
