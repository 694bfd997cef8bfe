"""Routes of one task, served at two addresses: `/api/leads/tasks/{task_id}` and `/api/followups/{task_id}`."""

from typing import Final
from uuid import UUID

from app.api.tasks.schemas import AssignedTaskOut, Cancellation, Completion, Snooze, TaskChanges, TaskOut
from app.core.optimistic_locking import SeenVersions
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.preconditions import if_match
from app.identity.permissions import Permission
from app.tasks import service
from app.tasks.workload.assignment_warnings import with_warnings

_MOVES: Final = frozenset({"assigned_to_id", "due_at"})  # after a change of these, the user may not get to the task


def add_task_routes(blp: Blueprint, path: str, *, title: str = "a task") -> None:
    """Add the routes to show, edit, complete, cancel and snooze a task at `path`, which contains `<uuid:task_id>`.

    `title` names the task in the summaries, because each summary of the API documentation is unique.
    """

    @blp.get(path)
    @allow(Permission.LEAD_READ)
    @blp.doc(summary=f"Show {title}.")
    @blp.response(200, TaskOut)
    def get_task(task_id: UUID) -> object:
        with reading() as session:
            return service.read_task(session, actor(), task_id)

    @blp.put(path)
    @allow(Permission.LEAD_UPDATE)
    @blp.doc(summary=f"Edit {title}, at its published path.", description=_PUT)
    @blp.arguments(TaskChanges, lookups=service.check_change)
    @blp.response(200, AssignedTaskOut)
    @blp.alt_response(409, "CONFLICT")
    @if_match
    def update_task(given: JsonDict, task_id: UUID, seen: SeenVersions) -> object:
        return _change(given, task_id, seen)

    @blp.patch(path)
    @allow(Permission.LEAD_UPDATE)
    @blp.doc(summary=f"Edit {title}.", description=_EDIT)
    @blp.arguments(TaskChanges, lookups=service.check_change)
    @blp.response(200, AssignedTaskOut)
    @blp.alt_response(409, "CONFLICT")
    @if_match
    def edit_task(given: JsonDict, task_id: UUID, seen: SeenVersions) -> object:
        return _change(given, task_id, seen)

    @blp.post(f"{path}/complete")
    @allow(Permission.LEAD_UPDATE)
    @blp.doc(summary=f"Complete {title}.", description=_COMPLETE)
    @blp.arguments(Completion, lookups=service.check_completion, required=False)
    @blp.response(200, TaskOut)
    @blp.alt_response(409, "CONFLICT")
    def complete(given: JsonDict, task_id: UUID) -> object:
        with unit_of_work() as session:
            return service.complete(session, actor(), task_id, given)

    @blp.post(f"{path}/cancel")
    @allow(Permission.LEAD_UPDATE)
    @blp.doc(summary=f"Cancel {title}.", description=_CANCEL)
    @blp.arguments(Cancellation, lookups=service.check_cancellation, required=False)
    @blp.response(200, TaskOut)
    @blp.alt_response(409, "CONFLICT")
    def cancel(given: JsonDict, task_id: UUID) -> object:
        with unit_of_work() as session:
            return service.cancel(session, actor(), task_id, given)

    @blp.post(f"{path}/snooze")
    @allow(Permission.LEAD_UPDATE)
    @blp.doc(summary=f"Snooze {title}.", description=_SNOOZE)
    @blp.arguments(Snooze)
    @blp.response(200, TaskOut)
    @blp.alt_response(409, "CONFLICT")
    def snooze(given: JsonDict, task_id: UUID) -> object:
        with unit_of_work() as session:
            return service.snooze(session, actor(), task_id, given)


_EDIT = "Given fields are replaced; others stay unchanged. Changing the due time moves the reminders."
_PUT = "As `PATCH`, and unlike other PUTs: fields that are left out stay unchanged. New programs use `PATCH`."
_COMPLETE = "A second call returns 409. An `activity` in the body is logged in the same transaction."
_CANCEL = "The clinic may require a `reason`, or accept some only: see `GET /api/settings/task-cancellation`."
_SNOOZE = "Its reminders move with it."


def _change(given: JsonDict, task_id: UUID, seen: SeenVersions) -> object:
    with unit_of_work() as session:
        task = service.update_task(session, actor(), task_id, given, seen=seen)
        return with_warnings(session, actor(), task) if _MOVES & given.keys() else task
