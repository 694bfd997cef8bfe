"""Contact told by tasks: the activity of a completed task, and the call task that an activity answers.

Pure functions, which simulations share, so that a contact has the same consequences whichever way it is told.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta
from typing import Final, Protocol, TypeVar
from uuid import UUID

from app.core.calendar.calendar import Calendar, NeverOpen
from app.core.type_aliases import JsonDict, JsonObject
from app.leads.timeline.models import ANSWERED, ActivityType, Outcome
from app.leads.timeline.vocabulary import WITH_DIRECTION, ContactChannel
from app.tasks.models import TaskType

# The activity of a completed task of these types.
ACTIVITY_OF: Final[Mapping[str, JsonObject]] = {
    TaskType.CALL: {"type": ActivityType.PHONE_CALL},
    TaskType.VIDEO_CALL: {"type": ActivityType.PHONE_CALL, "channel": ContactChannel.VIDEO},
    TaskType.EMAIL: {"type": ActivityType.EMAIL},
    TaskType.SMS: {"type": ActivityType.SMS},
    TaskType.MEETING: {"type": ActivityType.IN_PERSON},
}
# Outcomes that tell of a call, whatever the type of the task.
OF_CALLS: Final = frozenset(
    {Outcome.SPOKE, Outcome.NO_ANSWER, Outcome.VOICEMAIL, Outcome.WRONG_NUMBER}
    | {Outcome.CALLBACK_REQUESTED, Outcome.NOT_INTERESTED}
)


class _Entry(Protocol):
    @property
    def type(self) -> str: ...
    @property
    def channel(self) -> str | None: ...
    @property
    def outcome(self) -> str | None: ...
    @property
    def task_id(self) -> UUID | None: ...


class _OpenTask(Protocol):
    @property
    def id(self) -> UUID: ...
    @property
    def type(self) -> str: ...
    @property
    def due_at(self) -> datetime: ...


TaskT = TypeVar("TaskT", bound=_OpenTask)


def told_activity(task_type: str, data: JsonObject) -> JsonDict | None:
    """Return the activity to log for a completed task (`data`: as `Completion` reads it); None if it tells no contact.

    An outcome tells of a contact attempt, unless `data` has an activity that does. An existing activity (`activity_id`)
    is not logged again.
    """
    outcome, activity = data.get("outcome"), data.get("activity") or {}
    if data.get("activity_id") or not outcome or activity.get("type") in WITH_DIRECTION:
        return None
    if task_type not in ACTIVITY_OF and outcome not in OF_CALLS:
        return None
    about = ACTIVITY_OF.get(task_type, ACTIVITY_OF[TaskType.CALL])
    return {**about, "outcome": outcome, "notes": data.get("notes")}


def answered_task(entry: _Entry, open_tasks: Iterable[TaskT], calendar: Calendar, *, at: datetime) -> TaskT | None:
    """Return the open call task that the activity answers: the first one due on this or, if closed, the next workday.

    A call answers it with any outcome, another activity only if its outcome says that the lead was reached.
    """
    if (wanted := answered_type(entry)) is None:
        return None
    ends = _end_of_workday(calendar, at)
    found = (task for task in open_tasks if task.type == wanted and task.due_at < ends)
    return min(found, key=lambda task: (task.due_at, task.id), default=None)


def answered_type(entry: _Entry) -> TaskType | None:
    """Return the type of the tasks that the activity may answer; None if it answers none, or is that of a task."""
    is_call = entry.type == ActivityType.PHONE_CALL and entry.outcome is not None
    if entry.task_id is not None or not (is_call or entry.outcome in ANSWERED):
        return None
    return TaskType.VIDEO_CALL if entry.channel == ContactChannel.VIDEO else TaskType.CALL


def _end_of_workday(calendar: Calendar, at: datetime) -> datetime:
    try:
        opens = calendar.next_open(at)
    except NeverOpen:
        opens = at
    return calendar.at_wall_time(calendar.local(opens).date() + timedelta(days=1), time.min)
