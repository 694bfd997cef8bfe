"""Views of the work queue: dashboard, kanban board, calendar, export."""

from collections.abc import Sequence

from flask import Response
from sqlalchemy.orm import Session

from app.api.tasks.expand import list_named_tasks, with_names
from app.api.tasks.overview_schemas import (
    CalendarOut,
    CalendarQuery,
    DashboardOut,
    DashboardQuery,
    ExportQuery,
    KanbanOut,
    KanbanQuery,
)
from app.api.tasks.queue_schemas import OverdueTasksQuery, QueuedTaskOut, UpcomingTasksQuery
from app.clock import now
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, read_from_replica, reading
from app.http.blueprint import Blueprint
from app.http.downloads import TEXT, WORKBOOK, download
from app.http.schemas.paging import page_of
from app.identity.permissions import Permission
from app.tasks.models import TaskStatus
from app.tasks.queue.calendar import calendar
from app.tasks.queue.dashboard import dashboard
from app.tasks.queue.export import export
from app.tasks.queue.kanban import kanban
from app.tasks.queue.queue import Sort

blp = Blueprint("followup-overview", __name__, url_prefix="/api/followups", description="Views of the work queue.")


@blp.get("/dashboard")
@allow(Permission.LEAD_READ)
@blp.arguments(DashboardQuery)
@blp.response(200, DashboardOut)
def show_dashboard(query: JsonDict) -> JsonDict:
    """Show the figures of the work queue.

    Overdue tasks, tasks due today and this week, rotting leads, completion rate and response time.
    """
    with reading() as session:
        return dashboard(session, actor(), query)


@blp.get("/upcoming")
@allow(Permission.LEAD_READ)
@blp.arguments(UpcomingTasksQuery)
@blp.response(200, page_of(QueuedTaskOut))
def list_upcoming(query: JsonDict) -> Page:
    """List the upcoming tasks across leads.

    Open tasks that are not due yet, ordered by due time.
    """
    return _tasks({**query, "status": [TaskStatus.PENDING, TaskStatus.IN_PROGRESS], "due_from": now()})


@blp.get("/overdue")
@allow(Permission.LEAD_READ)
@blp.arguments(OverdueTasksQuery)
@blp.response(200, page_of(QueuedTaskOut))
def list_overdue(query: JsonDict) -> Page:
    """List the overdue tasks across leads.

    The longest overdue first.
    """
    return _tasks({**query, "status": [TaskStatus.OVERDUE]})


def _tasks(query: JsonDict) -> Page:
    with reading() as session:
        return list_named_tasks(session, actor(), {**query, "sort": Sort.DUE})


@blp.get("/kanban")
@allow(Permission.LEAD_READ)
@blp.arguments(KanbanQuery)
@blp.response(200, KanbanOut)
def show_kanban(query: JsonDict) -> JsonDict:
    """Show the work queue as a kanban board.

    A column for each status with its first tasks. Completed and cancelled tasks are sorted latest first.
    """
    with reading() as session:
        columns = kanban(session, actor(), query)
        return {"columns": _with_names(session, columns, "cards")}


@blp.get("/calendar")
@allow(Permission.LEAD_READ)
@blp.arguments(CalendarQuery)
@blp.response(200, CalendarOut)
def show_calendar(query: JsonDict) -> JsonDict:
    """Show the work queue by days.

    Days begin and end at midnight in the clinic's local time.
    """
    with reading() as session:
        found = calendar(session, actor(), query)
        return {**found, "days": _with_names(session, found["days"], "tasks")}


@blp.get("/export")
@allow(Permission.LEAD_READ)
@blp.arguments(ExportQuery)
@blp.doc(responses=WORKBOOK)
@blp.alt_response(200, schema=TEXT, content_type="text/csv", success=True)
@blp.alt_response(409, "CONFLICT")
def export_tasks(query: JsonDict) -> Response:
    """Download the work queue as a file.

    Takes the filters and orders of the list. The file is CSV in UTF-8, or XLSX. In CSV, values that a spreadsheet would
    run as a formula, such as phone numbers, start with an apostrophe.
    """
    return download(read_from_replica(export, query), "followups", query["format"])


def _with_names(session: Session, groups: Sequence[JsonDict], part: str) -> list[JsonDict]:
    """Return the groups with the names of leads and assignees in their tasks, with one query each for all groups."""
    named = iter(with_names(session, actor(), [task for group in groups for task in group[part]]))
    return [{**group, part: [next(named) for _ in group[part]]} for group in groups]
