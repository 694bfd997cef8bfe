"""Run an action at several sizes, and compare time and memory."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.figures import Row
from bench.rounds import in_rounds
from bench.servers import Servers

MEMORY_RATIO = 1.2
Variant = Callable[[Servers, int], dict[str, float]]


@dataclass(frozen=True)
class Entry:
    """An action at one size."""

    count: int
    variant: str
    run: Variant

    @property
    def name(self) -> str:
        return f"{self.count:,}, {self.variant}"


def run_sizes(
    servers: Servers, sizes: Iterable[int], variants: Mapping[str, Variant], *, runs: int, only: str
) -> list[Row]:
    """Measure each action at each size; with `only`, those whose name contains it."""
    entries = [Entry(count, *variant) for count in sizes for variant in variants.items()]
    chosen = [one for one in entries if only.lower() in one.name.lower()]
    return in_rounds(chosen, runs, lambda one: one.run(servers, one.count))


def on_memory(ours: Sequence[Row], titles: Sequence[str]) -> list[str]:
    """Compare the largest size with the smallest by these figures. Returns sentences for the report."""
    if len(ours) < 2:
        return []
    most, least = ours[-1], ours[0]
    ratios = {title: most.figures[title].median / least.figures[title].median for title in titles}
    words = ", ".join(f"{title.partition(',')[0]} {ratio:.2f}" for title, ratio in ratios.items())
    reached = target_result(all(ratio <= MEMORY_RATIO for ratio in ratios.values()))
    return [f"Peak memory, {most.name} against {least.name}: {words} times: {reached} (to reach: {MEMORY_RATIO})."]


def target_result(is_reached: bool) -> str:
    """Return `reached` or `NOT reached`."""
    return "reached" if is_reached else "NOT reached"
