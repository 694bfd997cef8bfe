"""Keywords in messages: a lead that answers STOP gets no more messages on this kind of address, until START.

A message counts if it says nothing but the keyword: in any case and spacing, repeated, with politeness, and between a
greeting and a signature. A longer message that asks for no more messages is a request, which a user decides about.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Final, TypeAlias

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.identity.actor import Actor
from app.leads.errors import LeadIsRestricted
from app.leads.models import Lead
from app.messaging.contact_policy.consent_models import Consent
from app.messaging.contact_policy.consents import record_consent, withdraw_consent
from app.messaging.contact_policy.stop_words.requests import asks_for_no_more, sentences_of
from app.messaging.contact_policy.stop_words.words import (
    AROUND,
    EMAILS,
    GREETINGS,
    IN_NAMES,
    MESSAGES,
    ONLY_ALONE,
    START,
    STOP,
    STOP_IN_TEXTS,
    TEXTS,
)
from app.messaging.models import AddressKind
from app.security.folded_text import plain_words, words_of

SOURCE: Final = "keyword"  # source of a consent
_ANSWER: Final = re.compile(r"^\s*(?:(?:re|aw|antw|sv|res|rif|réf)\s*:\s*)+", re.IGNORECASE)
_LONGEST: Final = 2_000  # characters of a message that may be a keyword with a greeting and a signature
_LONGEST_READ: Final = 100_000  # characters in which requests are found
_MOST_SIGNATURE_LINES: Final = 8
_LONGEST_SIGNATURE_LINE: Final = 60  # characters
_MOST_WORDS_IN_LINE: Final = 6  # of a greeting, or of a name, a title or an address
_DIGITS_OF_PHONE: Final = 5
_DIGITS: Final = re.compile(r"\d+")
_ADDRESS: Final = re.compile(r"\S@\S|www\.|https?://", re.IGNORECASE)
_UMLAUTS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})

Phrase: TypeAlias = tuple[str, ...]


class Keyword(StrEnum):
    """A request that a keyword makes."""

    STOP = "stop"
    START = "start"


class _Part(StrEnum):
    """The meaning of a phrase in a message that may be a keyword."""

    STOP = "stop"
    STOP_IN_TEXTS = "stop_in_texts"
    START = "start"
    OBJECT = "object"
    AROUND = "around"


def _phrases(lists: Iterable[str], part: _Part) -> dict[Phrase, _Part]:
    spelled = [written for one in "|".join(lists).split("|") for written in (one, one.translate(_UMLAUTS))]
    return {tuple(words_of(one)): part for one in spelled}


_COMMON: Final = {
    **_phrases(AROUND.values(), _Part.AROUND),
    **_phrases([MESSAGES], _Part.OBJECT),
    **_phrases([START], _Part.START),
    **_phrases([STOP_IN_TEXTS], _Part.STOP_IN_TEXTS),
    **_phrases(STOP.values(), _Part.STOP),
}
_PARTS: Final[Mapping[AddressKind, Mapping[Phrase, _Part]]] = {
    AddressKind.EMAIL: {**_phrases([EMAILS], _Part.OBJECT), **_COMMON},
    AddressKind.PHONE: {**_phrases([TEXTS], _Part.OBJECT), **_COMMON},
}
_OF_ANY_KIND: Final = {**_PARTS[AddressKind.EMAIL], **_PARTS[AddressKind.PHONE]}
_LONGEST_PHRASE: Final = max(map(len, _COMMON))
_SPACED: Final = {"".join(phrase): part for phrase, part in _COMMON.items()}  # such as `s t o p`
_ONLY_ALONE: Final = frozenset(_phrases([ONLY_ALONE], _Part.STOP))
_IN_THE_MIDDLE: Final = {phrase: part for phrase, part in _COMMON.items() if phrase not in _ONLY_ALONE}


def keyword_of(words: str | None, kind: AddressKind) -> Keyword | None:
    """Return the keyword that the message consists of; None if it says anything else."""
    if not words or len(words) > _LONGEST:
        return None
    return _keyword(_parts_of_message(words, kind), kind)


def _keyword(found: frozenset[_Part], kind: AddressKind) -> Keyword | None:
    if _stops(found, kind):
        return Keyword.STOP
    return Keyword.START if _Part.START in found and found <= {_Part.START, _Part.AROUND} else None


def said(text: str, subject: str) -> str:
    """Return what an e-mail says: its text, or its subject if it has none."""
    return text if text.strip() else _ANSWER.sub("", subject)


def asks_to_stop(words: str | None, kind: AddressKind) -> bool:
    """Return whether a message that is no keyword may ask for no more messages."""
    if not words:
        return False
    found = _parts_of_message(words, kind) if len(words) <= _LONGEST else frozenset()
    if _keyword(found, kind):
        return False
    if _Part.STOP_IN_TEXTS in found:
        return True
    read = words[:_LONGEST_READ]
    if any(_stops(_parts(line.split(), _OF_ANY_KIND), kind) for line in map(plain_words, read.splitlines()) if line):
        return True
    sentences = sentences_of(read)
    clauses = (clause.split() for sentence in sentences for clause in sentence.split(","))
    return any(_Part.STOP in _parts(clause, _IN_THE_MIDDLE) for clause in clauses) or asks_for_no_more(sentences)


def apply_keyword(
    session: Session, actor: Actor, lead: Lead, words: str | None, *, kind: AddressKind
) -> Keyword | None:
    """Obey the keyword of an inbound message of a locked lead, and return it; None if there is nothing to obey.

    STOP opts the lead out of all channels that use this kind of address. START ends that opt-out if a keyword began it.
    Any other message is a reply.
    """
    keyword = keyword_of(words, kind)
    if keyword is Keyword.STOP:
        withdraw_consent(session, actor, lead, kind, wording=words or "", source=SOURCE)
        return keyword
    if keyword is Keyword.START and _stopped_by_keyword(session, lead, kind):
        consent = {"way": kind, "is_given": True, "wording": words, "source": SOURCE}
        with suppress(LeadIsRestricted):
            record_consent(session, actor, lead.id, consent)
            return keyword
    return None


def _stops(found: frozenset[_Part], kind: AddressKind) -> bool:
    """Whether these parts are an opt-out. A carrier's word must be alone in a text message, or say what it stops."""
    if _Part.START in found:
        return False
    if _Part.STOP in found:
        return True
    is_alone = kind is AddressKind.PHONE and found == {_Part.STOP_IN_TEXTS}
    return is_alone or found >= {_Part.STOP_IN_TEXTS, _Part.OBJECT}


def _parts_of_message(words: str, kind: AddressKind) -> frozenset[_Part]:
    """Return the parts of a message without its greeting and signature; nothing if it has any other words."""
    spaced = _SPACED.get(_DIGITS.sub("", "".join(words_of(words))))
    if spaced is not None and spaced is not _Part.AROUND:
        return frozenset([spaced])
    lines = [line.strip() for line in words.splitlines() if words_of(line)]
    found: set[_Part] = set()
    for place, line in enumerate(lines):
        parts = _parts(_DIGITS.sub("", plain_words(line)).split(), _PARTS[kind])
        if parts:
            found |= parts
        elif place or not _is_greeting(line):
            return frozenset(found) if _is_signature(lines[place:]) else frozenset()
    return frozenset(found)


def _parts(words: Sequence[str], known: Mapping[Phrase, _Part]) -> frozenset[_Part]:
    """Return the parts that the words consist of, the longest phrases first; nothing if one of them is unknown."""
    found: set[_Part] = set()
    place = 0
    while place < len(words):
        lengths = range(min(_LONGEST_PHRASE, len(words) - place), 0, -1)
        length = next((one for one in lengths if tuple(words[place : place + one]) in known), 0)
        if not length:
            return frozenset()
        found.add(known[tuple(words[place : place + length])])
        place += length
    return frozenset(found)


def _is_greeting(line: str) -> bool:
    words = words_of(line)
    return words[0] in GREETINGS and len(words) <= _MOST_WORDS_IN_LINE


def _is_signature(lines: Sequence[str]) -> bool:
    """Whether the last lines of a message are a name, with a title and addresses, and no sentence."""
    if len(lines) == 1 and lines[0].isalpha():
        return True
    return len(lines) <= _MOST_SIGNATURE_LINES and all(map(_is_line_of_signature, lines))


def _is_line_of_signature(line: str) -> bool:
    if len(line) > _LONGEST_SIGNATURE_LINE or line.endswith("?"):
        return False
    if _ADDRESS.search(line) or sum(one.isdigit() for one in line) >= _DIGITS_OF_PHONE:
        return True
    words = re.findall(r"[^\W_]+", line)
    is_shouted = line.isupper() and len(words) > 2  # noqa: PLR2004  (a name; more words are a sentence)
    are_names = all(not word[0].islower() or word in IN_NAMES for word in words)
    return are_names and not is_shouted and len(words) <= _MOST_WORDS_IN_LINE


def _stopped_by_keyword(session: Session, lead: Lead, kind: AddressKind) -> bool:
    if lead.opted_out_at is not None:
        return False
    latest = select(Consent.is_given, Consent.source).where(Consent.lead_id == lead.id, Consent.way == kind)
    found = session.execute(latest.order_by(Consent.id.desc()).limit(1)).one_or_none()
    return found is not None and not found.is_given and found.source == SOURCE
