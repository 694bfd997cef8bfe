"""Figures of follow-ups equal a brute-force count of random tasks, and link to exactly these tasks."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from werkzeug.datastructures import MultiDict

from app.analytics.work.follow_ups import follow_up_report
from app.api.tasks.queue_schemas import QueueQuery
from app.core.db import transaction
from app.identity.models import Role
from app.leads.privacy.service import erase_lead
from app.tasks.queue.queue import list_tasks
from tests.support.desk import the_app
from tests.support.lead_histories import utc
from tests.support.practice import Practice, Watch
from tests.support.rolling_up import roll_up_tasks

pytest_plugins = ["tests.support.practice"]

METRICS = {
    "due_tasks": {"on_time", "late", "overdue", "upcoming"},
    "completed_on_time": {"on_time"},
    "completed_late": {"late"},
    "overdue_tasks": {"overdue"},
    "upcoming_tasks": {"upcoming"},
}


class KnownTask(NamedTuple):
    id: UUID
    assignee: UUID
    type: str
    due_at: datetime
    completion: str  # empty: cancelled, or of an erased lead


@pytest.mark.parametrize("rolled_up", [False, True])
@pytest.mark.parametrize(
    ("zone", "begin"),
    [
        ("America/New_York", "2026-03-07T05:00"),  # a day of 23 hours
        ("Africa/Cairo", "2026-04-22T22:00"),  # clocks go forward at midnight
        ("Australia/Lord_Howe", "2026-04-03T13:00"),  # clocks go back by half an hour
    ],
)
def test_figures_of_follow_ups_equal_a_brute_force_count(
    open_practice: Callable[..., Practice], watch: Watch, zone: str, begin: str, *, rolled_up: bool
):
    watch.set(utc(begin))
    practice = open_practice(timezone=zone)
    tasks = random_tasks(practice, watch, begin=utc(begin))
    if rolled_up:
        roll_up_tasks()
        assert len(practice.rows("task_rollup_days", by="starts_at")) == 3
    first = utc(begin).astimezone(ZoneInfo(zone)).date()
    query = {"from_": first, "to": first + timedelta(days=5), "by": "day", "rows": "assignee"}
    with transaction() as session:
        found = follow_up_report(session, practice.actor(), query)
        in_one = follow_up_report(session, practice.actor(), {**query, "by": "month"})
        by_lead = follow_up_report(session, practice.actor(), {**query, "source_id": practice.source_id})
        by_type = follow_up_report(session, practice.actor(), {**query, "rows": "type"})
    assert in_one["rows"] == found["rows"]
    for part in (found, *found["buckets"], by_lead, *by_lead["buckets"], by_type, *by_type["buckets"]):
        for row in part["rows"]:
            expected = of_days(tasks, part["from_"], part["to"], ZoneInfo(zone))
            check(practice, row, expected, with_lists=part in (found, by_type))


def random_tasks(practice: Practice, watch: Watch, *, begin: datetime) -> list[KnownTask]:
    """Plan tasks of six days; complete some on time and some late, cancel some, and erase a lead."""
    chance = random.Random(begin.isoformat())
    leads = [practice.capture() for _ in range(4)]
    people = [practice.people[role] for role in (Role.TREATMENT_COORDINATOR, Role.MANAGER)]
    end, found = begin + timedelta(days=4, hours=7), []
    for _ in range(24):
        watch.set(begin)
        lead, assignee, due = chance.choice(leads), chance.choice(people), chance.randint(1, 6 * 24 * 60)
        due_at = begin + timedelta(minutes=due)
        type_ = chance.choice(["CALL", "EMAIL", "VISA_STATUS"])
        task_id = practice.plan(lead, due_at, assigned_to_id=assignee, type=type_)
        act, at = chance.choice(["complete", "complete", "cancel", "leave"]), begin + chance.random() * (end - begin)
        watch.set(at)
        if act == "complete":
            practice.complete(task_id)
        elif act == "cancel":
            practice.cancel(task_id)
        completed = "on_time" if at <= due_at else "late"
        is_open = "overdue" if due_at < end else "upcoming"
        known = {"complete": completed, "cancel": "", "leave": is_open}[act]
        found.append(KnownTask(task_id, assignee, type_, due_at, "" if lead == leads[0] else known))
    watch.set(end)
    with transaction() as session:
        erase_lead(session, practice.actor(), leads[0], reason="They asked.")
    return found


def of_days(tasks: list[KnownTask], first: date, end: date, zone: ZoneInfo) -> list[KnownTask]:
    return [one for one in tasks if one.completion and first <= one.due_at.astimezone(zone).date() < end]


def check(practice: Practice, row: dict[str, Any], tasks: list[KnownTask], *, with_lists: bool) -> None:
    of_row = [one for one in tasks if row["key"] in (one.assignee, one.type)]
    counts = Counter(one.completion for one in of_row)
    figures = {figure["metric"]: figure for figure in row["figures"]}
    for name, wanted in METRICS.items():
        assert figures[name]["leads"] == sum(counts[one] for one in wanted), (name, row, of_row)
        ids = {one.id for one in of_row if one.completion in wanted}
        assert not with_lists or listed(practice, figures[name]["drill"]) == ids
    completed, wanted_tasks = counts["on_time"] + counts["late"], sum(counts.values()) - counts["upcoming"]
    assert figures["completion_rate"]["value"] == (completed / wanted_tasks if wanted_tasks else None)
    assert figures["on_time_rate"]["value"] == (counts["on_time"] / wanted_tasks if wanted_tasks else None)


def listed(practice: Practice, drill: str) -> set[UUID]:
    """Return the ids of the tasks in the list that a figure links to."""
    url = urlsplit(drill)
    assert url.path == "/api/followups"
    with the_app().test_request_context():
        query = QueueQuery().read(MultiDict(parse_qsl(url.query)))
    with transaction() as session:
        return {task.id for task in list_tasks(session, practice.actor(), {**query, "limit": 100}).items}
