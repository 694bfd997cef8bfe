"""Report of late steps after a downtime."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner

from app.clock import now
from app.ops.cli import relance
from tests.support.desk import Desk

pytest_plugins = ["tests.support.desk"]

PATH = "/api/automation/lateness"
HOUR = timedelta(hours=1)


@pytest.fixture
def noon() -> datetime:
    """A full minute some hours ago."""
    return now().replace(second=0, microsecond=0) - 6 * HOUR


def ran(desk: Desk, lead: dict[str, Any], due_at: datetime, after: timedelta | None, **more: Any) -> str:
    """Insert a step due then that ended after the delay (None: it is pending), and return its id."""
    values = {"state": "published" if after is None else "done", "reason": None, "name": "call", **more}
    [row] = desk.sql(
        "INSERT INTO steps (id, clinic_id, lead_id, kind, name, cause, params, stop_on, due_at, state, reason,"
        " attempts, created_at, finished_at) VALUES (gen_random_uuid(), :c, :l, 'create_task', :name, '{}', '{}',"
        " '{}', :due, :state, :reason, 1, :due, :finished) RETURNING id",
        c=desk.clinic_id,
        l=lead["id"],
        due=due_at,
        finished=None if after is None else due_at + after,
        **values,
    )
    return str(row.id)


def report(desk: Desk, **query: Any) -> dict[str, Any]:
    answer = desk.admin.get(PATH, **{name: at.isoformat() for name, at in query.items()})
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.body
    return found


def line(found: dict[str, Any], name: str = "call") -> dict[str, Any]:
    [one] = [one for one in found["rules"] if one["name"] == name]
    return one  # type: ignore[no-any-return]


def test_downtime_is_reported_with_its_late_steps(desk: Desk, noon: datetime):
    lead = desk.capture()
    ran(desk, lead, noon, timedelta(seconds=1))
    first = ran(desk, lead, noon + HOUR / 2, 2 * HOUR)
    ran(desk, lead, noon + HOUR, 1.5 * HOUR)
    last = ran(desk, lead, noon + 2 * HOUR, HOUR / 2)
    ran(desk, lead, noon + HOUR, 1.5 * HOUR, state="skipped", reason="too_late")
    ran(desk, lead, noon + HOUR, 1.5 * HOUR, state="skipped", reason="replied")
    ran(desk, lead, noon + HOUR, 1.5 * HOUR, state="failed")
    ran(desk, lead, noon + HOUR, HOUR / 10, state="cancelled", reason="replied")  # a person did that, and no worker
    ran(desk, lead, noon + 4 * HOUR, timedelta(seconds=59))
    found = report(desk, since=noon - HOUR, until=noon + 5 * HOUR)
    one = line(found)
    counts = {name: one[name] for name in ("on_time", "late", "too_late", "skipped", "failed", "overdue", "put_off")}
    assert counts == {"on_time": 2, "late": 3, "too_late": 1, "skipped": 1, "failed": 1, "overdue": 0, "put_off": {}}
    assert (one["p50_seconds"], one["longest_seconds"]) == (5400, 7200)
    assert (one["first_late"]["id"], one["last_late"]["id"]) == (first, last)
    assert one["first_late"]["link"] == f"/api/leads/{lead['id']}/why?step={first}"
    [gap] = found["gaps"]
    assert (datetime.fromisoformat(gap["since"]), datetime.fromisoformat(gap["until"])) == (noon, noon + 2.5 * HOUR)
    assert gap["waiting"] == 4
    assert gap["because"].endswith("while 4 steps were due.")


def test_waiting_steps_are_reported_with_the_start_of_the_downtime(desk: Desk, noon: datetime):
    lead = desk.capture()
    ran(desk, lead, noon, timedelta())
    first, last = (ran(desk, lead, noon + hours * HOUR, None) for hours in (1, 2))
    ran(desk, lead, now() + HOUR, None)
    found = report(desk)
    one = line(found)
    assert (one["overdue"], one["first_overdue"]["id"], one["last_overdue"]["id"]) == (2, first, last)
    [gap] = found["gaps"]
    assert (datetime.fromisoformat(gap["since"]), gap["waiting"]) == (noon, 2)


def test_snoozed_steps_are_reported_with_reasons(desk: Desk):
    lead = desk.capture()
    for reason in ("rule_paused", "rule_paused", "outside_hours"):
        ran(desk, lead, now() + HOUR, None, reason=reason)
    ran(desk, lead, now() + HOUR, None)
    assert line(report(desk))["put_off"] == {"rule_paused": 2, "outside_hours": 1}


def test_each_rule_and_kind_has_a_line_ordered_by_lateness(desk: Desk, noon: datetime):
    lead = desk.capture()
    ran(desk, lead, noon, timedelta(), name="punctual")
    for name, times in (("tardy", 1), ("worst", 2)):
        for _ in range(times):
            ran(desk, lead, noon, HOUR, name=name)
    named = [one["name"] for one in report(desk)["rules"]]
    assert [name for name in named if name in {"tardy", "worst", "punctual"}] == ["worst", "tardy", "punctual"]


def test_report_contains_only_the_own_clinic(desk: Desk, other_desk: Desk, noon: datetime):
    lead = other_desk.capture(phone="+12125550143")
    ran(other_desk, lead, noon, HOUR)
    ran(other_desk, lead, noon, None)
    assert (report(desk)["rules"], report(desk)["gaps"]) == ([], [])


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"since": "2026-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z"}, "/since"),
        ({"since": "2026-03-01T00:00:00Z", "until": "2026-03-08T00:00:01Z"}, "/since"),
        ({"since": "yesterday"}, "/since"),
        ({"begin": "2026-03-01T00:00:00Z"}, "/begin"),
    ],
)
def test_invalid_period_is_refused(desk: Desk, query: dict[str, str], pointer: str):
    assert desk.admin.get(PATH, **query).pointers == [pointer]


def test_command_line_prints_the_same_report(desk: Desk, noon: datetime):
    lead = desk.capture()
    ran(desk, lead, noon, timedelta())
    ran(desk, lead, noon + HOUR, HOUR)
    since = (noon - HOUR).isoformat()
    told = CliRunner().invoke(relance, ["steps", "late", "--since", since, "--json"])
    assert told.exit_code == 0, told.output
    [clinic] = json.loads(told.output)
    assert (clinic["rules"][0]["late"], clinic["gaps"][0]["waiting"]) == (1, 1)
    words = CliRunner().invoke(relance, ["steps", "late", "--since", since]).output
    assert f"A clinic: {clinic['gaps'][0]['because']}" in words
    assert CliRunner().invoke(relance, ["steps", "late", "--clinic", "nowhere"]).exit_code != 0
