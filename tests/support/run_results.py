"""Results of a run: outcomes of steps, compared with their effects, the counters and the accepted mails.

results.wait_for({"speed-to-lead": 1000}, patience=40)    # until so many steps of that name have ended
results.check(planned={"speed-to-lead": 1000}, mails=server.accepted)

`check` fails with all differences: steps that are due and open, effects that are missing, repeated or belong to no
step, steps planned twice, outcomes counted twice, mails accepted never or twice. It prints the lateness of the steps.
It reads PostgreSQL as its owner, past the application.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

import psycopg
import pytest
from psycopg.rows import namedtuple_row

from app.ops.embedded import Postgres
from tests.support.processes import wait_until
from tests.support.smtp import Mail

FINAL = ("done", "skipped", "cancelled", "failed", "unknown")
MOST_SHOWN = 15  # differences of one kind

# Effects that a done step of each kind must have, by the names in its outcome.
MAKES = {
    "create_task": ["task_id"],
    "escalate": ["task_id", "notification_ids"],
    "remind": ["notification_ids"],
    "send_message": ["notification_ids"],
    "suggest_lost": ["activity_id"],
    "deliver": [],  # its effect is external: see the mails
}

_STEPS = """
WITH effects AS (
    SELECT step_id, id FROM lead_tasks UNION ALL
    SELECT step_id, id FROM notifications UNION ALL
    SELECT step_id, id FROM lead_activities
), found AS (SELECT step_id, array_agg(id::text) AS ids FROM effects WHERE step_id IS NOT NULL GROUP BY step_id)
SELECT coalesce(s.id, f.step_id)::text AS id, s.name, s.kind, s.state, s.reason, s.error, s.attempts, s.outcome,
    s.due_at, s.due_at <= now() AS is_due, s.published_at, s.finished_at,
    extract(epoch FROM s.finished_at - s.due_at)::float AS late, coalesce(f.ids, '{}') AS effects
FROM steps s FULL JOIN found f ON f.step_id = s.id ORDER BY s.due_at, s.id
"""
_ENDED = "SELECT name, count(*) FILTER (WHERE state = ANY(%s)) AS ended FROM steps GROUP BY name"
_OPEN = "SELECT count(*) AS steps FROM steps WHERE due_at <= now() AND state <> ALL(%s)"
_PUBLISHED = "SELECT count(*) AS steps FROM steps WHERE state = 'published'"
_PLANNED_TWICE = """
SELECT name, kind, cause ->> 'subject_id' AS subject, count(*) AS times FROM steps WHERE cause ? 'rule'
GROUP BY 1, 2, 3 HAVING count(*) > 1
"""
_COUNTED = """
SELECT labels::jsonb ->> 'kind' AS kind, labels::jsonb ->> 'outcome' AS outcome, sum(value)::int AS ends
FROM counters WHERE metric = 'steps' GROUP BY 1, 2
"""
_MAILS = """
SELECT n.id::text, n.state, n.message_id, n.attempts, count(d.id) AS tries,
    count(d.id) FILTER (WHERE d.outcome = 'sent') AS sent
FROM notifications n LEFT JOIN deliveries d ON d.notification_id = n.id
WHERE n.channel = 'email' GROUP BY n.id
"""


@dataclass(frozen=True)
class RunResults:
    """Reads the database of a test."""

    postgres: Postgres
    database: str = "relance"

    def ended(self) -> Counter[str]:
        """Return the number of steps in a final state by name."""
        return Counter({row.name: row.ended for row in self._ask(_ENDED, [list(FINAL)])})

    def ends(self) -> Counter[tuple[str, str, str | None]]:
        """Return the number of steps by name, state and reason."""
        return Counter((step.name, step.state, step.reason) for step in self.steps())

    def due_and_open(self) -> int:
        """Return the number of steps that are due and not in a final state."""
        return int(self._ask(_OPEN, [list(FINAL)])[0].steps)

    def published(self) -> int:
        """Return the number of steps whose messages were sent and that have not run."""
        return int(self._ask(_PUBLISHED)[0].steps)

    def leads(self) -> set[str]:
        """Return the ids of all leads."""
        return {row.id for row in self._ask("SELECT id::text FROM leads")}

    def refused(self) -> int:
        """Return the number of steps in messages that had already run."""
        return int(self._ask("SELECT coalesce(sum(value), 0) AS n FROM counters WHERE metric = 'refused'")[0].n)

    def wait_for(self, ended: Mapping[str, int], patience: float = 120) -> None:
        """Wait until at least so many steps of these names have ended, and no due step is open."""
        try:
            wait_until(lambda: self._has_settled(ended), patience, f"{dict(ended)} to have ended")
        except pytest.fail.Exception as waited:
            pytest.fail(f"{waited.msg}\n{self.summary()}\n" + "\n".join(self.differences()))

    def check(
        self,
        *,
        planned: Mapping[str, int] | None = None,
        mails: Collection[Mail] | None = None,
    ) -> None:
        """Assert that due steps ended once, with their effects once, and that so many have these names."""
        print(f"\n{self.summary()}")
        wrong = list(self.differences(mails))
        names = Counter(step.name for step in self.steps())
        wrong += [f"{names[name]} × {name} instead of {n}" for name, n in (planned or {}).items() if names[name] != n]
        assert not wrong, "the results differ:\n" + "\n".join(wrong)

    def differences(self, mails: Collection[Mail] | None = None) -> Iterator[str]:
        """Yield the differences as lines of text."""
        steps = self.steps()
        yield from _shorten("due and open", [_show(s) for s in steps if s.is_due and s.state not in FINAL])
        yield from _shorten("effects of no step", [f"{s.id} {s.effects}" for s in steps if s.name is None])
        yield from _shorten("effects not as recorded", [_show(s) for s in steps if s.name and not _is_even(s)])
        yield from _shorten("planned twice", [str(row) for row in self._ask(_PLANNED_TWICE)])
        yield from _shorten("ends counted otherwise", self._miscounted(steps))
        yield from _shorten("mails not as recorded", self._mails_astray(mails))

    def steps(self) -> list[Any]:
        """Return all steps with the ids of their effects, and effects whose step does not exist."""
        return self._ask(_STEPS)

    def summary(self) -> str:
        """Return the outcomes and the lateness of steps by name, as text."""
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for step in self.steps():
            counts[step.name][f"{step.state} ({step.reason})" if step.reason else step.state] += 1
        late = self._lateness()
        return "\n".join(
            f"results: {name:24} {', '.join(f'{n} {state}' for state, n in states.items()):32} {_spread(late[name])}"
            for name, states in counts.items()
        )

    def _lateness(self) -> Mapping[str, list[float]]:
        late: dict[str, list[float]] = defaultdict(list)
        for step in self.steps():
            if step.state in {"done", "skipped"}:
                late[step.name].append(step.late)
        return late

    def _has_settled(self, ended: Mapping[str, int]) -> bool:
        try:
            found, still_open = self.ended(), self.due_and_open()
        except psycopg.OperationalError:
            return False  # the server restarts
        return not still_open and all(found[name] >= number for name, number in ended.items())

    def _miscounted(self, steps: list[Any]) -> list[str]:
        """Compare counters with outcomes. A repeated outcome is counted twice."""
        counted = {(row.kind, row.outcome): row.ends for row in self._ask(_COUNTED)}
        ran = [step for step in steps if step.reason != "by_hand"]  # those a person ended
        are = Counter((step.kind, {"done": "done", "skipped": "skip"}.get(step.state)) for step in ran)
        return [
            f"{kind} {outcome}: counted {counted.get((kind, outcome), 0)}, there are {are[kind, outcome]}"
            for kind in MAKES
            for outcome in ("done", "skip")
            if counted.get((kind, outcome), 0) != are[kind, outcome]
        ]

    def _mails_astray(self, mails: Collection[Mail] | None) -> list[str]:
        rows = self._ask(_MAILS)
        astray = [str(row) for row in rows if row.sent != (row.state == "sent") or row.tries != row.attempts]
        if mails is None:
            return astray
        taken = Counter(mail.message["Message-ID"] for mail in mails)
        astray += [f"taken {taken[row.message_id]} ×: {row}" for row in rows if taken[row.message_id] != row.sent]
        return astray + [f"mail of no notification: {m}" for m in taken if m not in {row.message_id for row in rows}]

    def _ask(self, query: str, values: list[Any] | None = None) -> list[Any]:
        with self.postgres.connect(self.database) as owner:
            return owner.cursor(row_factory=namedtuple_row).execute(query, values).fetchall()


def _is_even(step: Any) -> bool:
    """Tell whether the recorded effects are those in the tables. A step that is not done has none."""
    outcome = step.outcome or {}
    if step.state == "done" and not all(outcome.get(name) for name in MAKES.get(step.kind, [])):
        return False
    return sorted(_ids(outcome)) == sorted(step.effects)


def _ids(outcome: Mapping[str, Any]) -> list[str]:
    return [
        *([outcome["task_id"]] if "task_id" in outcome else []),
        *([outcome["activity_id"]] if "activity_id" in outcome else []),
        *outcome.get("notification_ids", []),
    ]


def _show(step: Any) -> str:
    return (
        f"{step.name} {step.id} {step.state} due {step.due_at:%H:%M:%S.%f} published {step.published_at}"
        f" tried {step.attempts} × {step.reason or ''} {step.error or ''} says {step.outcome} made {step.effects}"
    )


def _spread(late: list[float]) -> str:
    if not late:
        return ""
    p50, p99 = (sorted(late)[ceil(len(late) * part) - 1] for part in (0.5, 0.99))
    return f"late: p50 {p50:.3f} s, p99 {p99:.3f} s, max {max(late):.3f} s"


def _shorten(title: str, found: list[str]) -> Iterator[str]:
    if found:
        yield f"{title} ({len(found)}):"
        yield from (f"    {line}" for line in found[:MOST_SHOWN])
