"""Mapping between simplepro-follow-up-automation.md's activity terms and this project's tasks and timeline entries."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from app.leads.timeline.models import ActivityType
from app.tasks.models import TaskStatus, TaskType


class Kind(StrEnum):
    TASK = "task"  # planned for a person, open or done
    ENTRY = "entry"  # timeline entry


class LeadActivityType(StrEnum):
    CALL = "call"
    EMAIL = "email"
    MEETING = "meeting"
    QUOTE_SENT = "quote_sent"
    FOLLOW_UP = "follow_up"
    NOTE = "note"
    STATUS_CHANGE = "status_change"


class LoggableType(StrEnum):
    """Activity types that a user may plan or log. Status changes are logged automatically."""

    CALL = "call"
    EMAIL = "email"
    MEETING = "meeting"
    QUOTE_SENT = "quote_sent"
    FOLLOW_UP = "follow_up"
    NOTE = "note"


class State(StrEnum):
    PENDING = "pending"
    OVERDUE = "overdue"
    COMPLETED = "completed"  # completed, or logged without a plan
    CANCELLED = "cancelled"


TYPE_OF_TASK: Final[Mapping[TaskType, LeadActivityType]] = {
    **dict.fromkeys(TaskType, LeadActivityType.FOLLOW_UP),
    TaskType.CALL: LeadActivityType.CALL,
    TaskType.VIDEO_CALL: LeadActivityType.CALL,
    TaskType.EMAIL: LeadActivityType.EMAIL,
    TaskType.MEETING: LeadActivityType.MEETING,
    TaskType.CUSTOM: LeadActivityType.NOTE,
}
TYPE_OF_ENTRY: Final[Mapping[ActivityType, LeadActivityType]] = {
    ActivityType.PHONE_CALL: LeadActivityType.CALL,
    ActivityType.EMAIL: LeadActivityType.EMAIL,
    ActivityType.SMS: LeadActivityType.FOLLOW_UP,
    ActivityType.IN_PERSON: LeadActivityType.MEETING,
    ActivityType.NOTE: LeadActivityType.NOTE,
    ActivityType.STAGE_CHANGE: LeadActivityType.STATUS_CHANGE,
    ActivityType.ASSIGNMENT_CHANGE: LeadActivityType.STATUS_CHANGE,
    ActivityType.TASK_COMPLETED: LeadActivityType.FOLLOW_UP,
    ActivityType.DOCUMENT_SENT: LeadActivityType.QUOTE_SENT,  # quotes logged before they had their own type
    ActivityType.CONSULTATION_SCHEDULED: LeadActivityType.MEETING,
    ActivityType.CONSULTATION_COMPLETED: LeadActivityType.MEETING,
    ActivityType.CONSULTATION_MISSED: LeadActivityType.MEETING,
    ActivityType.QUOTE_SENT: LeadActivityType.QUOTE_SENT,
    ActivityType.ESTIMATE_CREATED: LeadActivityType.QUOTE_SENT,
}
TO_TASK: Final[Mapping[LoggableType, TaskType]] = {
    LoggableType.CALL: TaskType.CALL,
    LoggableType.EMAIL: TaskType.EMAIL,
    LoggableType.MEETING: TaskType.MEETING,
    LoggableType.FOLLOW_UP: TaskType.FOLLOW_UP,
    LoggableType.NOTE: TaskType.CUSTOM,
}
TO_ENTRY: Final[Mapping[LoggableType, ActivityType]] = {
    LoggableType.CALL: ActivityType.PHONE_CALL,
    LoggableType.EMAIL: ActivityType.EMAIL,
    LoggableType.MEETING: ActivityType.IN_PERSON,
    LoggableType.QUOTE_SENT: ActivityType.QUOTE_SENT,
    LoggableType.NOTE: ActivityType.NOTE,
}
TO_STATUS: Final[Mapping[State, tuple[TaskStatus, ...]]] = {
    State.PENDING: (TaskStatus.PENDING, TaskStatus.IN_PROGRESS),
    State.OVERDUE: (TaskStatus.OVERDUE,),
    State.COMPLETED: (TaskStatus.COMPLETED,),
    State.CANCELLED: (TaskStatus.CANCELLED,),
}
STATE_OF_STATUS: Final[Mapping[TaskStatus, State]] = {
    status: state for state, statuses in TO_STATUS.items() for status in statuses
}
DATE_FIELDS: Final = ("scheduled_date", "due_date")
