"""Words of the timeline: which types of activity people log, and through which channel contact went."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class LoggedType(StrEnum):
    """What people log. The other types are written when they happen."""

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


class WayOfContact(StrEnum):
    """The channel it went through."""

    PHONE = "phone"
    EMAIL = "email"
    SMS = "sms"
    IN_PERSON = "in_person"
    VIDEO = "video"
    CHAT = "chat"
    SOCIAL = "social"
    POST = "post"


# What a type means where nothing else is said.
CHANNEL_OF: Final[Mapping[str, str]] = {
    LoggedType.PHONE_CALL: WayOfContact.PHONE,
    LoggedType.EMAIL: WayOfContact.EMAIL,
    LoggedType.SMS: WayOfContact.SMS,
    LoggedType.IN_PERSON: WayOfContact.IN_PERSON,
}


ONE_WAY: Final = frozenset(
    {LoggedType.PHONE_CALL, LoggedType.EMAIL, LoggedType.SMS, LoggedType.DOCUMENT_SENT, LoggedType.QUOTE_SENT}
)


BETWEEN_PEOPLE: Final = ONE_WAY | {LoggedType.IN_PERSON}  # what can go in or out, and reach somebody or not
