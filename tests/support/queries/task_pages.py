"""Queries of one page about tasks, with the indexes they use."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from sqlalchemy.orm import Session

from app.leads.activities.service import TimelineSort
from app.tasks import service as tasks
from app.tasks import timeline_links
from app.tasks.lead_activities import service as lead_activities
from app.tasks.models import OPEN_TASKS, TaskStatus
from tests.support.large_clinic import LargeClinic, now
from tests.support.queries.query import PAGE, Query, page_of
from tests.support.queries.task_calls import queue


def my_tasks(session: Session, large: LargeClinic, query: Any) -> Any:
    return tasks.my_tasks(session, large.actor, query)


def overdue_tasks(session: Session, large: LargeClinic, query: Any) -> Any:
    return tasks.overdue_tasks(session, large.actor, query)


def all_lead_activities(session: Session, large: LargeClinic, query: Any) -> Any:
    return lead_activities.list_all(session, large.actor, query)


def notes_of_task(session: Session, large: LargeClinic) -> Any:
    query = {**PAGE, "sort": TimelineSort.OLDEST}
    return timeline_links.notes_of_task(session, large.actor, large.other["task"], query)


def tasks_from_entries(session: Session, large: LargeClinic) -> Any:
    return timeline_links.with_follow_ups(session, [SimpleNamespace(id=uuid4()) for _ in range(50)])


TASK_PAGES: dict[str, Query] = {
    "task": (
        lambda s, large: tasks.read_task(s, large.actor, large.other["task"]),
        {"pk_lead_tasks"},
    ),
    "notes of a task": (notes_of_task, {"ix_lead_activities_task_notes"}),
    "tasks from entries": (tasks_from_entries, {"ix_lead_tasks_related_activity"}),
    "upcoming tasks": (
        page_of(queue, status=[TaskStatus.PENDING, TaskStatus.IN_PROGRESS], due_from=now()),
        {"ix_lead_tasks_falling_due"},
    ),
    "my tasks": (page_of(my_tasks), {"ix_lead_tasks_mine"}),
    "my tasks until tomorrow": (page_of(my_tasks, due_before=now() + timedelta(days=1)), {"ix_lead_tasks_mine"}),
    "my completed tasks": (page_of(my_tasks, status="COMPLETED"), {"ix_lead_tasks_mine_by_status"}),
    "my tasks by status": (page_of(my_tasks, status="OVERDUE"), {"ix_lead_tasks_mine"}),
    "overdue tasks": (page_of(overdue_tasks), {"ix_lead_tasks_by_status"}),
    "my overdue tasks": (page_of(overdue_tasks, assigned_to_id="me"), {"ix_lead_tasks_mine"}),
    "queue": (page_of(queue), {"ix_lead_tasks_falling_due", "ix_lead_tasks_by_status"}),
    "queue, descending": (page_of(queue, sort="-due_at"), {"ix_lead_tasks_falling_due", "ix_lead_tasks_by_status"}),
    "queue, newest first": (page_of(queue, sort="-created_at"), {"ix_lead_tasks_made"}),
    "queue by priority": (page_of(queue, sort="-priority"), {"ix_lead_tasks_urgent"}),
    "queue of a user by priority": (page_of(queue, sort="-priority", assigned_to_id="me"), set()),
    "queue of open tasks": (page_of(queue, status=OPEN_TASKS), {"ix_lead_tasks_falling_due"}),
    "queue of tasks in progress": (page_of(queue, status=[TaskStatus.IN_PROGRESS]), {"ix_lead_tasks_by_status"}),
    "queue of completed tasks": (page_of(queue, status=[TaskStatus.COMPLETED]), {"ix_lead_tasks_by_status"}),
    "queue of a user": (page_of(queue, assigned_to_id="me"), {"ix_lead_tasks_mine"}),
    "queue by creator": (page_of(queue, created_by="me"), {"ix_lead_tasks_made_by"}),
    "queue of a week": (
        page_of(queue, due_from=now(), due_to=now() + timedelta(days=7), status=OPEN_TASKS),
        {"ix_lead_tasks_falling_due"},
    ),
    "queue of tasks completed late": (
        page_of(queue, completion=["late"], due_from=now() - timedelta(days=7), due_to=now()),
        {"ix_lead_tasks_by_status"},
    ),
    "queue by stage": (page_of(queue, stage="contacted"), set()),
    "queue by source": (page_of(queue, source_id=lambda large: large.practice.source_id), set()),
    "pinned tasks": (page_of(queue, pinned=True), {"ix_lead_tasks_pinned"}),
    "lead activities": (page_of(all_lead_activities), {"ix_lead_tasks_made", "ix_lead_activities_clinic"}),
    "activities of a lead": (
        page_of(lambda s, large, query: lead_activities.of_lead(s, large.actor, large.lead, query), limit=1),
        {"ix_lead_tasks_lead", "ix_lead_activities_timeline"},
    ),
}
