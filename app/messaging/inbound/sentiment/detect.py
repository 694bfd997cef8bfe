"""Label a text by a lexicon: urgent, negative, positive or neutral, with the words that decided it. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from app.core.validation import language_tags
from app.leads.timeline.sentiment import Sentiment

LONGEST_READ: Final = 5000  # characters
NEGATED_WITHIN: Final = 3  # words before a word of the lexicon
NEGATIONS: Final = frozenset(
    {"not", "no", "never", "hardly", "isn't", "wasn't", "aren't", "don't", "didn't", "doesn't", "won't", "nothing"}
)
_WORD: Final = re.compile(r"[a-z]+(?:'[a-z]+)?")
_CLAUSE: Final = re.compile(r"[.!?;,\n]|\bbut\b")
_QUOTE: Final = "\u2019"  # the apostrophe that phones write
_FILE: Final = Path(__file__).with_name("lexicon_en.txt")


class Section(StrEnum):
    """Sections of the lexicon."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    URGENT = "urgent"


class Entry(NamedTuple):
    """An entry of the lexicon. An urgent one has no points."""

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


def detect_sentiment(text: str, language: str = language_tags.DEFAULT) -> Detected | None:
    """Return the sentiment of a text; None for an empty text, or a language without a lexicon.

    A negation up to three words before turns a positive word into a negative one, and ends an urgent or negative one.
    """
    if not text.strip() or not language.lower().startswith("en"):
        return None
    hits = [hit for clause in _CLAUSE.split(text[:LONGEST_READ].lower().replace(_QUOTE, "'")) for hit in _hits(clause)]
    if urgent := [hit.words for hit in hits if hit.entry.section is Section.URGENT and not hit.is_negated]:
        return Detected(Sentiment.URGENT, tuple(urgent))
    negative = [hit for hit in hits if _is_negative(hit)]
    positive = [hit for hit in hits if hit.entry.section is Section.POSITIVE and not hit.is_negated]
    balance = sum(hit.entry.points for hit in positive) - sum(hit.entry.points for hit in negative)
    if balance == 0:
        return Detected(Sentiment.NEUTRAL, ())
    label, decided = (Sentiment.POSITIVE, positive) if balance > 0 else (Sentiment.NEGATIVE, negative)
    return Detected(label, tuple(hit.words for hit in decided))


def _is_negative(hit: _Hit) -> bool:
    return hit.is_negated == (hit.entry.section is Section.POSITIVE) and hit.entry.section is not Section.URGENT


def _hits(clause: str) -> Iterator[_Hit]:
    """Yield the entries in a clause, the longest phrase first at each place."""
    words, place = _WORD.findall(clause), 0
    while place < len(words):
        length, entry = _longest(words[place:])
        if entry is None:
            place += 1
            continue
        before = words[max(0, place - NEGATED_WITHIN) : place]
        negations = [at for at, word in enumerate(before) if word in NEGATIONS]
        said = [*(before[negations[-1] :] if negations else []), *words[place : place + length]]
        yield _Hit(entry, " ".join(said), bool(negations))
        place += length


def _longest(words: Sequence[str]) -> tuple[int, Entry | None]:
    known, longest = lexicon()
    for length in range(min(longest, len(words)), 0, -1):
        if entry := known.get(" ".join(words[:length])):
            return length, entry
    return 0, None


@cache
def lexicon() -> tuple[Mapping[str, Entry], int]:
    """Return the entries of the English lexicon by their words, and the number of words of the longest one."""
    found: dict[str, Entry] = {}
    section = Section.POSITIVE
    for line in _FILE.read_text().splitlines():
        if line.startswith("["):
            section = Section(line.strip("[]"))
        elif line and not line.startswith("#"):
            points, _, words = line.partition(" ") if section is not Section.URGENT else ("0", "", line)
            found[words] = Entry(section, int(points))
    return found, max(len(words.split()) for words in found)
