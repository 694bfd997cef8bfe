"""Long transaction: throughput while PostgreSQL cannot remove the old versions of rows."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from statistics import median

import psycopg

from bench.application import begin, environment, run_action
from bench.figures import Row
from bench.procfile_processes import check, running
from bench.rounds import in_rounds
from bench.scenarios.pending import LEAD_SHARE
from bench.servers import Servers
from bench.sizes import target_result
from bench.volume import Worker, add_leads, loading

TITLE = "Long transaction: steps while a transaction stays open"
METHOD = """1,800,000 steps, as many as in an hour at 500 a second, in waves of 15,000: each wave is inserted, published
by the sweep `publish_due_steps` and run by the steps workers of the Procfile. **a transaction held open**: a
`REPEATABLE READ` transaction begins before the first wave and stays open, as that of a report or a backup does, so
PostgreSQL cannot remove the versions of rows that the steps leave behind. **steps/s** is measured from the first commit
of a wave to the last; **PostgreSQL** is the CPU time of its sessions, in microseconds for publishing and running a
step; **sweep** is the call that publishes a wave. Each is the median of the first and of the last five waves."""

WAVE, QUICK_WAVE = 15_000, 2_000
WAVES, QUICK_WAVES = 120, 12
COMPARED = 5  # waves at the beginning and at the end
CALL = 10  # waves in one process
PARTS = ("steps",)
HELD = "a transaction held open"
BEGAN, ENDED = "steps/s at the beginning", "steps/s at the end"
TARGET = 0.8
FIGURES = {
    "rate": (BEGAN, ENDED),
    "cpu": ("PostgreSQL at the beginning (us)", "PostgreSQL at the end (us)"),
    "sweep": ("sweep at the beginning (ms)", "sweep at the end (ms)"),
}


@dataclass(frozen=True)
class Case:
    """The steps with or without the open transaction."""

    name: str
    is_held: bool


CASES = (Case("no other transaction", is_held=False), Case(HELD, is_held=True))


def run(servers: Servers, *, runs: int, quick: bool, only: str = "") -> list[Row]:
    chosen = [one for one in CASES if only.lower() in one.name]
    sizes = (QUICK_WAVES, QUICK_WAVE) if quick else (WAVES, WAVE)
    return in_rounds(chosen, runs, partial(_measure, servers, *sizes))


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Compare the end with the beginning."""
    return [_verdict(one) for one in rows]


def _verdict(one: Row) -> str:
    share = one.figures[ENDED].median / one.figures[BEGAN].median
    target = f": {target_result(share >= TARGET)} (to reach: {TARGET:.0%})" if one.name == HELD else ""
    return f"{one.name}: {share:.0%} of the rate at the beginning{target}."


def _measure(servers: Servers, waves: int, wave: int, case: Case) -> Mapping[str, float]:
    clinic = begin(servers, rules=False)
    worker = Worker(0, 0, clinic["clinic_id"], clinic["source_id"], clinic["user_id"])
    with loading(servers) as connection:
        connection.execute("UPDATE rules SET active = true WHERE slug = 'speed-to-lead'")  # the rule of the steps
        add_leads(connection, [worker], waves * wave // LEAD_SHARE, only_open=True)
    with _transaction(servers, case), running(servers, PARTS, environment(servers)) as parts:
        found: list[Mapping[str, float]] = []
        while len(found) < waves:
            found += _drain(servers, min(CALL, waves - len(found)), wave, before=len(found) * wave)
            check(parts)
    return _figures(found[1:])  # the workers start during the first wave


def _drain(servers: Servers, waves: int, wave: int, *, before: int) -> list[Mapping[str, float]]:
    given = {"waves": waves, "steps": wave, "before": before, "postmaster": servers.postgres.pid()}
    drained: list[Mapping[str, float]] = run_action(servers, "drain_waves", json.dumps(given))
    return drained


@contextmanager
def _transaction(servers: Servers, case: Case) -> Iterator[None]:
    """Hold a snapshot of the database meanwhile."""
    with psycopg.connect(servers.database_url()) as connection:
        if case.is_held:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            connection.execute("SELECT FROM steps LIMIT 1")
        yield


def _figures(waves: Sequence[Mapping[str, float]]) -> dict[str, float]:
    ends = waves[:COMPARED], waves[-COMPARED:]
    return {
        title: median(one[name] for one in compared)
        for name, titles in FIGURES.items()
        for title, compared in zip(titles, ends, strict=True)
    }
