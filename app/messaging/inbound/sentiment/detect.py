"""Label a text by the lexicon of its language: urgent, negative, positive or neutral, with the deciding words. Pure.

A text whose language is not sure, or has no lexicon, gets no label. Nor does one without a word that decides, because a
complaint in plain words is not neutral; only a question in plain words is.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from app.core.validation import language_tags
from app.leads.timeline.sentiment import Sentiment
from app.messaging.inbound.sentiment.emergencies import emergency_words
from app.messaging.inbound.sentiment.language import language_of
from app.security.folded_text import plain_words

LONGEST_READ: Final = 5000  # characters
NEGATED_WITHIN: Final = 3  # words before a word of the lexicon
CLEAR: Final = 2  # points; fewer do not count in a question, as in "Can you help me with a problem?"
_ENGLISH: Final = "en"
_WORD: Final = re.compile(r"[a-z]+(?:'[a-z]+)?")
_CLAUSE: Final = re.compile(r"[^.!?;,\n]+[.!?;,\n]?")
_BUT: Final = re.compile(r"\b(?:but|mais|pero|aber|mas|ma)\b")
_QUOTE: Final = "\u2019"  # the apostrophe that phones write
_FOLDER: Final = Path(__file__).parent


class Section(StrEnum):
    """Sections of the lexicon."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    URGENT = "urgent"
    NEGATION = "negation"
    DOUBT = "doubt"  # such as "another", "nobody": irony and complaints have them


class Entry(NamedTuple):
    """An entry of the lexicon. Only positive and negative ones have points."""

    section: Section
    points: int


class Detected(NamedTuple):
    """A label, and the words that decided it, such as `not happy`."""

    label: Sentiment
    words: tuple[str, ...]


class _Hit(NamedTuple):
    entry: Entry
    words: str
    is_negated: bool
    is_asked: bool


def detect_sentiment(text: str, expected: str = language_tags.DEFAULT) -> Detected | None:
    """Return the sentiment of a text; None if no word decides, or its language is not sure or has no lexicon.

    `expected`: the language of the lead, for a text that is too short to tell. A negation up to three words before
    turns a positive word into a negative one, and ends an urgent or negative one. An emergency is urgent in every
    language.
    """
    if words := emergency_words(text):
        return Detected(Sentiment.URGENT, words)
    language = language_of(text, expected) if text.strip() else None
    return _label(list(_all_hits(text, language)), asks=text.rstrip().endswith("?")) if language else None


def _label(hits: Sequence[_Hit], *, asks: bool) -> Detected | None:
    if urgent := [hit.words for hit in hits if hit.entry.section is Section.URGENT and not hit.is_negated]:
        return Detected(Sentiment.URGENT, tuple(urgent))
    negative = [hit for hit in hits if _is_negative(hit)]
    positive = [hit for hit in hits if hit.entry.section is Section.POSITIVE and not hit.is_negated]
    balance = sum(hit.entry.points for hit in positive) - sum(hit.entry.points for hit in negative)
    if balance < 0:
        return Detected(Sentiment.NEGATIVE, tuple(hit.words for hit in negative))
    if any(hit.entry.section is Section.DOUBT for hit in hits):
        return None
    if balance > 0:
        return Detected(Sentiment.POSITIVE, tuple(hit.words for hit in positive))
    return Detected(Sentiment.NEUTRAL, ()) if not positive and (asks or hits) else None


def _is_negative(hit: _Hit) -> bool:
    sections = (Section.POSITIVE, Section.NEGATIVE)
    return hit.entry.section in sections and hit.is_negated == (hit.entry.section is Section.POSITIVE)


def _all_hits(text: str, language: str) -> Iterator[_Hit]:
    for clause in _CLAUSE.findall(text[:LONGEST_READ].lower().replace(_QUOTE, "'")):
        for part in _BUT.split(clause):
            hits = _hits(part, language, is_asked=clause.endswith("?"))
            yield from (hit for hit in hits if not hit.is_asked or _counts_in_a_question(hit))


def _counts_in_a_question(hit: _Hit) -> bool:
    return hit.entry.section is Section.URGENT or hit.entry.points >= CLEAR


def _hits(clause: str, language: str, *, is_asked: bool) -> Iterator[_Hit]:
    """Yield the entries in a clause, the longest phrase first at each place."""
    words = _WORD.findall(clause) if language == _ENGLISH else plain_words(clause.replace("'", " ")).split()
    place, negations_of_language = 0, lexicon(language).negations
    while place < len(words):
        length, entry = _longest(words[place:], language)
        if entry is None:
            place += 1
            continue
        before = words[max(0, place - NEGATED_WITHIN) : place]
        negations = [at for at, word in enumerate(before) if word in negations_of_language]
        said = [*(before[negations[-1] :] if negations else []), *words[place : place + length]]
        yield _Hit(entry, " ".join(said), bool(negations), is_asked)
        place += length


def _longest(words: Sequence[str], language: str) -> tuple[int, Entry | None]:
    known = lexicon(language)
    for length in range(min(known.longest, len(words)), 0, -1):
        if entry := known.entries.get(" ".join(words[:length])):
            return length, entry
    return 0, None


class Lexicon(NamedTuple):
    """Entries by their words, the negations, and the number of words of the longest entry."""

    entries: Mapping[str, Entry]
    negations: frozenset[str]
    longest: int


@cache
def lexicon(language: str) -> Lexicon:
    """Return the lexicon of a language."""
    found: dict[str, Entry] = {}
    negations: set[str] = set()
    section = Section.POSITIVE
    for line in (_FOLDER / f"lexicon_{language}.txt").read_text().splitlines():
        if line.startswith("["):
            section = Section(line.strip("[]"))
        elif section is Section.NEGATION and line:
            negations.add(line)
        elif line and not line.startswith("#"):
            has_points = section in (Section.POSITIVE, Section.NEGATIVE)
            points, _, words = line.partition(" ") if has_points else ("0", "", line)
            found[words] = Entry(section, int(points))
    return Lexicon(found, frozenset(negations), max(len(words.split()) for words in found))
