"""Reasons in words: the end of a sentence that says why a step was skipped, cancelled or postponed. Pure."""

from collections.abc import Mapping
from typing import Final

from app.automation.sequences.models import PauseReason
from app.engine.models import Reason
from app.engine.sequences.sequence import ExitReason
from app.engine.steps.moves import FIRST_CALL

# What moved a due time: parts of a rule's timing, and reasons for which a step was postponed.
MOVERS: Final[Mapping[str, str]] = {
    "opening_hours": "the opening hours",
    "hour_of_day": "the hour of the day that the rule names",
    "day_of_month": "the day of the month that the rule names",
    "best_time": "the hours at which the lead is best reached",
    "quiet_hours": "the quiet hours",
    "at_once": "the time that was left",
    FIRST_CALL: "the later time of the first call",
    Reason.NO_GATEWAY: "the missing gateway",
    Reason.NO_ACCOUNT: "the missing sending account",
    Reason.THROTTLED: "the rate limit of its gateway or sending account",
    Reason.RULE_PAUSED: "the pause of its rule or sequence",
    Reason.CHANNEL_DOWN: "the outage",
    Reason.OUTSIDE_HOURS: "the quiet hours",
    Reason.OUTSIDE_BUSINESS_HOURS: "the opening hours",
    Reason.WEEKEND: "the weekend",
    Reason.HOLIDAY: "a holiday",
    Reason.DAILY_CAP: "the daily limit of messages to the lead",
    Reason.WEEKLY_CAP: "the weekly limit of messages to the lead",
    Reason.MINIMUM_INTERVAL: "the interval after the lead's last message",
    Reason.ANOTHER_TOUCH: "another message to the lead",
    Reason.AWAITS_DECISION: "the decision about a message of the lead",
    Reason.PREVIOUS_MESSAGE: "the previous message of the sequence",
    Reason.WAITS_FOR_DIGEST: "the hour of the user's digest",
    Reason.WAITS_FOR_HOUR: "the hour that was chosen for the e-mail",
}

WORDS: Final[Mapping[str, str]] = {
    Reason.ALREADY_CONTACTED: "a user was in contact with the lead",
    Reason.REPLIED: "the lead replied",
    Reason.OPTED_OUT: "the lead opted out of all messages",
    Reason.CONVERTED: "the lead was converted",
    Reason.LOST: "the lead was lost",
    Reason.ARCHIVED: "the lead was archived",
    Reason.LEFT_STAGE: "the lead changed its stage",
    Reason.CONDITION_NOT_MET: "a condition was not met",
    Reason.RULE_INACTIVE: "its rule or sequence was inactive",
    # Reasons for which a step waits until a person acts: why, and what to do.
    Reason.RULE_PAUSED: (
        "its rule or sequence is paused (see `paused_because`, and activate it with PATCH /api/follow-up-rules/{id} or"
        " /api/sequences/{id})"
    ),
    Reason.NO_GATEWAY: (
        "the clinic has no gateway for it (add one with POST /api/gateways, or activate one or make it the default with"
        " PATCH)"
    ),
    Reason.NO_ACCOUNT: (
        "the clinic has no sending account for it (add one with POST /api/sending-accounts, or activate one or make it"
        " the default with PATCH)"
    ),
    Reason.CHANNEL_DOWN: (
        "the mail server, the gateway or the sending account takes no messages (it is sent after that; see"
        " GET /api/notifications/outages)"
    ),
    Reason.TASK_DONE: "the task was completed",
    Reason.TASK_CANCELLED: "the task was cancelled",
    Reason.TASK_MOVED: "the task got another date, and a new step replaces this one",
    Reason.TASK_GONE: "the task no longer exists",
    Reason.LEAD_GONE: "the lead no longer exists",
    Reason.TOO_LATE: "it was later than the rule allows",
    Reason.OUTSIDE_HOURS: "it was in the lead's quiet hours",
    Reason.OUTSIDE_BUSINESS_HOURS: "the clinic was closed",
    Reason.WEEKEND: "it was a weekend",
    Reason.HOLIDAY: "it was a holiday of the clinic or of the lead's country",
    Reason.DAILY_CAP: "the lead had the most messages that the clinic allows on a day",
    Reason.WEEKLY_CAP: "the lead had the most messages that the clinic allows in a week",
    Reason.SEQUENCE_CAP: "the lead had the most messages that the clinic allows from one rule or sequence",
    Reason.MINIMUM_INTERVAL: "the lead's last message was too recent",
    Reason.ANOTHER_TOUCH: "another message to the lead in the same window came first",
    Reason.AWAITS_DECISION: "a user is to decide about a message of the lead: whether it is a reply, or asks to stop",
    Reason.PREVIOUS_MESSAGE: "an earlier message of the same enrollment was not sent yet",
    Reason.THROTTLED: "its gateway or sending account had reached its limit of messages",
    Reason.OPTED_OUT_OF_CHANNEL: "the lead opted out of this channel",
    Reason.SUPPRESSED: "the lead's address is on the clinic's suppression list",
    Reason.NO_ADDRESS: "the lead has no address on this channel",
    Reason.INVALID_ADDRESS: "the lead's address is not valid",
    Reason.OUTSIDE_SESSION: (
        "the lead wrote nothing on WhatsApp in the 24 hours before, and the text has no approved template (add"
        " `provider_template` to the template)"
    ),
    Reason.NOBODY_TO_TELL: "no active user could get it",
    Reason.LINK_EXPIRED: "its link had expired",
    Reason.MISSING_FIELD: "a variable of the template had no value and no fallback",
    Reason.ALREADY_SUGGESTED: "the same was suggested before",
    Reason.UNDELIVERED: "the message before it did not reach the lead",
    Reason.NO_REPLY: "a program wrote the message that counted as a reply",
    Reason.ALREADY_ESCALATED: "the lead already had an open escalation",
    Reason.ALREADY_DELIVERED: "it was delivered before",
    Reason.SKIPPED_ON_RESUME: "it was due before the time that an operator chose when a hold ended",
    Reason.JOB_CANCELLED: "its job was cancelled",
    Reason.RESTRICTED: "processing is restricted at the lead's request",
    Reason.ERASED: "the lead's personal data was erased",
    Reason.MERGED: "the lead was merged into another one",
    Reason.BY_HAND: "a user decided so",
    Reason.STOPPED: "an event happened that stops it",
    Reason.RESCHEDULED: "the consultation was rescheduled",
    Reason.RULE_CHANGED: "the rule was changed, deleted or stopped",
    Reason.ALREADY_SO: "the lead was in that stage, or had that coordinator, already",
    Reason.PAUSED: "the enrollment was paused",
    Reason.NEW_VERSION: "the enrollment moved to another version of the sequence",
    Reason.NOT_ENROLLED: "the lead was no longer in the sequence",
    Reason.TURNED_OFF: "the user turned off notices of this kind on the channel",
    Reason.WAITS_FOR_DIGEST: "it is part of the user's next daily digest",
    Reason.IN_DIGEST: "it was sent in a daily digest",
    Reason.READ_BEFORE_DIGEST: "the user read it before the digest",
    Reason.DESTINATION_GONE: "the user's destination no longer exists",
    Reason.WAITS_FOR_HOUR: "a later hour was chosen for the e-mail",
    Reason.NOT_SCHEDULED: "the report, its schedule or the user's permission to read it is gone",
    Reason.NOTHING_NEW: "there was nothing new to report",
    Reason.NO_KEY: "the event did not say what it was about: the value that the rule or sequence names was missing",
    Reason.NO_TEMPLATE: "its task template was deleted",
    Reason.NOT_POSSIBLE: "the lead could not be changed that way",
    ExitReason.MEETING_BOOKED: "a consultation was booked",
    ExitReason.BOUNCED: "a message bounced",
    ExitReason.COLLEAGUE_REPLIED: "another lead with the same `exit_on_colleague` value replied",
    ExitReason.GOAL: "the goal of the sequence was reached",
    ExitReason.UNENROLLED: "a rule ended it",
    ExitReason.SEQUENCE_DELETED: "the sequence was deleted",
    PauseReason.QUESTION: "a user is to decide whether the lead replied",
    PauseReason.SEQUENCE_INACTIVE: "the sequence is inactive",
}


def because(reason: str) -> str:
    """Return the words that follow "because". A reason of an older version is named by its code."""
    return WORDS.get(reason, f"of {reason}")


def mover(by: str) -> str:
    """Return what moved a due time, in words."""
    return MOVERS.get(by, by)
