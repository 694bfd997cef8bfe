"""Vocabulary of the timeline: activity types that users log, and contact channels."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from app.leads.timeline.models import Outcome


class LoggedType(StrEnum):
    """Activity types that users log. The system writes the other types."""

    PHONE_CALL = "PHONE_CALL"
    EMAIL = "EMAIL"
    SMS = "SMS"
    IN_PERSON = "IN_PERSON"
    NOTE = "NOTE"
    DOCUMENT_SENT = "DOCUMENT_SENT"
    CONSULTATION_SCHEDULED = "CONSULTATION_SCHEDULED"
    CONSULTATION_COMPLETED = "CONSULTATION_COMPLETED"
    CONSULTATION_MISSED = "CONSULTATION_MISSED"
    QUOTE_SENT = "QUOTE_SENT"
    ESTIMATE_CREATED = "ESTIMATE_CREATED"


# Accepted besides: the word for tasks. The source documents use both.
LOGGED_TYPE_WORDS: Final[Mapping[str, LoggedType]] = {"CALL": LoggedType.PHONE_CALL}


class ContactChannel(StrEnum):
    """Channel of a contact."""

    PHONE = "phone"
    EMAIL = "email"
    SMS = "sms"
    WHATSAPP = "whatsapp"
    IN_PERSON = "in_person"
    VIDEO = "video"
    CHAT = "chat"
    SOCIAL = "social"
    POST = "post"


# Channel of an activity type, unless one is given.
DEFAULT_CHANNELS: Final[Mapping[str, str]] = {
    LoggedType.PHONE_CALL: ContactChannel.PHONE,
    LoggedType.EMAIL: ContactChannel.EMAIL,
    LoggedType.SMS: ContactChannel.SMS,
    LoggedType.IN_PERSON: ContactChannel.IN_PERSON,
}


OUTBOUND_BY_DEFAULT: Final = frozenset(
    {LoggedType.PHONE_CALL, LoggedType.EMAIL, LoggedType.SMS, LoggedType.DOCUMENT_SENT, LoggedType.QUOTE_SENT}
)


WITH_DIRECTION: Final = OUTBOUND_BY_DEFAULT | {LoggedType.IN_PERSON}  # types with a direction and an outcome

_OF_CALLS: Final = frozenset({Outcome.VOICEMAIL, Outcome.WRONG_NUMBER})
_OF_TALKS: Final = _OF_CALLS | {Outcome.NO_ANSWER, Outcome.SPOKE}
# Outcomes that an activity of each type may have. Types that are missing have none.
OUTCOMES_OF: Final[Mapping[str, frozenset[Outcome]]] = {
    LoggedType.PHONE_CALL: frozenset(Outcome),
    LoggedType.IN_PERSON: frozenset(Outcome) - _OF_CALLS,
    LoggedType.EMAIL: frozenset(Outcome) - _OF_TALKS,
    LoggedType.SMS: frozenset(Outcome) - _OF_TALKS,
    LoggedType.DOCUMENT_SENT: frozenset(Outcome) - _OF_TALKS,
    LoggedType.QUOTE_SENT: frozenset(Outcome) - _OF_TALKS,
}


def outcome_mistake(kind: str, outcome: str) -> str | None:
    """Return why an activity of this type cannot have the outcome; None if it can."""
    allowed = OUTCOMES_OF.get(kind, frozenset())
    if outcome in allowed:
        return None
    return f"For {kind}, one of {', '.join(sorted(allowed))}." if allowed else f"Not allowed for {kind}."
