"""Lateness, busy: time from due to done at a thousand steps a second."""

from collections.abc import Sequence
from datetime import timedelta

from bench.figures import Row
from bench.relance_engine import Relance
from bench.rounds import in_rounds
from bench.scenarios.lateness import measure_lateness
from bench.servers import Servers
from bench.sizes import target_result

TITLE = "Lateness, busy: steps due at 1,000 a second"
METHOD = """As in lateness, with 20,000 steps over 20 s, one every millisecond. Four steps or more that are due within
the same 20 ms share a message, as always. All are enqueued within half a minute before the first is due."""

NAME = "Relance, 1,000 steps a second"
GAP = timedelta(milliseconds=1)
LEAD_IN = timedelta(seconds=30)
TARGET_P99_MS = 50


def run(servers: Servers, *, runs: int, quick: bool, only: str = "") -> list[Row]:
    count = 2_000 if quick else 20_000
    chosen = [one for one in [Relance(NAME, servers, messages_of=100)] if only.lower() in one.name.lower()]
    return in_rounds(chosen, runs, lambda one: measure_lateness(one, count, gap=GAP, lead_in=LEAD_IN))


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Compare the 99th percentile with the target."""
    late = [one.figures["p99 (ms)"].median for one in rows]
    return [f"p99 {p99:.0f} ms: {target_result(p99 < TARGET_P99_MS)} (to reach: {TARGET_P99_MS} ms)." for p99 in late]
