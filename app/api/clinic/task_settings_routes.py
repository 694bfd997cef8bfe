"""Routes for the settings of tasks."""

from app.api.clinic.task_settings_schemas import TaskCancellationIn, TaskCancellationOut
from app.core.optimistic_locking import SeenVersions
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.merge_patch import MergePatch
from app.http.preconditions import if_match
from app.identity.permissions import Permission
from app.tasks.lifecycle.cancellation import get_cancellation, set_cancellation

blp = Blueprint(
    "task-settings",
    __name__,
    url_prefix="/api/settings/task-cancellation",
    description="Settings of tasks.",
)


@blp.get("")
@allow(Permission.LEAD_READ)
@blp.response(200, TaskCancellationOut)
def get_task_cancellation() -> JsonDict:
    """Show which reasons for cancelling a task are accepted."""
    with reading() as session:
        return get_cancellation(session, actor())


@blp.put("")
@allow(Permission.LEAD_CONFIGURE)
@blp.arguments(TaskCancellationIn)
@blp.response(200, TaskCancellationOut)
@if_match
def set_task_cancellation(given: JsonDict, seen: SeenVersions) -> JsonDict:
    """Choose whether a reason for cancelling a task is required, and which ones are accepted.

    They apply to tasks that are cancelled from now on, by users, in batches and with API keys. Tasks that a rule or
    the end of a lead cancels, and deleted tasks, have reasons of their own.
    """
    with unit_of_work() as session:
        return set_cancellation(session, actor(), given, seen=seen)


@blp.patch("")
@allow(Permission.LEAD_CONFIGURE)
@blp.merge_patch(TaskCancellationIn, TaskCancellationOut)
@blp.response(200, TaskCancellationOut)
@if_match
def edit_task_cancellation(patch: MergePatch, seen: SeenVersions) -> JsonDict:
    """Edit the reasons for cancelling a task.

    Given fields are replaced; others stay unchanged.
    """
    with unit_of_work() as session:
        given, seen = patch.onto(session, get_cancellation(session, actor()), seen)
        return set_cancellation(session, actor(), given, seen=seen)
