"""Find running processes that lack the keys with which this process writes."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.config import get_settings
from app.engine.broker import QUEUES, celery
from app.engine.statistics.process_keys import REPORT
from app.http.request_metrics import ALIVE_FOR, IN_FLIGHT
from app.ops.stack.connectivity import broker_problem
from app.security.key_fingerprints import writing_keys

REPLY_TIMEOUTS: Final = (1.0, 1.0)  # seconds; a busy worker may miss the first question
_ROWS: Final = text(
    "SELECT process, metric, labels, value FROM counters WHERE metric IN (:report, :in_flight) AND process <> 'past'"
    " AND updated_at >= :since ORDER BY process"
)


class RunningProcess(NamedTuple):
    """A process: its parts of the Procfile, its name, and fingerprints of its keys (None: it does not report them)."""

    parts: Collection[str]
    name: str
    keys: Collection[str] | None


def writing_processes(session: Session) -> list[RunningProcess]:
    """Return the processes of the API and of `inbound`. Those of an older version write, but report no keys."""
    given = {"report": REPORT, "in_flight": IN_FLIGHT, "since": clock.now() - ALIVE_FOR}
    rows: dict[str, dict[str, Any]] = defaultdict(dict)
    for row in session.execute(_ROWS, given):
        rows[row.process][row.metric] = row
    found = []
    for process, of_it in rows.items():
        report = of_it.get(REPORT)
        if report is None:
            found.append(RunningProcess(["web"], _name(process), None))
        elif report.value > 0:
            labels = json.loads(report.labels)
            found.append(RunningProcess([labels["part"]], _name(process), labels["keys"].split(",")))
    return found


def rotation_obstacle(others: Iterable[RunningProcess]) -> str | None:
    """Return why data must not be encrypted again now, and what to do. None if all can read it.

    Beat, `stream` and Flower read no encrypted data, and are not asked.
    """
    if problem := broker_problem(get_settings()):
        return f"the workers cannot be asked for their keys: {problem}"
    lacking = [(process, lacks) for process in (*others, *_workers()) if (lacks := _lacks(process))]
    if not lacking:
        return None
    parts = sorted({part for process, _ in lacking for part in process.parts})
    return "\n".join(
        (
            "running processes cannot read what this command would write:",
            *(f"  {', '.join(process.parts)} ({process.name}): {lacks}" for process, lacks in lacking),
            f"Give them the keys of this command, and restart these parts: {', '.join(parts)}. Then run it again.",
            f"A process that was killed counts as running for {ALIVE_FOR.seconds} seconds.",
        )
    )


def _lacks(process: RunningProcess) -> str:
    """Return what is wrong with the keys of a process, or an empty text."""
    if process.keys is None:
        return "does not report its keys, because it has an older version"
    names = [name for name, fingerprint in writing_keys().items() if fingerprint not in process.keys]
    return f"lacks {' and '.join(names)}" if names else ""


def _workers() -> Iterator[RunningProcess]:
    """Yield the workers that answer. One of an older version answers with an error."""
    found: dict[str, RunningProcess] = {}
    for timeout in REPLY_TIMEOUTS:
        for reply in celery.control.broadcast(REPORT, reply=True, timeout=timeout) or []:
            for node, answer in reply.items():
                found[json.dumps([node, answer])] = _worker(node, answer)  # two hosts may have one node name
    yield from (found[key] for key in sorted(found))


def _worker(node: str, answer: Mapping[str, Any]) -> RunningProcess:
    if "keys" not in answer:
        return RunningProcess([node.partition("@")[0]], node, None)
    return RunningProcess([queue for queue in answer["queues"] if queue in QUEUES], node, answer["keys"])


def _name(process: str) -> str:
    host, number, _ = process.rsplit(":", 2)
    return f"process {number} on {host}"
