"""Keywords in text messages: a lead that answers STOP gets no more messages, until it answers START.

A message counts only if it is the keyword alone, in any case and spacing: nothing is guessed from other words.
"""

import re
from enum import StrEnum
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.identity.actor import Actor
from app.leads.errors import LeadIsRestricted
from app.leads.models import Lead
from app.messaging.contact_policy.consent_models import Consent
from app.messaging.contact_policy.consents import record_consent, withdraw_consent
from app.messaging.models import AddressKind

SOURCE: Final = "keyword"  # source of a consent
_STOP: Final = frozenset({"stop", "stopall", "quit", "end", "revoke", "optout", "cancel", "unsubscribe"})
_START: Final = frozenset({"start", "unstop", "yesstart", "optin", "subscribe"})
_NOT_LETTERS: Final = re.compile(r"[^a-z]+")
_LONGEST: Final = 40  # characters of a message that may be a keyword


class Keyword(StrEnum):
    """A request that a keyword makes."""

    STOP = "stop"
    START = "start"


def keyword_of(words: str | None) -> Keyword | None:
    """Return the keyword that the message consists of; None if it says anything else."""
    if not words or len(words) > _LONGEST:
        return None
    letters = _NOT_LETTERS.sub("", words.lower())
    if any(character.isalnum() and not character.isascii() for character in words):
        return None
    return Keyword.STOP if letters in _STOP else Keyword.START if letters in _START else None


def apply_keyword(
    session: Session, actor: Actor, lead: Lead, words: str | None, *, kind: AddressKind
) -> Keyword | None:
    """Apply the keyword of an inbound message of a locked lead, and return it; None if the message has none.

    STOP opts the lead out of all channels that use this kind of address. START ends that opt-out only if a keyword
    began it.
    """
    keyword = keyword_of(words)
    if keyword is Keyword.STOP:
        withdraw_consent(session, actor, lead, kind, wording=words or "", source=SOURCE)
    elif keyword is Keyword.START and _stopped_by_keyword(session, lead, kind):
        consent = {"way": kind, "is_given": True, "wording": words, "source": SOURCE}
        try:
            record_consent(session, actor, lead.id, consent)
        except LeadIsRestricted:
            return None
    return keyword


def _stopped_by_keyword(session: Session, lead: Lead, kind: AddressKind) -> bool:
    if lead.opted_out_at is not None:
        return False
    latest = select(Consent.is_given, Consent.source).where(Consent.lead_id == lead.id, Consent.way == kind)
    found = session.execute(latest.order_by(Consent.id.desc()).limit(1)).one_or_none()
    return found is not None and not found.is_given and found.source == SOURCE
