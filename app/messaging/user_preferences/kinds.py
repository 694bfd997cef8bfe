"""Kinds of notices to users, and the values that a user can choose for a kind and a channel."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class NoticeKind(StrEnum):
    """The kind of a notice. Users choose the channels of each kind."""

    REMINDER = "reminder"
    ESCALATION = "escalation"
    RULE = "rule"
    LOST_SUGGESTION = "lost_suggestion"
    ASSIGNMENT = "assignment"
    REPLY = "reply"
    MENTION = "mention"
    NO_NEXT_ACTION = "no_next_action"
    SYSTEM = "system"
    DAILY_SUMMARY = "daily_summary"
    WEEKLY_SUMMARY = "weekly_summary"
    REPORT = "report"
    SECURITY = "security"
    ACCOUNT = "account"


class Delivery(StrEnum):
    """The value for a kind and a channel."""

    PLANNED = "planned"  # only where the rule, or the notice itself, names the channel
    ON = "on"
    OFF = "off"
    DIGEST = "digest"  # in the daily digest; only for e-mail


DESCRIPTIONS: Final[Mapping[NoticeKind, str]] = {
    NoticeKind.REMINDER: "A task of yours is about to be due.",
    NoticeKind.ESCALATION: "A lead was escalated to the admins, or writes about an emergency.",
    NoticeKind.RULE: "A rule or sequence of the clinic notifies you.",
    NoticeKind.LOST_SUGGESTION: "A lead looks lost.",
    NoticeKind.ASSIGNMENT: "A task was assigned to you.",
    NoticeKind.REPLY: "A lead answered by e-mail.",
    NoticeKind.MENTION: "A colleague mentioned you in a note.",
    NoticeKind.NO_NEXT_ACTION: "Leads of yours have no next action.",
    NoticeKind.SYSTEM: "For admins: something of the clinic does not work, or needs a decision.",
    NoticeKind.DAILY_SUMMARY: "For admins: what has waited for a decision for more than an hour.",
    NoticeKind.WEEKLY_SUMMARY: "For admins: the week in numbers, and what waits or failed.",
    NoticeKind.REPORT: "A report that is mailed to you every week or month.",
    NoticeKind.SECURITY: "For admins: an emergency access.",
    NoticeKind.ACCOUNT: "Invitations and password resets.",
}
MANDATORY: Final = frozenset({NoticeKind.SECURITY, NoticeKind.ACCOUNT})
ONLY_BY_EMAIL: Final = frozenset(
    {NoticeKind.DAILY_SUMMARY, NoticeKind.WEEKLY_SUMMARY, NoticeKind.REPORT, NoticeKind.ACCOUNT}
)
DIGEST_CHANNEL: Final = "email"
