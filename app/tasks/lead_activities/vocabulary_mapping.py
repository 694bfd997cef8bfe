"""The words of simplepro-follow-up-automation.md for what are tasks and entries of the timeline here."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from app.leads.timeline.models import ActivityType, Outcome
from app.tasks.models import TaskOutcome, TaskStatus, TaskType


class Kind(StrEnum):
    TASK = "task"  # planned: somebody is to do it, or did
    ENTRY = "entry"  # it happened


class LeadActivityType(StrEnum):
    CALL = "call"
    EMAIL = "email"
    MEETING = "meeting"
    QUOTE_SENT = "quote_sent"
    FOLLOW_UP = "follow_up"
    NOTE = "note"
    STATUS_CHANGE = "status_change"


class Given(StrEnum):
    """What people may plan or log; that the status changed is written when it does."""

    CALL = "call"
    EMAIL = "email"
    MEETING = "meeting"
    QUOTE_SENT = "quote_sent"
    FOLLOW_UP = "follow_up"
    NOTE = "note"


class State(StrEnum):
    PENDING = "pending"
    OVERDUE = "overdue"
    COMPLETED = "completed"  # done; or it happened without having been planned
    CANCELLED = "cancelled"


OF_TASK: Final[Mapping[TaskType, LeadActivityType]] = {
    **dict.fromkeys(TaskType, LeadActivityType.FOLLOW_UP),
    TaskType.CALL: LeadActivityType.CALL,
    TaskType.VIDEO_CALL: LeadActivityType.CALL,
    TaskType.EMAIL: LeadActivityType.EMAIL,
    TaskType.MEETING: LeadActivityType.MEETING,
    TaskType.CUSTOM: LeadActivityType.NOTE,
}
OF_ENTRY: Final[Mapping[ActivityType, LeadActivityType]] = {
    ActivityType.PHONE_CALL: LeadActivityType.CALL,
    ActivityType.EMAIL: LeadActivityType.EMAIL,
    ActivityType.SMS: LeadActivityType.FOLLOW_UP,
    ActivityType.IN_PERSON: LeadActivityType.MEETING,
    ActivityType.NOTE: LeadActivityType.NOTE,
    ActivityType.STAGE_CHANGE: LeadActivityType.STATUS_CHANGE,
    ActivityType.ASSIGNMENT_CHANGE: LeadActivityType.STATUS_CHANGE,
    ActivityType.TASK_COMPLETED: LeadActivityType.FOLLOW_UP,
    ActivityType.DOCUMENT_SENT: LeadActivityType.QUOTE_SENT,  # as quotes were logged before they had a type
    ActivityType.CONSULTATION_SCHEDULED: LeadActivityType.MEETING,
    ActivityType.CONSULTATION_COMPLETED: LeadActivityType.MEETING,
    ActivityType.CONSULTATION_MISSED: LeadActivityType.MEETING,
    ActivityType.QUOTE_SENT: LeadActivityType.QUOTE_SENT,
    ActivityType.ESTIMATE_CREATED: LeadActivityType.QUOTE_SENT,
}
TO_TASK: Final[Mapping[Given, TaskType]] = {
    Given.CALL: TaskType.CALL,
    Given.EMAIL: TaskType.EMAIL,
    Given.MEETING: TaskType.MEETING,
    Given.QUOTE_SENT: TaskType.FOLLOW_UP,
    Given.FOLLOW_UP: TaskType.FOLLOW_UP,
    Given.NOTE: TaskType.CUSTOM,
}
TO_ENTRY: Final[Mapping[Given, ActivityType]] = {
    Given.CALL: ActivityType.PHONE_CALL,
    Given.EMAIL: ActivityType.EMAIL,
    Given.MEETING: ActivityType.IN_PERSON,
    Given.QUOTE_SENT: ActivityType.QUOTE_SENT,
    Given.FOLLOW_UP: ActivityType.NOTE,
    Given.NOTE: ActivityType.NOTE,
}
TO_STATUS: Final[Mapping[State, tuple[TaskStatus, ...]]] = {
    State.PENDING: (TaskStatus.PENDING, TaskStatus.IN_PROGRESS),
    State.OVERDUE: (TaskStatus.OVERDUE,),
    State.COMPLETED: (TaskStatus.COMPLETED,),
    State.CANCELLED: (TaskStatus.CANCELLED,),
}
OF_STATUS: Final[Mapping[TaskStatus, State]] = {
    status: state for state, statuses in TO_STATUS.items() for status in statuses
}
# What an attempt to reach somebody came to; whoever said yes, no or later was spoken with.
TO_ATTEMPT: Final[Mapping[TaskOutcome, Outcome]] = {
    **dict.fromkeys(TaskOutcome, Outcome.SPOKE),
    TaskOutcome.NO_ANSWER: Outcome.NO_ANSWER,
    TaskOutcome.VOICEMAIL: Outcome.VOICEMAIL,
    TaskOutcome.WRONG_NUMBER: Outcome.WRONG_NUMBER,
}


WHEN: Final = ("scheduled_date", "due_date")
