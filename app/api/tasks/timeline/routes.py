"""Routes that link tasks and the timeline: notes about a task, and tasks created from a timeline entry."""

from uuid import UUID

from app.api.activities.schemas import ActivityOut
from app.api.tasks.schemas import AssignedTaskOut
from app.api.tasks.timeline.schemas import TaskFromEntryIn, TaskNoteIn, TaskNotesQuery
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.schemas.paging import page_of
from app.identity.permissions import Permission
from app.tasks import timeline_links
from app.tasks.workload.assignment_warnings import with_warnings

blp = Blueprint("task-links", __name__, url_prefix="/api", description="Links between tasks and the timeline.")


@blp.get("/followups/<uuid:task_id>/notes")
@allow(Permission.LEAD_READ)
@blp.arguments(TaskNotesQuery)
@blp.response(200, page_of(ActivityOut))
def list_notes(query: JsonDict, task_id: UUID) -> Page:
    """List the notes about a task.

    They are entries of the lead's timeline. Oldest first, unless `sort` is given.
    """
    with reading() as session:
        return timeline_links.notes_of_task(session, actor(), task_id, query)


@blp.post("/followups/<uuid:task_id>/notes")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(TaskNoteIn, lookups=timeline_links.check_note)
@blp.response(201, ActivityOut)
@blp.alt_response(409, "CONFLICT")
def add_note(given: JsonDict, task_id: UUID) -> object:
    """Write a note about a task.

    It appears on the lead's timeline. Tasks of any status can have notes. Mentioned colleagues get a notice.
    """
    with unit_of_work() as session:
        return timeline_links.add_note(session, actor(), task_id, given)


@blp.post("/leads/<uuid:lead_id>/activities/<uuid:entry_id>/tasks")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(TaskFromEntryIn, lookups=timeline_links.check_task_from_entry)
@blp.response(201, AssignedTaskOut)
@blp.alt_response(409, "CONFLICT")
def create_task_from_entry(given: JsonDict, lead_id: UUID, entry_id: UUID) -> object:
    """Create a task from a timeline entry.

    The task has the entry's id as `related_activity_id`; the entry lists the task in `follow_ups`. Notes of the entry
    are not copied. With `template_id`, missing fields come from the template.
    """
    with unit_of_work() as session:
        task = timeline_links.create_from_entry(session, actor(), given, lead_id=lead_id, entry_id=entry_id)
        return with_warnings(session, actor(), task)
