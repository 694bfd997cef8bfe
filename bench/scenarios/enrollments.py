"""What it costs that a step belongs to an enrollment, which goes on with its end."""

from collections.abc import Sequence

from bench.figures import Row
from bench.relance_engine import Relance
from bench.rounds import in_rounds
from bench.scenarios.drain import RATE, drain
from bench.servers import Servers

TITLE = "Enrollments: a step that is followed by the next one"
WHAT = """The backlog of the drain, 10,000 steps that make a task each, with a message for a hundred of them. Once they
are steps by themselves; once each is the first of two of an enrollment: with its end the next step is planned, two days
ahead, the enrollment is moved there, and what it came by is noted, all in the same transaction."""

BARE, ENROLLED = "steps by themselves", "enrollments advanced one step"


def run(servers: Servers, *, runs: int, quick: bool, only: str = "") -> list[Row]:
    count = 1_000 if quick else 10_000
    both = [
        Relance(BARE, servers, messages_of=100),
        Relance(ENROLLED, servers, messages_of=100, enqueues_by="enqueue_enrollments"),
    ]
    return in_rounds([one for one in both if only.lower() in one.name.lower()], runs, lambda one: drain(one, count))


def verdicts(rows: Sequence[Row]) -> list[str]:
    """How much more one costs than the other."""
    rates = {row.name: row.figures[RATE].median for row in rows}
    if len(rates) < len((BARE, ENROLLED)):
        return []
    more = 1_000_000 / rates[ENROLLED] - 1_000_000 / rates[BARE]
    share = rates[BARE] / rates[ENROLLED]
    return [f"A step of an enrollment takes {share:.1f} times as long as one by itself: {more:.0f} microseconds more."]
