"""Keywords in messages: a lead that answers STOP gets no more messages on this kind of address, until START.

A message counts only if it is the keyword alone, in any case and spacing. A longer message that asks for no more
messages is a request, which a user decides about.
"""

import re
from contextlib import suppress
from enum import StrEnum
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.identity.actor import Actor
from app.leads.errors import LeadIsRestricted
from app.leads.models import Lead
from app.messaging.contact_policy.consent_models import Consent
from app.messaging.contact_policy.consents import record_consent, withdraw_consent
from app.messaging.contact_policy.stop_words import REQUESTS, START, STOP
from app.messaging.models import AddressKind
from app.security.folded_text import plain_words

SOURCE: Final = "keyword"  # source of a consent
_ANSWER: Final = re.compile(r"^\s*(?:(?:re|aw|antw|sv|res|rif|réf)\s*:\s*)+", re.IGNORECASE)
_STOP: Final = frozenset(word for words in STOP.values() for word in plain_words(words).split())
_START: Final = frozenset(START.split())
_REQUESTS: Final = frozenset(
    plain_words(phrase) for phrases in REQUESTS.values() for line in phrases.splitlines() for phrase in line.split("|")
)
_NOT_LETTERS: Final = re.compile(r"[\s\d]+")
_LONGEST: Final = 40  # characters of a message that may be a keyword
_LONGEST_NAME: Final = 60  # characters of a name below a keyword in an e-mail
_LONGEST_REQUEST: Final = 1000  # characters that are read


class Keyword(StrEnum):
    """A request that a keyword makes."""

    STOP = "stop"
    START = "start"


def keyword_of(words: str | None) -> Keyword | None:
    """Return the keyword that the message consists of; None if it says anything else."""
    if not words or len(words) > _LONGEST:
        return None
    letters = _NOT_LETTERS.sub("", plain_words(words))
    return Keyword.STOP if letters in _STOP else Keyword.START if letters in _START else None


def keyword_line(text: str, subject: str) -> str:
    """Return the text of an e-mail that may be a keyword: without a name below it; without text, its subject."""
    first, _, rest = text.strip().partition("\n")
    if not first:
        return _ANSWER.sub("", subject)
    return first if len(rest.strip()) <= _LONGEST_NAME and keyword_of(first) else text


def asks_to_stop(text: str | None) -> bool:
    """Return whether a message that is no keyword may ask for no more messages."""
    words = f" {plain_words((text or '')[:_LONGEST_REQUEST])} "
    return any(f" {phrase} " in words for phrase in _REQUESTS)


def apply_keyword(
    session: Session, actor: Actor, lead: Lead, words: str | None, *, kind: AddressKind
) -> Keyword | None:
    """Obey the keyword of an inbound message of a locked lead, and return it; None if there is nothing to obey.

    STOP opts the lead out of all channels that use this kind of address. START ends that opt-out if a keyword began it.
    Any other message is a reply.
    """
    keyword = keyword_of(words)
    if keyword is Keyword.STOP:
        withdraw_consent(session, actor, lead, kind, wording=words or "", source=SOURCE)
        return keyword
    if keyword is Keyword.START and _stopped_by_keyword(session, lead, kind):
        consent = {"way": kind, "is_given": True, "wording": words, "source": SOURCE}
        with suppress(LeadIsRestricted):
            record_consent(session, actor, lead.id, consent)
            return keyword
    return None


def _stopped_by_keyword(session: Session, lead: Lead, kind: AddressKind) -> bool:
    if lead.opted_out_at is not None:
        return False
    latest = select(Consent.is_given, Consent.source).where(Consent.lead_id == lead.id, Consent.way == kind)
    found = session.execute(latest.order_by(Consent.id.desc()).limit(1)).one_or_none()
    return found is not None and not found.is_given and found.source == SOURCE
