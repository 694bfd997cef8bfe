"""Contact told by tasks: the activity of a completed task, and the tasks that a contact answers.

Pure functions, which simulations share, so that a contact has the same consequences whichever way it is told.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta
from typing import Final, NamedTuple, Protocol, TypeVar
from uuid import UUID

from app.core.calendar.calendar import Calendar, NeverOpen
from app.core.type_aliases import JsonDict, JsonObject
from app.leads.activities.effects import LoggedActivity, is_contact
from app.leads.timeline.models import FAILED_ATTEMPTS, ActivityType, Outcome
from app.leads.timeline.vocabulary import WITH_DIRECTION, ContactChannel, outcome_mistake
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


_REACHED: Final = frozenset({Outcome.SPOKE, Outcome.CALLBACK_REQUESTED, Outcome.NOT_INTERESTED, Outcome.CONVERTED})


class _OpenTask(Protocol):
    @property
    def id(self) -> UUID: ...
    @property
    def type(self) -> str: ...
    @property
    def due_at(self) -> datetime: ...
    @property
    def asks_for_contact(self) -> bool: ...


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


def completion_mistake(task_type: str, data: JsonObject) -> str | None:
    """Return why the completed task cannot have its outcome (`data`: as `Completion` reads it); None if it can.

    It fits the activity in `data`, and says nothing else than this about whether the lead was reached. Without such an
    activity it fits the activity that a task of this type tells.
    """
    outcome, activity = data.get("outcome"), data.get("activity") or {}
    if not outcome or data.get("activity_id"):
        return None
    if activity.get("type") in WITH_DIRECTION:
        logged = activity.get("outcome")
        if any(
            outcome in one and logged in other
            for one, other in ((_REACHED, FAILED_ATTEMPTS), (FAILED_ATTEMPTS, _REACHED))
        ):
            return f"The activity says {logged}."
        return outcome_mistake(activity["type"], outcome)
    return outcome_mistake(ACTIVITY_OF[task_type]["type"], outcome) if task_type in ACTIVITY_OF else None


class Answer(NamedTuple):
    """The open tasks of a lead that an activity, or a stage that tells a contact, answers."""

    call: TaskType | None  # the type of the call task, if it answers one
    is_contact: bool  # it answers all tasks that ask for contact
    task_id: UUID | None = None  # the task whose completion tells it


CONTACT_BY_STAGE: Final = Answer(TaskType.CALL, is_contact=True)
CONTACT_BY_DUPLICATE: Final = Answer(None, is_contact=True)  # of a lead that is merged with this one


def answer_of(entry: LoggedActivity) -> Answer:
    """Return what the activity answers. A call answers a call task with any outcome, other activities by contact.

    The activity of a completed task answers no other call task.
    """
    told = is_contact(entry)
    is_call = entry.type == ActivityType.PHONE_CALL and entry.outcome is not None
    if entry.task_id is not None or not (is_call or told):
        return Answer(None, told, entry.task_id)
    return Answer(TaskType.VIDEO_CALL if entry.channel == ContactChannel.VIDEO else TaskType.CALL, told)


def answered_tasks(answer: Answer, open_tasks: Iterable[TaskT], calendar: Calendar, *, at: datetime) -> list[TaskT]:
    """Return the answered tasks: those that ask for contact, and the first call due on this or the next workday.

    The next workday counts while the clinic is closed.
    """
    others = sorted((one for one in open_tasks if one.id != answer.task_id), key=lambda task: (task.due_at, task.id))
    ends = _end_of_workday(calendar, at) if answer.call else at
    call = next((task for task in others if task.type == answer.call and task.due_at < ends), None)
    return [task for task in others if task is call or (answer.is_contact and task.asks_for_contact)]


def _end_of_workday(calendar: Calendar, at: datetime) -> datetime:
    try:
        opens = calendar.next_open(at)
    except NeverOpen:
        opens = at
    return calendar.at_wall_time(calendar.local(opens).date() + timedelta(days=1), time.min)
