"""Pending steps: cost of a large backlog of future steps."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import psycopg

from bench.application import begin, environment, run_action
from bench.figures import Row
from bench.processes import Processes
from bench.procfile_processes import check, running
from bench.rounds import in_rounds
from bench.servers import Servers
from bench.volume import Worker, add_leads, add_steps, loading
from bench.waiting import wait_until

TITLE = "Pending: the cost of a large backlog"
METHOD = """The given number of steps is planned for six hours that begin later, five per lead, of all kinds. All
cases have the same steady load: five steps a second, of which 600 are inside the horizon and held by the workers.
All rules but theirs are off, because sweeps would find work among the old leads of a large backlog.
Beat, the sweeps worker and the steps workers run as in the Procfile. **Memory** is their proportional set size, and
Valkey's own `used_memory`, after half a minute. **Sweep** is one call of `publish_due_steps` (20 calls, in addition
to beat's own), **batch** one message of a hundred `create_task` steps (20 messages, after the workers have ended);
medians. The **census** counts all pending steps again only after a hundred times as long as the last count took."""

SIZES, QUICK_SIZES = (10_000, 100_000, 1_000_000), (2_000, 20_000)
LEAD_SHARE = 5  # steps for each lead
STEADY_SECONDS = 900  # duration of the steady load, longer than any measurement
STEADY_RATE = 5
SIX_HOURS = 6 * 3600
LOAD_SECONDS = 3600  # longer than the insertion takes, so that no distant step comes due in the measurement
KINDS = (*["remind"] * 9, *["create_task"] * 5, *["escalate"] * 4, *["send_message"] * 2)
PARTS = ("steps", "sweeps", "beat")
SETTLE_SECONDS = 30.0
START_SECONDS = 120.0
SAMPLES = 10
CALLS = 20

WORKERS = "workers (MB)"
VALKEY = "Valkey (MB)"
SWEEP = "sweep (ms)"
BATCH = "batch of 100 (ms)"
TARGETS = {WORKERS: 1.1, VALKEY: 1.1, SWEEP: 2.0, BATCH: 2.0}


@dataclass(frozen=True)
class Backlog:
    """A number of pending steps."""

    steps: int

    @property
    def name(self) -> str:
        return f"{self.steps:,} pending"


def run(servers: Servers, *, runs: int, quick: bool, only: str = "") -> list[Row]:
    backlogs = [Backlog(steps) for steps in (QUICK_SIZES if quick else SIZES)]
    chosen = [one for one in backlogs if only.lower() in one.name]
    return in_rounds(chosen, runs, partial(measure_backlog, servers))


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Compare each larger backlog with the smallest."""
    return compare(rows)


def compare(rows: Sequence[Row]) -> list[str]:
    """Compare the figures of each backlog with those of the first one."""
    return [_verdict(one, rows[0]) for one in rows[1:]]


def _verdict(one: Row, least: Row) -> str:
    ratios = {title: one.figures[title].median / least.figures[title].median for title in TARGETS}
    said = [f"{title.partition(' (')[0]} {ratio:.2f}" for title, ratio in ratios.items()]
    reached = all(ratio <= TARGETS[title] for title, ratio in ratios.items())
    return (
        f"{one.name} against {least.name}: {', '.join(said)} times: {'reached' if reached else 'NOT reached'} "
        "(to reach: memory within 1.1, time within 2)."
    )


def measure_backlog(servers: Servers, backlog: Backlog) -> Mapping[str, float]:
    """Return the figures of a clinic with this backlog."""
    _load(servers, begin(servers, rules=False), backlog)
    with running(servers, PARTS, environment(servers)) as parts:
        _settle(servers, parts)
        memory = _memory(servers, parts)
        sweeps = run_action(servers, "time_sweep", json.dumps({"sweep": "publish_due_steps", "calls": CALLS}))
        check(parts)
    batches = run_action(servers, "time_batches", json.dumps({"steps": 100, "calls": CALLS}))
    census = run_action(servers, "time_census", json.dumps({"calls": 5}))
    return {
        **memory,
        SWEEP: median(sweeps),
        BATCH: median(batches),
        "census (ms)": median(census),
        "count of all (ms)": _count_milliseconds(servers),
    }


def _count_milliseconds(servers: Servers) -> float:
    """Return how long the census took to count all pending steps. It does not do this each time."""
    query = "SELECT result -> 'pending' ->> 'seconds' FROM sweep_runs WHERE name = 'census'"
    with psycopg.connect(servers.database_url()) as connection:
        return float(connection.execute(query).fetchall()[0][0]) * 1000


def _load(servers: Servers, clinic: Mapping[str, Any], backlog: Backlog) -> None:
    """Insert the distant steps first and the steady load last, because its steps are due from now on."""
    steady = min(STEADY_SECONDS * STEADY_RATE, backlog.steps // 2)
    worker = Worker(0, 0, clinic["clinic_id"], clinic["source_id"], clinic["user_id"])
    seconds = steady / STEADY_RATE
    with loading(servers) as connection:
        connection.execute("UPDATE rules SET active = true WHERE slug = 'speed-to-lead'")  # the rule of the steps
        add_leads(connection, [worker], backlog.steps // LEAD_SHARE, only_open=True)
        first = seconds + LOAD_SECONDS
        add_steps(connection, backlog.steps - steady, first=first, last=first + SIX_HOURS, kinds=KINDS)
    with psycopg.connect(servers.database_url()) as connection:  # no VACUUM: it would take longer than the steps wait
        add_steps(connection, steady, first=0, last=seconds, kinds=["create_task"])


def _settle(servers: Servers, parts: Mapping[str, Processes]) -> None:
    """Wait until the workers hold the messages inside the horizon, then let them run."""
    with psycopg.connect(servers.database_url(), autocommit=True) as connection:

        def held() -> bool:
            check(parts)
            found = connection.execute("SELECT count(*) FROM lead_tasks").fetchall()
            return bool(found[0][0])

        wait_until(held, "the first steps", timeout=START_SECONDS, every=1)
    time.sleep(SETTLE_SECONDS)


def _memory(servers: Servers, parts: Mapping[str, Processes]) -> dict[str, float]:
    with servers.valkey.client() as client:
        return {
            WORKERS: _typical(lambda: sum(part.memory_mb() for part in parts.values())),
            VALKEY: _typical(lambda: client.info("memory")["used_memory"] / 1e6),
        }


def _typical(sample: Callable[[], float]) -> float:
    values = []
    for _ in range(SAMPLES):
        values.append(sample())
        time.sleep(0.5)
    return median(values)
