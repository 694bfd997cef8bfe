"""Enrollments: cost of sequence progression after a step."""

from collections.abc import Sequence

from bench.figures import Row
from bench.relance_engine import Relance
from bench.rounds import in_rounds
from bench.scenarios.drain import RATE, drain
from bench.servers import Servers

TITLE = "Enrollments: steps with a next step"
METHOD = """The backlog of the drain scenario: 10,000 steps that create one task each, a hundred per message. In the
first row they are single steps. In the second row each is the first of two steps of an enrollment: when it ends, the
same transaction plans the next step two days ahead, advances the enrollment and records the step."""

BARE, ENROLLED = "steps by themselves", "enrollments advanced one step"


def run(servers: Servers, *, runs: int, quick: bool, only: str = "") -> list[Row]:
    count = 1_000 if quick else 10_000
    both = [
        Relance(BARE, servers, messages_of=100),
        Relance(ENROLLED, servers, messages_of=100, enqueues_by="enqueue_enrollments"),
    ]
    return in_rounds([one for one in both if only.lower() in one.name.lower()], runs, lambda one: drain(one, count))


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Return the added cost of a step in a sequence."""
    rates = {row.name: row.figures[RATE].median for row in rows}
    if len(rates) < len((BARE, ENROLLED)):
        return []
    more = 1_000_000 / rates[ENROLLED] - 1_000_000 / rates[BARE]
    share = rates[BARE] / rates[ENROLLED]
    return [f"A step of an enrollment takes {share:.1f} times as long as one by itself: {more:.0f} microseconds more."]
