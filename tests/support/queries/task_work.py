"""Queries of the task queue, with the indexes they use."""

from app.tasks.models import OPEN_TASKS
from app.tasks.queue.calendar import calendar
from app.tasks.queue.dashboard import dashboard
from app.tasks.queue.kanban import kanban
from app.tasks.workload.follow_up_settings import preview_retention
from tests.support.queries.query import Query, page_of
from tests.support.queries.task_calls import queue

TASK_WORK: dict[str, Query] = {
    "dashboard": (
        lambda s, large: dashboard(s, large.actor, {}),
        {"ix_lead_tasks_by_status", "ix_leads_rotting"},
    ),
    "preview of the retention": (
        lambda s, large: preview_retention(s, large.actor, 365),
        {"ix_leads_closed", "ix_lead_tasks_lead", "ix_lead_activities_timeline"},
    ),
    "my dashboard": (
        lambda s, large: dashboard(s, large.actor, {"assigned_to_id": "me"}),
        {"ix_lead_tasks_mine", "ix_leads_assigned"},
    ),
    "queue as a kanban board": (
        lambda s, large: kanban(s, large.actor, {"cards": 20}),
        {"ix_lead_tasks_falling_due", "ix_lead_tasks_by_status"},
    ),
    "queue as a calendar": (
        lambda s, large: calendar(s, large.actor, {"per_day": 20}),
        {"ix_lead_tasks_falling_due", "ix_lead_tasks_by_status"},
    ),
    "queue of rotting leads": (page_of(queue, rotting=True), set()),
    "queue of leads that do not rot": (page_of(queue, rotting=False), {"ix_leads_rotting", "ix_lead_tasks_lead"}),
    "queue by type": (page_of(queue, type=["SMS"], status=OPEN_TASKS), {"ix_lead_tasks_falling_due"}),
    "queue by priority": (page_of(queue, priority=["URGENT"]), {"ix_lead_tasks_falling_due"}),
    "queue by tag": (page_of(queue, tag="vip"), {"pk_lead_tasks"}),
    "queue by a rare word": (page_of(queue, q="invoice"), {"pk_lead_tasks"}),
    "queue by a frequent word": (page_of(queue, q="call", status=OPEN_TASKS), {"ix_lead_tasks_falling_due"}),
    "queue by words of a rule": (
        page_of(queue, q="cal", status=OPEN_TASKS),
        {"ix_lead_tasks_falling_due"},
    ),
}
